// What an unchanged poll costs in the real program: 10 000 topics, each polled once a second, over
// 100 local hosts on 2 loops, against a bare loop around libcurl that polls the same origin with
// the same settings (bench_poll). Interleaved rounds, medians.
//
//   node bench_topics.mjs BUILD_DIR [ROUNDS [TOPICS]]
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';

import { startDaemon } from '../live/lib/daemon.js';

const build = process.argv[2];
const rounds = Number(process.argv[3] ?? 2);
const topics = Number(process.argv[4] ?? 10_000);
const hosts = 100;
const warmMs = 4000;
const measuredMs = 5000;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function startOrigin() {
  const child = spawn(path.join(build, 'tests/bench/bench_origin'), [String(hosts)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ports = [];
  for await (const line of readline.createInterface({ input: child.stdout })) {
    ports.push(Number(line));
    if (ports.length === hosts) break;
  }
  return { child, url: (i) => `http://127.0.0.${1 + (i % hosts)}:${ports[i % hosts]}/1024` };
}

// CPU time of the program so far, µs.
function cpu(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

async function metrics(daemon) {
  const { text } = await daemon.request('GET', '/metrics');
  const all = new Map();
  for (const line of text.split('\n')) {
    if (line && !line.startsWith('#')) all.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)));
  }
  return all;
}

async function createAll(daemon, origin) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let next = 0;
  const worker = async () => {
    while (next < topics) {
      const i = next++;
      const { status, text } = await daemon.request('POST', '/streams/hub/api/v1/topics', {
        agent,
        body: { name: `t${i}`, publisher: { type: 'http-poller', alwaysOn: true, config: { url: origin.url(i), pollingPeriod: 'PT1S' } } },
      });
      if (status !== 201) throw new Error(`${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  agent.destroy();
}

// The bound below which 99 % of the observations of a histogram lie, in ms.
function p99(before, after, name) {
  const buckets = [...after].filter(([k]) => k.startsWith(`${name}_bucket`)).map(([k, v]) => [/le="([^"]+)"/.exec(k)[1], v - before.get(k)]);
  const total = buckets.at(-1)[1];
  return Number(buckets.find(([, v]) => v >= 0.99 * total)[0]) * 1000;
}

async function runDaemon(origin) {
  const daemon = await startDaemon({ args: ['--loops', '2'] });
  const idle = daemon.memory();
  const began = Date.now();
  await createAll(daemon, origin);
  const createMs = Date.now() - began;
  await sleep(warmMs);
  const before = await metrics(daemon);
  const cpuBefore = cpu(daemon.pid);
  const at = process.hrtime.bigint();
  await sleep(measuredMs);
  const used = cpu(daemon.pid) - cpuBefore;
  const seconds = Number(process.hrtime.bigint() - at) / 1e9;
  const after = await metrics(daemon);
  const delta = (name) => after.get(name) - before.get(name);
  const polls = delta('pollcast_polls_total');
  const out = {
    cpuUs: used / polls,
    perS: polls / seconds,
    latenessMs: p99(before, after, 'pollcast_poll_lateness_seconds'),
    skipped: delta('pollcast_polls_skipped_total'),
    unchanged: delta('pollcast_polls_unchanged_total') / polls,
    kbPerTopic: (daemon.memory() - idle) / topics,
    createMs,
  };
  await daemon.stop();
  return out;
}

function runBare() {
  const line = '10000 a second, 100 hosts, 304';
  const text = execFileSync(path.join(build, 'tests/bench/bench_poll'), ['1', line], { encoding: 'utf8' });
  return Number(text.split('\n').find((l) => l.startsWith(line)).slice(line.length).trim().split(/\s+/)[0]);
}

const origin = await startOrigin();
const ours = [];
const bare = [];
for (let i = 0; i < rounds; i++) {
  bare.push(runBare());
  ours.push(await runDaemon(origin));
}
origin.child.stdin.end();
const of = (key) => median(ours.map((o) => o[key]));
console.log(`${topics} topics, once a second, ${hosts} hosts, 2 loops (medians of ${rounds} rounds)`);
console.log(`bare libcurl loop, CPU per poll        ${median(bare).toFixed(1)} us`);
console.log(`pollcast, CPU per unchanged poll       ${of('cpuUs').toFixed(1)} us`);
console.log(`ratio                                  ${(of('cpuUs') / median(bare)).toFixed(2)}  (at most 1.5)`);
console.log(`start lateness, p99 at most            ${of('latenessMs')} ms  (at most 50)`);
console.log(`polls a second, skipped, unchanged     ${of('perS').toFixed(0)}, ${of('skipped')}, ${(100 * of('unchanged')).toFixed(1)} %`);
console.log(`resident memory per topic              ${of('kbPerTopic').toFixed(1)} KiB, payload of 1 KiB and connections included`);
console.log(`creating them through the API          ${(of('createMs') / topics * 1000).toFixed(0)} us each`);
