// What webhooks cost: a document of 20 KB each second, delivered to many subscriptions of one topic, to a receiver that is
// as fast as one can be (receiver.c). From the moment at which a document is posted until a receiver has all of it; and the
// CPU of a delivery, its share of the commits and of the cursors that are stored included.
import { spawn } from 'node:child_process';
import http from 'node:http';
import readline from 'node:readline';

import { startDaemon } from '../live/lib/daemon.js';
import { cpu, metrics, pssKib, sleep, stampedDocuments } from './bench_rig.mjs';

export const title = 'Webhooks';

const subscriptions = 750;
const seconds = 4;
const bytes = 20_000;
const warmS = 2;

// {url, report(): {count, p50, p99, max} in ms since the last report, cpu(), stop()}
export async function startReceiver(ctx) {
  const child = spawn(ctx.tool('bench_receiver'), [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: port } = await lines.next();
  return {
    url: `http://127.0.0.1:${port}/hook`,
    cpu: () => cpu(child.pid),
    stop: () => child.stdin.end(),
    async report() {
      child.stdin.write('\n');
      const [count, ...times] = (await lines.next()).value.split(' ').map(Number);
      const [p50, p99, max] = times.map((us) => us / 1000);
      return { count, p50, p99, max };
    },
  };
}

export async function must(daemon, status, method, target, options) {
  const answer = await daemon.request(method, target, options);
  if (answer.status !== status) throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
  return answer.json;
}

export async function subscribe(daemon, topic, body, count = subscriptions) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  let left = count;
  const worker = async () => {
    while (left-- > 0) await must(daemon, 201, 'POST', `/streams/subscribers/webhook/api/v1/topics/${topic.id}/subscriptions`, { agent, body });
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
}

// One document per second, at its time.
async function postFor(daemon, topic, agent, s) {
  const document = stampedDocuments(bytes);
  const from = performance.now();
  for (let n = 0; n < s; n++) {
    await sleep(Math.max(0, from + n * 1000 - performance.now()));
    await must(daemon, 202, 'POST', `/streams/publishers/http-post/api/v1/topics/${topic.id}`, { agent, body: document() });
  }
  await sleep(Math.max(0, from + s * 1000 - performance.now()));
}

const deliveries = (more) => async (ctx) => {
  const receiver = await startReceiver(ctx);
  ctx.cleanup(() => receiver.stop());
  const daemon = await startDaemon({ args: ['--loops', '2'] });
  ctx.cleanup(() => daemon.kill());
  const agent = new http.Agent({ keepAlive: true });
  ctx.cleanup(() => agent.destroy());
  const topic = await must(daemon, 201, 'POST', '/streams/hub/api/v1/topics', {
    body: { name: 'bench', publisher: { type: 'http-post', alwaysOn: true, payload: { type: 'event' } }, subscribers: [{ type: 'webhook' }] },
  });
  await subscribe(daemon, topic, { webhookUrl: receiver.url, ...more });
  await postFor(daemon, topic, agent, warmS);
  await receiver.report();
  const before = cpu(daemon.pid);
  const hisBefore = receiver.cpu();
  await postFor(daemon, topic, agent, seconds);
  const used = cpu(daemon.pid) - before;
  const his = receiver.cpu() - hisBefore;
  const { count, p50, p99, max } = await receiver.report();
  return {
    cpuUs: used / count,
    p50Ms: p50,
    p99Ms: p99,
    maxMs: max,
    receiverUs: his / count,
    delivered: count / (subscriptions * seconds),
    failed: (await metrics(daemon)).get('pollcast_subscription_failures_total'),
    pssKib: pssKib(daemon.pid),
  };
};

export const rows = [{
  name: `1 topic, ${subscriptions} webhooks, 20 KB a second to each`,
  unit: 'delivery',
  contenders: {
    plain: deliveries({}),
    signed: deliveries({ signingSecret: `whsec_${Buffer.alloc(32, 1).toString('base64')}` }),
    cloudevents: deliveries({ format: 'cloudevents' }),
  },
  limits: [
    ...['plain', 'signed', 'cloudevents'].map((of) => ({ figure: 'p99Ms', of, atMost: 100 })),
    { figure: 'delivered', of: 'plain', atLeast: 1 },
    { figure: 'failed', of: 'plain', atMost: 0 },
  ],
}];
