// The published benchmark of the product whose API this one has (Axway Streams, on a cluster of six workers of 16
// processors each), row by row; ours with server, origin and users on this one machine.
//
// A row is users, topics, size of the documents, and how often there are new ones. Users are spread evenly over topics.
//
// SSE and HTTP poller: of a document a fifth is another with each answer of the origin. The age of a delivery is from the
// moment at which the origin begins to write its answer until the last byte of the event was read (bench_reference.c). A
// row is measured in five stretches of one server; its p99 is the median of theirs, for a disk that stands still for
// 50 ms tells nothing of the server; the longest is that of all.
// Webhook and HTTP post: from the moment at which a document is posted until a receiver has all of it (receiver.c). The
// posts to different topics are spread evenly over the period, as polls are.
//
// `delivered` and `polled` must be 1: nothing may be left out to be quick.
//
// Without more, the rows that are nearest to what the reference reaches, and one with ten times its users. All of them, in
// one round of seven minutes (ROUNDS=3: three):
//
//   FULL=1 make bench B=reference
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';

import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, median, metrics, sleep, stampedDocuments } from './bench_rig.mjs';
import { must, startReceiver, subscribe } from './group_webhook.mjs';

export const title = 'Age of data, against the published figures of Axway Streams';

const warmS = 1;
const stretches = 5;
const stretchS = 2;
const seconds = 5; // of webhooks

// [users, topics, KB, period in seconds, their p99 and longest in ms]
const sse = [
  [3000, 100, 50, 0.5, 21, 250], [250, 250, 50, 0.5, 5, 34], [100, 100, 50, 0.5, 5, 23], [100, 1, 50, 0.5, 13, 46],
  [3000, 100, 20, 0.5, 6, 84], [250, 250, 20, 0.5, 3, 23], [100, 100, 20, 0.5, 3, 19], [100, 1, 20, 0.5, 5, 45],
  [3000, 100, 50, 1, 26, 86], [250, 250, 50, 1, 5, 19], [100, 100, 50, 1, 6, 24], [100, 1, 50, 1, 23, 222],
  [3000, 100, 20, 1, 6, 72], [250, 250, 20, 1, 4, 25], [100, 100, 20, 1, 4, 19], [100, 1, 20, 1, 8, 21],
];
const webhook = [
  [50, 1, 20, 1, 76, 135], [200, 1, 20, 1, 220, 289], [750, 1, 20, 1, 835, 972], [50, 50, 20, 1, 40, 67],
  [200, 200, 20, 1, 41, 130], [50, 1, 50, 1, 72, 85], [200, 1, 50, 1, 214, 263], [750, 1, 50, 1, 810, 958],
  [50, 50, 50, 1, 45, 85], [200, 200, 50, 1, 111, 340],
  [50, 1, 20, 2, 79, 102], [200, 1, 20, 2, 214, 259], [750, 1, 20, 2, 797, 963], [50, 50, 20, 2, 81, 373],
  [200, 200, 20, 2, 50, 171], [500, 500, 20, 2, 87, 345], [50, 1, 50, 2, 79, 103], [200, 1, 50, 2, 229, 263],
  [750, 1, 50, 2, 858, 1007], [50, 50, 50, 2, 46, 84], [200, 200, 50, 2, 56, 265], [500, 500, 50, 2, 270, 721],
];
const headline = sse[0];
const selected = new Set([headline, sse[5], sse[3], webhook[2]]);

// bench_reference: {child, next(): its next line, ask(line)}
function startEnds(ctx, [users, topics, kb]) {
  const file = ctx.tool('bench_reference');
  const child = spawn(file, [users, topics, kb * 1000].map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${path.basename(file)} ended`);
    return JSON.parse(value);
  };
  return { next, ask: (line) => (child.stdin.write(`${line}\n`), next()), stop: () => (child.stdin.end(), ended) };
}

const followed = (row) => async (ctx) => {
  const [users, topics, , period] = row;
  const ends = startEnds(ctx, row);
  ctx.cleanup(() => ends.stop());
  const port = await ends.next();
  const daemon = await startDaemon({ args: ['--poll-min-period', 'PT0.1S'] });
  ctx.cleanup(() => ends.stop().then(() => daemon.kill())); // users would wonder otherwise
  await createTopics(daemon, topics, (i) => ({ url: `http://127.0.0.1:${port}/${i}`, pollingPeriod: `PT${period}S` }));
  const told = await ends.ask(new URL(daemon.url).port);
  if (told !== users) throw new Error(`${told} of ${users} users were told something`);
  await sleep(warmS * 1000);
  const parts = [];
  for (let i = 0; i < stretches; i++) {
    const before = cpu(daemon.pid);
    await ends.ask(`measure ${stretchS * 1000}`);
    parts.push({ used: cpu(daemon.pid) - before, ...(await ends.next()) });
  }
  const values = (figure) => parts.map((part) => part[figure]);
  const sum = (figure) => values(figure).reduce((a, b) => a + b);
  return {
    p50Ms: median(values('p50Ms')),
    p99Ms: median(values('p99Ms')),
    maxMs: Math.max(...values('maxMs')),
    cpuUs: sum('used') / sum('deliveries'),
    processors: sum('used') / 1e6 / (stretches * stretchS),
    delivered: sum('deliveries') / sum('due'),
    polled: sum('answers') / ((stretches * stretchS) / period) / topics,
  };
};

// Documents for all topics, each at its time in the period; resolves when all were taken.
async function postFor(daemon, agent, ids, [, , kb, period], s) {
  const document = stampedDocuments(kb * 1000);
  const from = performance.now();
  const answers = [];
  for (let n = 0; n < (s / period) * ids.length; n++) {
    const wait = from + ((n * period) / ids.length) * 1000 - performance.now();
    if (wait > 0) await sleep(wait);
    answers.push(must(daemon, 202, 'POST', `/streams/publishers/http-post/api/v1/topics/${ids[n % ids.length]}`, { agent, body: document() }));
  }
  await Promise.all(answers);
}

const posted = (row) => async (ctx) => {
  const [users, topics, , period] = row;
  const receiver = await startReceiver(ctx);
  ctx.cleanup(() => receiver.stop());
  const daemon = await startDaemon();
  ctx.cleanup(() => daemon.kill());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  ctx.cleanup(() => agent.destroy());
  const ids = [];
  for (let i = 0; i < topics; i++) {
    const topic = await must(daemon, 201, 'POST', '/streams/hub/api/v1/topics', {
      agent,
      body: { name: `t${i}`, publisher: { type: 'http-post', alwaysOn: true, payload: { type: 'event' } }, subscribers: [{ type: 'webhook' }] },
    });
    ids.push(topic.id);
    await subscribe(daemon, topic, { webhookUrl: receiver.url }, users / topics);
  }
  const taken = async (count) => {
    while ((await metrics(daemon)).get('pollcast_subscription_deliveries_total') < count) await sleep(50);
  };
  await postFor(daemon, agent, ids, row, warmS);
  const warm = (warmS / period) * users;
  await taken(warm);
  await receiver.report();
  const s = Math.ceil(seconds / period) * period;
  const due = (s / period) * users;
  const before = cpu(daemon.pid);
  await postFor(daemon, agent, ids, row, s);
  await taken(warm + due);
  const used = cpu(daemon.pid) - before;
  const { count, p50, p99, max } = await receiver.report();
  return { p50Ms: p50, p99Ms: p99, maxMs: max, cpuUs: used / count, processors: used / 1e6 / s, delivered: count / due };
};

const text = ([users, topics, kb, period]) => `${users} users, ${topics} topics, ${kb} KB, PT${period}S`;

function makeRow(way, row, run, limits) {
  const [, , , , p99Ms, maxMs] = row;
  return {
    name: `${way}: ${text(row)}`,
    unit: 'delivery',
    contenders: { published: async () => ({ p99Ms, maxMs }), pollcast: run },
    limits: [
      { figure: 'p99Ms', of: 'pollcast', against: 'published', atMost: 1 },
      { figure: 'delivered', of: 'pollcast', atLeast: 1 },
      ...limits,
    ],
  };
}

const polledAll = { figure: 'polled', of: 'pollcast', atLeast: 0.99 };
const underTen = { figure: 'p99Ms', of: 'pollcast', atMost: 10 };

// Ten times the users of the first row, or as many connections as one process may have here.
const files = Number(/^Max open files +\d+ +(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
const many = [Math.min(30_000, Math.floor(files / 1000 - 1) * 1000), ...headline.slice(1, 4)];
const crowd = {
  name: `SSE: ${text(many)}`,
  unit: 'delivery',
  contenders: { pollcast: followed(many) },
  limits: [{ figure: 'p99Ms', of: 'pollcast', atMost: 100 }, { figure: 'delivered', of: 'pollcast', atLeast: 1 }, polledAll],
};

const full = Boolean(process.env.FULL);
const wanted = (row) => full || selected.has(row);
const all = [
  ...sse.filter(wanted).map((row) => makeRow('SSE', row, followed(row), row === headline ? [polledAll, underTen] : [polledAll])),
  crowd,
  ...webhook.filter(wanted).map((row) => makeRow('webhook', row, posted(row), [])),
];
export const rows = full && !process.env.ROUNDS ? all.map((row) => ({ ...row, rounds: 1 })) : all;
