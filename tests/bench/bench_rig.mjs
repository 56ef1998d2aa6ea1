// What the benchmarks of the whole program share.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The origin of origin.c on so many addresses: {url(i, path), stop()}.
export async function startOrigin(build, hosts) {
  const child = spawn(path.join(build, 'tests/bench/bench_origin'), [String(hosts)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ports = [];
  for await (const line of readline.createInterface({ input: child.stdout })) {
    ports.push(Number(line));
    if (ports.length === hosts) break;
  }
  return {
    url: (i, at) => `http://127.0.0.${1 + (i % hosts)}:${ports[i % hosts]}${at}`,
    stop: () => child.stdin.end(),
  };
}

// CPU time of all threads of a process so far, µs.
export function cpu(pid) {
  const of = (task) => Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + of(task), 0) / 1000;
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
