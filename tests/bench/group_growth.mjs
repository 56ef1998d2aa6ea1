// What grows, and how: the cost of one at some number, and at ten times as many. None may grow more than the number does by
// more than 1.3 times. And what is promised of many topics: their memory, how soon a server with them is ready, and what a
// server without any is in memory.
//
// What is there once is taken off wherever it would hide what grows: memory is what came after the first hundred, CPU of
// starting what an empty server does not need.
import http from 'node:http';

import { startDaemon, tempFolder } from '../live/lib/daemon.js';
import { cpu, figuresOf, metrics, pssKib, sleep, startOrigin } from './bench_rig.mjs';
import { bareWriter, pollcast, Rig } from './group_fanout.mjs';

export const title = 'Growth';

const KB = 1024;
const AT_MOST = 1.3;
const FIRST = 100; // topics and subscriptions, by which all that is there once is there

const grows = (figure, of, against) => ({ figure, of, against, atMost: AT_MOST });
const atMost = (figure, of, bound) => ({ figure, of, atMost: bound });

async function startServer(ctx, args = [], data = tempFolder()) {
  const daemon = await startDaemon({ data, args: ['--loops', '2', '--drain', 'PT0S', ...args] });
  ctx.cleanup(() => daemon.kill());
  return daemon;
}

// Makes those of numbers from..to.
async function make(daemon, target, from, to, bodyOf) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let next = from;
  const worker = async () => {
    while (next < to) {
      const { status, text } = await daemon.request('POST', target, { agent, body: bodyOf(next++) });
      if (status !== 201) throw new Error(`POST ${target}: ${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  agent.destroy();
}

const TOPICS = '/streams/hub/api/v1/topics';
const polledTopic = (i, url, pollingPeriod) => ({
  name: `t${i}`,
  publisher: { type: 'http-poller', alwaysOn: true, config: { url, pollingPeriod } },
});
const postedTopic = (i, subscribers) => ({ name: `t${i}`, publisher: { type: 'http-post', alwaysOn: true }, subscribers });

async function metric(daemon, name) {
  return (await metrics(daemon)).get(`pollcast_${name}`);
}

// Until the metric is at least so much.
async function reach(daemon, name, least, ms = 60_000) {
  const until = performance.now() + ms;
  while (await metric(daemon, name) < least) {
    if (performance.now() > until) throw new Error(`${name} is ${await metric(daemon, name)} and not ${least}`);
    await sleep(50);
  }
}

// CPU of each poll in the next while, µs; throws unless nearly all end with that outcome.
async function cpuOfPolls(daemon, outcome, ms) {
  const before = await metrics(daemon);
  const used = cpu(daemon.pid);
  await sleep(ms);
  const us = cpu(daemon.pid) - used;
  const after = await metrics(daemon);
  const delta = (name) => after.get(`pollcast_polls_${name}`) - before.get(`pollcast_polls_${name}`);
  const polls = delta('total');
  if (!(polls > 0 && delta(`${outcome}_total`) >= 0.98 * polls)) throw new Error(`${delta(`${outcome}_total`)} of ${polls} polls are ${outcome}`);
  return us / polls;
}

// ---- topics ----

const empty = async (ctx) => {
  const daemon = await startServer(ctx);
  await sleep(500);
  return { pssKib: pssKib(daemon.pid), rssKib: daemon.memory() };
};

// kib: memory over that of the server when it had none, by all of them; addedKib: of one more. Neither has the document.
const polled = (count, hosts) => async (ctx) => {
  const origin = await startOrigin(ctx.build, hosts);
  ctx.cleanup(() => origin.stop());
  const daemon = await startServer(ctx, ['--poll-max-connections', '20000']);
  await sleep(300);
  const idle = pssKib(daemon.pid);
  const topic = (i) => polledTopic(i, origin.url(i, `/${KB}?${i}`), 'PT1S');
  await make(daemon, TOPICS, 0, FIRST, topic);
  await reach(daemon, 'polls_total', 3 * FIRST);
  const first = pssKib(daemon.pid);
  await make(daemon, TOPICS, FIRST, count, topic);
  await reach(daemon, 'polls_total', await metric(daemon, 'polls_total') + 4 * count);
  const cpuUs = await cpuOfPolls(daemon, 'unchanged', 2000);
  const now = pssKib(daemon.pid);
  return { cpuUs, kib: (now - idle) / count - 1, addedKib: (now - first) / (count - FIRST) - 1, failing: await metric(daemon, 'topics_failing') };
};

// ---- start-up ----

// Milliseconds until it is ready, from before it is executed; and its CPU until then.
async function timeStart(ctx, data) {
  const began = performance.now();
  const daemon = await startServer(ctx, [], data);
  while ((await daemon.request('GET', '/health/ready')).status !== 200) await sleep(2);
  return { daemon, ms: performance.now() - began, cpuUs: cpu(daemon.pid) };
}

// Folders of servers with so many topics, half of them polled, each of which has its document.
const folders = new Map();
async function folderOf(ctx, count) {
  if (folders.has(count)) return folders.get(count);
  const origin = await startOrigin(ctx.build, 100);
  ctx.cleanup(() => origin.stop());
  const daemon = await startServer(ctx);
  await make(daemon, TOPICS, 0, count, (i) => (i % 2 ? postedTopic(i) : polledTopic(i, origin.url(i, `/200?${i}`), 'PT1H')));
  await reach(daemon, 'polls_ok_total', count / 2);
  await daemon.stop();
  folders.set(count, daemon.data);
  return daemon.data;
}

const started = (count) => async (ctx) => {
  const data = await folderOf(ctx, count);
  const none = await timeStart(ctx, tempFolder());
  const idle = pssKib(none.daemon.pid);
  const { daemon, ms, cpuUs } = await timeStart(ctx, data);
  if (await metric(daemon, 'topics') !== count) throw new Error(`ready with ${await metric(daemon, 'topics')} topics`);
  const kib = (pssKib(daemon.pid) - idle) / count;
  await daemon.stop();
  return { ms, cpuUs: (cpuUs - none.cpuUs) / count, kib };
};

// ---- channels, subscriptions ----

const fanOut = (server, channels) => async (ctx) => {
  const row = { form: 'sse', topics: 1, channels, size: 1000, loops: 1, periodMs: channels / 40 };
  const rig = await Rig.start(ctx, row, server);
  ctx.cleanup(() => rig.stop());
  return rig.round();
};

const subscribed = (kind, count, bodyOf) => async (ctx) => {
  const daemon = await startServer(ctx);
  await make(daemon, TOPICS, 0, 1, (i) => postedTopic(i, [{ type: kind }]));
  const target = `/streams/subscribers/${kind}/api/v1/topics/t0/subscriptions`;
  await make(daemon, target, 0, FIRST, bodyOf);
  await sleep(300);
  const first = pssKib(daemon.pid);
  await make(daemon, target, FIRST, count, bodyOf);
  await sleep(300);
  return { addedKib: (pssKib(daemon.pid) - first) / (count - FIRST) };
};
const webhook = (i) => ({ webhookUrl: `http://127.0.0.1:9/hook/${i}` });
const provisioned = () => ({});

// ---- bytes ----

// A fifth of all values changes with each poll. As many bytes a second whatever the size is.
const ofSize = (kb) => async (ctx) => {
  const origin = await startOrigin(ctx.build, 100);
  ctx.cleanup(() => origin.stop());
  const daemon = await startServer(ctx, ['--payload-max-bytes', '8 MiB']);
  const count = 16_000 / kb;
  await make(daemon, TOPICS, 0, count, (i) => polledTopic(i, origin.url(i, `/changed/${kb * KB}/${i}`), 'PT1S'));
  await reach(daemon, 'polls_ok_total', 2 * count);
  return { cpuUs: await cpuOfPolls(daemon, 'ok', 3000) / kb };
};

// ---- rows ----

const tool = (name, ...args) => (ctx) => figuresOf(ctx.tool(name), args);

export const rows = [{
  name: 'a server without topics',
  contenders: { pollcast: empty },
  limits: [atMost('pssKib', 'pollcast', 10 * KB)],
}, {
  name: 'topics polled once a second, 1 KB, 100 hosts',
  unit: 'poll',
  rounds: 2,
  contenders: {
    '1 000': polled(1000, 100),
    '10 000': polled(10_000, 100),
    '10 000, each its host': polled(10_000, 10_000),
  },
  limits: [
    grows('cpuUs', '10 000', '1 000'),
    grows('addedKib', '10 000', '1 000'),
    atMost('kib', '10 000', 8),
    ...['1 000', '10 000', '10 000, each its host'].map((of) => atMost('failing', of, 0)),
  ],
}, {
  name: 'starting with topics',
  unit: 'topic',
  contenders: { '10 000': started(10_000), '100 000': started(100_000) },
  limits: [grows('cpuUs', '100 000', '10 000'), grows('kib', '100 000', '10 000'), atMost('ms', '100 000', 3000)],
}, {
  name: '1 KB to channels',
  unit: 'delivery',
  contenders: {
    '1 000': fanOut(pollcast, 1000),
    '10 000': fanOut(pollcast, 10_000),
    'bare writer, 1 000': fanOut(bareWriter, 1000),
    'bare writer, 10 000': fanOut(bareWriter, 10_000),
  },
  limits: [grows('wholeUs', '10 000', '1 000'), grows('pssKib', '10 000', '1 000')],
}, {
  name: 'webhooks subscribed to a topic',
  unit: 'subscription',
  rounds: 1,
  contenders: { '1 000': subscribed('webhook', 1000, webhook), '10 000': subscribed('webhook', 10_000, webhook) },
  limits: [grows('addedKib', '10 000', '1 000')],
}, {
  name: 'SSE subscriptions provisioned to a topic',
  unit: 'subscription',
  rounds: 1,
  contenders: { '1 000': subscribed('sse', 1000, provisioned), '10 000': subscribed('sse', 10_000, provisioned) },
  limits: [grows('addedKib', '10 000', '1 000')],
}, {
  name: 'commits of 1 KB to a journal that keeps as many events, 1 000 topics',
  unit: 'event',
  rounds: 2,
  contenders: Object.fromEntries([1, 10, 100, 1000].map((each) => [`${each < 1000 ? each : '1 000'} 000`, tool('bench_store', 'commit', 100, each)])),
  limits: [grows('cpuUs', '10 000', '1 000'), grows('cpuUs', '100 000', '10 000'), grows('cpuUs', '1 000 000', '100 000')],
}, {
  name: 'changed documents',
  unit: 'KB',
  rounds: 2,
  contenders: { '20 KB': ofSize(20), '200 KB': ofSize(200), '2 MB': ofSize(2000) },
  limits: [grows('cpuUs', '200 KB', '20 KB'), grows('cpuUs', '2 MB', '200 KB')],
}, {
  name: 'GET next of a feed, by what is queued',
  contenders: { 100: tool('bench_feed', 100), '1 000 000': tool('bench_feed', 1_000_000) },
  limits: [grows('p50Ms', '1 000 000', 100)],
}];
