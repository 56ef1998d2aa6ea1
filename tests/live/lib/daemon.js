// Starts and stops the program under test. POLLCAST_BIN or POLLCAST in the environment name it, else
// build/pollcast. What a test leaves running is killed, and data folders made here are removed,
// when the test process ends.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../..');
export const program = process.env.POLLCAST_BIN ?? process.env.POLLCAST ?? path.join(root, 'build', 'pollcast');

const START_MS = 20_000;
const STOP_MS = 20_000;
const running = new Set();
const folders = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

export function tempFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollcast-test-'));
  folders.add(folder);
  return folder;
}

// Rejects with `what` unless the promise settles in time.
export function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took over ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Daemon {
  log = []; // lines of standard error
  url = undefined; // http://127.0.0.1:4711
  #waiters = [];
  #told = false; // to end

  constructor({ data = tempFolder(), args = [], env = {}, wrap = [] }) {
    this.data = data;
    const [file, ...rest] = [...wrap, program, 'serve', '--listen', '127.0.0.1:0', '--data', data, ...args];
    this.child = spawn(file, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.pid = this.child.pid;
    running.add(this.child);
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ code: -1, signal: null, error }));
      // `close` comes after the last line was read.
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    }).then((end) => {
      running.delete(this.child);
      // What fails then fails for a reason that is not seen otherwise.
      if (this.url && (!this.#told || end.code > 0 || (end.signal && end.signal !== 'SIGKILL'))) {
        console.error(`the server ended by itself, ${JSON.stringify(end)}:\n${this.log.slice(-30).join('\n')}`);
      }
      return end;
    });
    readline.createInterface({ input: this.child.stderr }).on('line', (line) => {
      this.log.push(line);
      this.#waiters = this.#waiters.filter((waiter) => !waiter(line));
    });
  }

  // The first line that matches, of those there are or those to come.
  line(pattern, ms = START_MS) {
    const there = this.log.find((line) => pattern.test(line));
    if (there) return Promise.resolve(there);
    const coming = new Promise((resolve, reject) => {
      this.#waiters.push((line) => pattern.test(line) && (resolve(line), true));
      this.exited.then((end) => reject(new Error(`it ended (${JSON.stringify(end)}):\n${this.log.join('\n')}`)));
    });
    coming.catch(() => {});
    return within(ms, coming, `waiting for ${pattern}`);
  }

  async ready() {
    const line = await this.line(/\blistening\b/);
    const address = /\baddress"?[=:]"?([^\s",]+)/.exec(line)[1];
    this.url = `http://${address}`;
    return this;
  }

  // Stops it in order; fails when it does not end with 0, or has ended by itself before.
  async stop() {
    if (this.#told) return;
    this.#told = true;
    this.child.kill('SIGTERM');
    const end = await within(STOP_MS, this.exited, 'stopping').catch((error) => {
      this.child.kill('SIGKILL');
      throw new Error(`${error.message}:\n${this.log.slice(-20).join('\n')}`);
    });
    if (end.code !== 0) throw new Error(`it ended with ${JSON.stringify(end)}:\n${this.log.join('\n')}`);
  }

  // kill -9.
  async kill() {
    this.#told = true;
    this.child.kill('SIGKILL');
    await this.exited;
  }

  // One request. body: an object (sent as JSON) or text; agent: false opens a connection of its own.
  // Resolves to {status, headers, text, json}.
  request(method, target, { body, headers = {}, agent = false } = {}) {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { ...headers };
    if (text !== undefined && !Object.keys(all).some((name) => name.toLowerCase() === 'content-type')) {
      all['Content-Type'] = 'application/json';
    }
    if (text !== undefined) all['Content-Length'] = Buffer.byteLength(text);
    const { hostname, port } = new URL(this.url);
    return within(START_MS, new Promise((resolve, reject) => {
      const req = http.request({ host: hostname, port, method, path: target, headers: all, agent }, (res) => {
        const parts = [];
        res.on('data', (part) => parts.push(part));
        res.on('error', reject);
        res.on('end', () => {
          const whole = Buffer.concat(parts).toString();
          const isJson = /json/.test(res.headers['content-type'] ?? '') && whole !== '';
          resolve({ status: res.statusCode, headers: res.headers, text: whole, json: isJson ? JSON.parse(whole) : undefined });
        });
      });
      req.on('error', reject);
      req.end(text);
    }), `${method} ${target}`);
  }

  // A figure of /proc/<pid>/status in KiB, such as VmRSS.
  memory(field = 'VmRSS') {
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }
}

// options: data (folder; default: a new one), args, env, wrap (a command that executes the program in its place, as
// prlimit does).
export async function startDaemon(options = {}) {
  return new Daemon(options).ready();
}

// For starts that must fail: resolves to {code, log}.
export async function failToStart(options = {}) {
  const daemon = new Daemon(options);
  const end = await within(START_MS, daemon.exited, 'failing to start').catch((error) => {
    daemon.child.kill('SIGKILL');
    throw error;
  });
  return { ...end, log: daemon.log.join('\n') };
}
