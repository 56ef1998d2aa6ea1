// What a poll costs, once a second per topic: the whole program, a bare loop around libcurl that fetches and hashes the
// same (bench_poll), and what else one could take for it.
import { startDaemon } from '../live/lib/daemon.js';
import { makeAuthority } from '../live/lib/authority.js';
import { cpu, createTopics, figuresOf, keepAwake, metrics, onFirst, onOthers, pssKib, sleep, startOrigin } from './bench_rig.mjs';
import { runPrometheus } from './peer_prometheus.mjs';

export const title = 'Polls, once a second per topic';

const warmMs = 1600;
const measuredMs = 2000;
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;

export async function setup(ctx) {
  ctx.authority = makeAuthority('authority of a benchmark');
}

// Polls a second from which on the processors hardly sleep; more loops beside them would only be in the scheduler's way.
const BUSY = 2000;

// Of two processes that do nearly nothing, the scheduler puts both on one processor or each on its own, and an answer costs
// twice as much from the other one. `apart`: the origin and the contender, which needs no more than one, have their own.
const placeOf = ({ apart }) => (apart ? onFirst : []);
const originsPlaceOf = ({ apart }) => (apart ? onOthers : []);

// A row's own origin, by which its contenders come one after the other.
async function originOf(ctx, work) {
  if (work.topics < BUSY) ctx.cleanup(keepAwake(ctx.build));
  if (work.tls && !ctx.authority) throw new Error('openssl is not there');
  const origin = await startOrigin(ctx.build, work.hosts, work.tls ? ctx.authority : undefined, originsPlaceOf(work));
  ctx.cleanup(() => origin.stop());
  return origin;
}

// What of answers a poll gets.
const PATHS = {
  304: (size) => `/${size}?%u`,
  same: (size) => `/plain/${size}?%u`,
  changed: (size) => `/changed/${size}/%u`,
};
const pathOf = ({ answer, size }, i) => PATHS[answer](size).replace('%u', i);

async function bare(ctx, work) {
  const origin = await originOf(ctx, work);
  const [file, ...rest] = [...placeOf(work), ctx.tool('bench_poll')];
  return figuresOf(file, [...rest, 'bare', `port=${origin.port}`, `hosts=${work.hosts}`, `targets=${work.topics}`,
    `path=${PATHS[work.answer](work.size)}`, `conditional=${Number(work.answer === '304')}`, `large=${Number(work.size > 16384)}`,
    'period_ms=1000', `warm_ms=${warmMs}`, `measured_ms=${measuredMs}`, ...(origin.ca ? [`ca=${origin.ca}`] : [])]);
}

// The bound below which 99 % of the observations of a histogram lie, in ms.
function p99(before, after, name) {
  const buckets = [...after].filter(([k]) => k.startsWith(`${name}_bucket`)).map(([k, v]) => [/le="([^"]+)"/.exec(k)[1], v - before.get(k)]);
  const total = buckets.at(-1)[1];
  return Number(buckets.find(([, v]) => v >= 0.99 * total)[0]) * 1000;
}

// Figures of the polls of the next while; throws unless nearly all of them end as they are to.
async function watchPolls(daemon, outcome) {
  const before = await metrics(daemon);
  const used = cpu(daemon.pid);
  const at = performance.now();
  await sleep(measuredMs);
  const after = await metrics(daemon);
  const us = cpu(daemon.pid) - used;
  const ms = performance.now() - at;
  const delta = (name) => after.get(`pollcast_${name}`) - before.get(`pollcast_${name}`);
  const polls = delta('polls_total');
  const good = delta(`polls_${outcome}_total`);
  if (!(good >= 0.99 * polls && polls > 0)) throw new Error(`${good} of ${polls} polls are ${outcome}`);
  return {
    cpuUs: us / polls,
    perS: polls / (ms / 1000),
    core: us / 1000 / ms,
    pssKib: pssKib(daemon.pid),
    lateP99Ms: p99(before, after, 'pollcast_poll_lateness_seconds'),
    skipped: delta('polls_skipped_total'),
  };
}

async function pollcast(ctx, work, loops) {
  const origin = await originOf(ctx, work);
  const daemon = await startDaemon({
    wrap: placeOf(work),
    args: ['--loops', String(loops), '--poll-max-connections', String(Math.max(4096, work.hosts)), ...(origin.ca ? ['--poll-ca-file', origin.ca] : [])],
  });
  ctx.cleanup(() => daemon.kill());
  await createTopics(daemon, work.topics, (i) => ({ url: origin.url(i, pathOf(work, i)), pollingPeriod: 'PT1S' }));
  await sleep(2 * warmMs); // the first answers are to be in the journal
  const figures = await watchPolls(daemon, work.answer === 'changed' ? 'ok' : 'unchanged');
  if (work.answer !== 'changed') return figures;
  await origin.ask('/change/0');
  await sleep(1500);
  return { ...figures, overUs: figures.cpuUs - (await watchPolls(daemon, 'unchanged')).cpuUs };
}

async function undici(ctx, work, first) {
  const origin = await originOf(ctx, work);
  const urls = Array.from({ length: work.topics }, (_, i) => origin.url(i, pathOf(work, i)));
  const text = JSON.stringify({ urls, conditional: work.answer === '304', first, ca: origin.ca, warmMs, measuredMs });
  return figuresOf(process.execPath, [`${here}/peer_undici.mjs`, '-'], { input: text });
}

async function prometheus(ctx, work) {
  const origin = await originOf(ctx, work);
  const at = (i) => (work.answer === 'changed' ? `/metrics/changed/${work.size}/${i}` : `/metrics/${work.size}`);
  const urls = Array.from({ length: work.topics }, (_, i) => origin.url(i, at(i)));
  return runPrometheus(ctx, origin, urls, { warmMs: 6000, measuredMs: 4000 });
}

const own = (loops) => ({ run: (ctx, work) => pollcast(ctx, work, loops) });
const peerOf = (run, ...more) => ({ peer: true, run: (ctx, work) => run(ctx, work, ...more) });
// The reference is one thread, and so is pollcast beside it. Of two loops, which are shown where there is work for them, each
// wakes up for half of the polls.
const manyLoops = 'pollcast, 2 loops';
const CONTENDERS = {
  'libcurl loop': { run: bare },
  pollcast: own(1),
  [manyLoops]: own(2),
  'undici, JSON.parse': peerOf(undici, 'parse'),
  'undici, text first': peerOf(undici, 'compare'),
  prometheus: peerOf(prometheus),
};

// `not`: contenders that cannot do it, or are told elsewhere.
function row(name, work, { not = [], limits = [] } = {}) {
  const out = work.topics < 10_000 ? [...not, manyLoops] : not;
  const contenders = Object.entries(CONTENDERS).filter(([who]) => !out.includes(who))
    .map(([who, { run, peer }]) => [who, { peer, run: (ctx) => run(ctx, work) }]);
  return { name, unit: 'poll', contenders: Object.fromEntries(contenders), limits };
}

const cheap = { figure: 'cpuUs', of: 'pollcast', against: 'libcurl loop', atMost: 1.25 };
const dearer = (of, times) => ({ figure: 'cpuUs', of, against: 'pollcast', atLeast: times });
const noPeers = ['undici, JSON.parse', 'undici, text first', 'prometheus'];
const only304 = ['undici, JSON.parse', 'prometheus'];
const changed = ['libcurl loop', 'undici, text first', 'prometheus']; // the loop neither parses nor compares nor stores
const KB = 1024;

export const rows = [
  row('304, 1 KB, 1 000 topics, 100 hosts', { answer: '304', size: KB, topics: 1000, hosts: 100 }, { not: only304, limits: [cheap] }),
  row('304, 50 KB, 300 topics, 300 hosts', { answer: '304', size: 50 * KB, topics: 300, hosts: 300 }, { not: only304, limits: [cheap] }),
  row('same bytes, 1 KB, 1 000 topics, 1 000 hosts', { answer: 'same', size: KB, topics: 1000, hosts: 1000 }, { limits: [cheap, dearer('prometheus', 3)] }),
  row('same bytes, 20 KB, 300 topics, 300 hosts', { answer: 'same', size: 20 * KB, topics: 300, hosts: 300 },
    { limits: [cheap, dearer('prometheus', 8), dearer('undici, JSON.parse', 4)] }),
  row('same bytes, 50 KB, 300 topics, 300 hosts', { answer: 'same', size: 50 * KB, topics: 300, hosts: 300 }, { limits: [cheap, dearer('prometheus', 12)] }),
  row('a fifth changed, 1 KB, 1 000 topics, 1 000 hosts', { answer: 'changed', size: KB, topics: 1000, hosts: 1000 }, { not: changed }),
  row('a fifth changed, 20 KB, 300 topics, 300 hosts', { answer: 'changed', size: 20 * KB, topics: 300, hosts: 300 }, { not: changed }),
  row('a fifth changed, 50 KB, 300 topics, 300 hosts', { answer: 'changed', size: 50 * KB, topics: 300, hosts: 300 },
    { not: changed.filter((who) => who !== 'prometheus'), limits: [{ figure: 'overUs', of: 'pollcast', atMost: 250 }] }),
  row('a fifth changed, 50 KB, 1 000 topics, 1 000 hosts', { answer: 'changed', size: 50 * KB, topics: 1000, hosts: 1000 },
    { not: [...changed, 'undici, JSON.parse'], limits: [{ figure: 'overUs', of: 'pollcast', atMost: 250 }] }),
  row('304, 1 KB, 100 topics, 1 host', { answer: '304', size: KB, topics: 100, hosts: 1, apart: true }, { not: noPeers, limits: [cheap] }),
  row('304, 1 KB, 10 000 topics, 1 host', { answer: '304', size: KB, topics: 10000, hosts: 1 }, { not: noPeers, limits: [cheap] }),
  row('304, 1 KB, 10 000 topics, 100 hosts', { answer: '304', size: KB, topics: 10000, hosts: 100 }, { not: only304, limits: [cheap] }),
  row('same bytes, 1 KB, 10 000 topics, 10 000 hosts', { answer: 'same', size: KB, topics: 10000, hosts: 10000 }, {
    not: ['prometheus', 'undici, JSON.parse'],
    limits: [
      cheap,
      { figure: 'core', of: 'pollcast', atMost: 0.4 },
      { figure: 'lateP99Ms', of: 'pollcast', atMost: 10 },
      { figure: 'skipped', of: 'pollcast', atMost: 0 },
      { figure: 'pssKib', of: 'pollcast', atMost: 100 * 1024 },
    ],
  }),
  row('TLS, 304, 1 KB, 1 000 topics, 100 hosts', { answer: '304', size: KB, topics: 1000, hosts: 100, tls: true }, { not: only304, limits: [cheap] }),
  row('TLS, same bytes, 50 KB, 300 topics, 100 hosts', { answer: 'same', size: 50 * KB, topics: 300, hosts: 100, tls: true }, { not: ['undici, text first', 'prometheus'], limits: [cheap] }),
];
