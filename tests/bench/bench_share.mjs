// What an unchanged poll costs where topics make the same request, against topics of which each makes its own, with
// and without coalescing: topics polled twice a second from one host, on 2 loops. Interleaved rounds, medians.
//
//   node bench_share.mjs BUILD_DIR [ROUNDS [TOPICS]]
import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, median, metrics, sleep, startOrigin } from './bench_rig.mjs';

const build = process.argv[2];
const rounds = Number(process.argv[3] ?? 2);
const topics = Number(process.argv[4] ?? 1000);
const warmMs = 2500;
const measuredMs = 4000;

const cases = [
  { name: 'same request, shared', own: false, args: [] },
  { name: 'same request, poll.coalesce off', own: false, args: ['--poll-coalesce=false'] },
  { name: 'own requests', own: true, args: [] },
  { name: 'own requests, poll.coalesce off', own: true, args: ['--poll-coalesce=false'] },
];

async function measure(origin, { own, args }) {
  const daemon = await startDaemon({ args: ['--loops', '2', ...args] });
  await createTopics(daemon, topics, (i) => ({ url: origin.url(0, own ? `/1024?${i}` : '/1024'), pollingPeriod: 'PT0.5S' }));
  await sleep(warmMs);
  const before = await metrics(daemon);
  const cpuBefore = cpu(daemon.pid);
  const at = process.hrtime.bigint();
  await sleep(measuredMs);
  const used = cpu(daemon.pid) - cpuBefore;
  const seconds = Number(process.hrtime.bigint() - at) / 1e9;
  const after = await metrics(daemon);
  const delta = (name) => after.get(name) - before.get(name);
  await daemon.stop();
  return {
    us: used / delta('pollcast_polls_total'),
    polls: delta('pollcast_polls_total') / seconds,
    requests: delta('pollcast_fetch_requests_total') / seconds,
    mails: delta('pollcast_mailbox_posts_total') / delta('pollcast_polls_total'),
  };
}

const origin = await startOrigin(build, 1);
const results = cases.map(() => []);
for (let i = 0; i < rounds; i++) {
  for (const [k, which] of cases.entries()) results[k].push(await measure(origin, which));
}
origin.stop();
console.log(`${topics} topics, twice a second, 1 host, 2 loops (medians of ${rounds} rounds)`);
console.log('                                  CPU per poll   polls/s   requests/s   mails per poll');
for (const [k, { name }] of cases.entries()) {
  const of = (key, digits) => median(results[k].map((r) => r[key])).toFixed(digits);
  console.log(`${name.padEnd(34)}${`${of('us', 1)} us`.padStart(12)}${of('polls', 0).padStart(10)}${of('requests', 1).padStart(13)}${of('mails', 2).padStart(17)}`);
}
