// What the benchmarks of the whole program share.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

import { tempFolder } from '../live/lib/daemon.js';

import { Missing, MISSING_STATUS } from './bench_figures.mjs';

export { median, Missing } from './bench_figures.mjs';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const peers = path.join(path.dirname(new URL(import.meta.url).pathname), '../../build/deps/bench/root');

// Where a peer's program is that tools/deps --bench unpacked.
export function peer(name) {
  const file = [`usr/bin/${name}`, `usr/sbin/${name}`].map((at) => path.join(peers, at)).find((at) => fs.existsSync(at));
  if (!file) throw new Missing(`${name} is not there (tools/deps --bench)`);
  return file;
}

// The origin of origin.c, of so many hosts: {port, url(i, path), ask(path), stop()}. authority: that of
// tests/live/lib/authority.js, for TLS.
export async function startOrigin(build, hosts = 1, authority = undefined, wrap = []) {
  const addresses = Array.from({ length: hosts }, (_, i) => `127.${(i + 1) >> 16}.${((i + 1) >> 8) & 255}.${(i + 1) & 255}`);
  const args = [];
  if (authority) {
    const { cert, key } = authority.issue({ names: addresses.map((address) => `IP:${address}`) });
    const folder = tempFolder();
    for (const [name, text] of Object.entries({ cert, key })) {
      args.push(path.join(folder, name));
      fs.writeFileSync(args.at(-1), text);
    }
  }
  const [file, ...rest] = [...wrap, path.join(build, 'tests/bench/bench_origin'), ...args];
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
  const url = (i, at) => `${authority ? 'https' : 'http'}://${addresses[i % hosts]}:${line}${at}`;
  const agent = new (authority ? https : http).Agent({ keepAlive: true });
  return {
    port: Number(line),
    url,
    ca: authority?.file,
    stop: () => child.stdin.end(),
    async ask(at) {
      const options = { agent, ca: authority && fs.readFileSync(authority.file) };
      const [answer] = await once((authority ? https : http).get(url(0, at), options), 'response');
      const parts = [];
      for await (const part of answer) parts.push(part);
      return JSON.parse(Buffer.concat(parts).toString());
    },
  };
}

// Keeps the processors from sleeping until the function that it returns is called.
export function keepAwake(build) {
  const child = spawn(path.join(build, 'tests/bench/bench_awake'), { stdio: ['pipe', 'ignore', 'inherit'] });
  return () => child.stdin.end();
}

// What a command begins with that is to run on the first processor, or on the others. Of one processor there are no others.
const last = os.cpus().length - 1;
const keptOn = (list) => (last > 0 ? ['taskset', '--cpu-list', list] : []);
export const onFirst = keptOn('0');
export const onOthers = keptOn(`1-${last}`);

// Makes documents of so many bytes, which tell when they were made, µs. Their text repeats itself as that of others does, and no
// more; it is made here, for what a document takes to make is in its age.
export function stampedDocuments(bytes) {
  let text = '';
  for (let i = 1; text.length < bytes; i++) {
    const x = Math.imul(i, 2654435761) >>> 8;
    text += `/items/${x % 5000}/price ${(x / 7 % 900).toFixed(2)}, `;
  }
  return () => {
    const head = `{"at":${Math.round((performance.timeOrigin + performance.now()) * 1000)},"text":"`;
    return `${head}${text.slice(0, bytes - head.length - 2)}"}`;
  };
}

// CPU time of all threads of a process so far, µs.
export function cpu(pid) {
  const of = (task) => Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + of(task), 0) / 1000;
}

// Memory that is this process' share, KiB.
export function pssKib(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

// Runs a program that prints one line of JSON, its figures. It ends with this process, if not before. input: what it reads.
export async function figuresOf(file, args = [], { input, ...options } = {}) {
  const child = spawn(file, args.map(String), { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'], ...options });
  child.stdin?.end(input);
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  const parts = [];
  child.stdout.on('data', (part) => parts.push(part));
  const { code, signal } = await ended.finally(() => process.off('exit', kill));
  if (code === MISSING_STATUS) throw new Missing('it is not installed (tools/deps --bench)');
  if (code !== 0) throw new Error(`${path.basename(file)} ended with ${signal ?? code}`);
  return JSON.parse(Buffer.concat(parts).toString());
}

export async function metrics(daemon) {
  const { text } = await daemon.request('GET', '/metrics');
  const all = new Map();
  for (const line of text.split('\n')) {
    if (line && !line.startsWith('#')) all.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)));
  }
  return all;
}

// Topics that are always polled, with the config of each number.
export async function createTopics(daemon, count, configOf) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      const { status, text } = await daemon.request('POST', '/streams/hub/api/v1/topics', {
        agent,
        body: { name: `t${i}`, publisher: { type: 'http-poller', alwaysOn: true, config: configOf(i) } },
      });
      if (status !== 201) throw new Error(`${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  agent.destroy();
}
