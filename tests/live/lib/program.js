// Runs the program under test as a command.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..', '..', '..');
export const program = process.env.POLLCAST ?? path.join(root, 'build', 'pollcast');

// The caller's own settings must not change what is tested.
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('POLLCAST')));

// A directory that goes with the test.
export function scratch(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pollcast-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// A running process; what it prints is kept in .stdout and .stderr. It is ended with the test.
export class Running {
  constructor(t, file, args, { env = {}, cwd = root, input } = {}) {
    this.stdout = '';
    this.stderr = '';
    this.waiting = new Set();
    this.process = spawn(file, args, { env: { ...clean, ...env }, cwd, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    this.process.stdin?.on('error', () => {}); // it may end before it has read all: its status tells
    if (input !== undefined) this.process.stdin.end(input);
    for (const name of ['stdout', 'stderr']) {
      this.process[name].setEncoding('utf8').on('data', (text) => {
        this[name] += text;
        for (const look of this.waiting) look();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (status, signal) => {
        this.status = signal ?? status;
        for (const look of this.waiting) look();
        resolve(this);
      });
    });
    t?.after(() => this.process.kill('SIGKILL'));
  }

  // The match of a pattern in what it prints, at latest in `ms`.
  sees(name, pattern, ms = 10000) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        settle(value);
      };
      const fail = (why) => finish(reject, new Error(`${why} ${pattern}; ${name}:\n${this[name]}\nstderr:\n${this.stderr}`));
      const look = () => {
        const match = pattern.exec(this[name]);
        if (match) finish(resolve, match);
        else if (this.status !== undefined) fail(`ended (${this.status}) without`);
      };
      const timer = setTimeout(() => fail(`not in ${ms} ms:`), ms);
      this.waiting.add(look);
      look();
    });
  }

  // Ends by itself or by the signal.
  async end(signal, ms = 10000) {
    if (signal) this.process.kill(signal);
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`still runs after ${ms} ms; stderr:\n${this.stderr}`)), ms);
    });
    await Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
    return this.status;
  }
}

// Run a command to its end: {status, stdout, stderr}.
export async function run(args, options = {}) {
  const running = new Running(undefined, program, args, options);
  try {
    await running.end(undefined, options.ms ?? 20000);
  } finally {
    running.process.kill('SIGKILL');
  }
  return running;
}

export const start = (t, args, options) => new Running(t, program, args, options);

// A server on a port of its own: {url, …Running}.
export async function serve(t, args = [], options = {}) {
  const data = options.data ?? path.join(scratch(t), 'data');
  const server = start(t, ['serve', '--listen', '127.0.0.1:0', '--data', data, '--drain', 'PT0S', ...args], options);
  const [, address] = await server.sees('stderr', /msg=listening address=(\S+)/);
  server.url = `http://${address}`;
  server.data = data;
  return server;
}
