// Polls with undici.request, as a program that wants patches would write it: each target once a second, phases spread, on a
// grid of 1 ms. Prints one line of JSON, as bench_poll does.
//
//   peer_undici.mjs '{"urls": [...], "conditional": false, "first": "parse", "ca": FILE, "warmMs": 2000, "measuredMs": 2000}'
//
// first: "parse": each body is parsed; "compare": only one whose text is another than the last one's.
// A changed document is compared by fast-json-patch. "-" instead of the text: it is read from standard input.
import fs from 'node:fs';

import { MISSING_STATUS } from './bench_figures.mjs';

const packages = Promise.all([import('fast-json-patch'), import('undici')]);
const [{ default: jsonpatch }, { Agent, request }] = await packages.catch(() => process.exit(MISSING_STATUS));

const work = JSON.parse(process.argv[2] === '-' ? fs.readFileSync(0, 'utf8') : process.argv[2]);
const periodMs = 1000;
const dispatcher = new Agent({
  connections: 32, keepAliveTimeout: 60_000, connect: work.ca ? { ca: fs.readFileSync(work.ca) } : {},
});
const headers = work.conditional ? { 'If-None-Match': '"v1"' } : {};
const targets = work.urls.map((url) => ({ url, busy: false, text: undefined, value: undefined }));
const total = { polls: 0, skipped: 0, operations: 0 };
let late = [];

async function poll(target) {
  const { statusCode, body } = await request(target.url, { dispatcher, headers });
  const text = await body.text();
  if (statusCode !== 200 && statusCode !== 304) throw new Error(`${target.url}: ${statusCode}`);
  if (statusCode === 304 || (work.first === 'compare' && text === target.text)) return;
  const value = JSON.parse(text);
  if (target.text !== undefined && text !== target.text) total.operations += jsonpatch.compare(target.value, value).length;
  target.text = text;
  target.value = value;
}

function start(target) {
  if (target.busy) {
    total.skipped++;
    return;
  }
  target.busy = true;
  poll(target).then(() => {
    target.busy = false;
    total.polls++;
  }, (error) => {
    console.error(error);
    process.exit(1);
  });
}

const started = performance.now();
const apart = periodMs / targets.length;
let next = 0;
const tick = () => {
  const now = performance.now();
  for (let due; (due = started + next * apart) <= now; next++) {
    late.push(now - due);
    start(targets[next % targets.length]);
  }
  setTimeout(tick, Math.max(1, Math.ceil(started + next * apart - now)));
};
tick();

const cpuUs = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b);
setTimeout(() => {
  const before = { cpu: cpuUs(), at: performance.now(), ...total };
  late = [];
  setTimeout(() => {
    const used = cpuUs() - before.cpu;
    const ms = performance.now() - before.at;
    const polls = total.polls - before.polls;
    late.sort((a, b) => a - b);
    console.log(JSON.stringify({
      cpuUs: used / polls,
      perS: polls / (ms / 1000),
      core: used / 1000 / ms,
      pssKib: Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]),
      lateP99Ms: late[Math.floor(late.length * 0.99)],
      lateMaxMs: late.at(-1),
      skipped: total.skipped - before.skipped,
      operations: (total.operations - before.operations) / polls,
    }));
    process.exit(0);
  }, work.measuredMs);
}, work.warmMs);
