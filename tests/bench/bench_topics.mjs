// What an unchanged poll costs in the real program: 10 000 topics, each polled once a second, over
// 100 local hosts on 2 loops, against a bare loop around libcurl that polls the same origin with
// the same settings (bench_poll). Interleaved rounds, medians.
//
//   node bench_topics.mjs BUILD_DIR [ROUNDS [TOPICS]]
import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, median, metrics, sleep, startOrigin } from './bench_rig.mjs';

const build = process.argv[2];
const rounds = Number(process.argv[3] ?? 2);
const topics = Number(process.argv[4] ?? 10_000);
const hosts = 100;
const warmMs = 4000;
const measuredMs = 5000;

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
  await createTopics(daemon, topics, (i) => ({ url: origin.url(i, `/1024?${i}`), pollingPeriod: 'PT1S' }));
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

const origin = await startOrigin(build, hosts);
const ours = [];
const bare = [];
for (let i = 0; i < rounds; i++) {
  bare.push(runBare());
  ours.push(await runDaemon(origin));
}
origin.stop();
const of = (key) => median(ours.map((o) => o[key]));
console.log(`${topics} topics, once a second, ${hosts} hosts, 2 loops (medians of ${rounds} rounds)`);
console.log(`bare libcurl loop, CPU per poll        ${median(bare).toFixed(1)} us`);
console.log(`pollcast, CPU per unchanged poll       ${of('cpuUs').toFixed(1)} us`);
console.log(`ratio                                  ${(of('cpuUs') / median(bare)).toFixed(2)}  (at most 1.5)`);
console.log(`start lateness, p99 at most            ${of('latenessMs')} ms  (at most 50)`);
console.log(`polls a second, skipped, unchanged     ${of('perS').toFixed(0)}, ${of('skipped')}, ${(100 * of('unchanged')).toFixed(1)} %`);
console.log(`resident memory per topic              ${of('kbPerTopic').toFixed(1)} KiB, payload of 1 KiB and connections included`);
console.log(`creating them through the API          ${(of('createMs') / topics * 1000).toFixed(0)} us each`);
