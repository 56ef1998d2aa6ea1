// What webhooks cost in the real program: one topic, a document of 20 KB each second, delivered to 750 subscriptions, to a
// receiver that is as fast as one can be (receiver.c). From the moment at which a document is posted until a receiver has
// all of it; and the CPU of a delivery, its share of the commits and of the cursors that are stored included.
//
//   node bench_webhook.mjs BUILD_DIR [SUBSCRIPTIONS [SECONDS]]
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';

import { startDaemon } from '../live/lib/daemon.js';
import { cpu, metrics, sleep } from './bench_rig.mjs';

const build = process.argv[2];
const subscriptions = Number(process.argv[3] ?? 750);
const seconds = Number(process.argv[4] ?? 8);
const bytes = 20_000;
const warmS = 2;

// {url, report(): {count, p50, p99, max} in ms since the last report, cpu(), stop()}
async function startReceiver() {
  const child = spawn(path.join(build, 'tests/bench/bench_receiver'), [], { stdio: ['pipe', 'pipe', 'inherit'] });
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

async function must(daemon, status, method, target, options) {
  const answer = await daemon.request(method, target, options);
  if (answer.status !== status) throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
  return answer.json;
}

async function subscribe(daemon, topic, body) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  let left = subscriptions;
  const worker = async () => {
    while (left-- > 0) await must(daemon, 201, 'POST', `/streams/subscribers/webhook/api/v1/topics/${topic.id}/subscriptions`, { agent, body });
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
}

// One document per second, at its time.
async function postFor(daemon, topic, agent, s) {
  const from = performance.now();
  for (let n = 0; n < s; n++) {
    await sleep(Math.max(0, from + n * 1000 - performance.now()));
    const at = Math.round((performance.timeOrigin + performance.now()) * 1000);
    const head = `{"at":${at},"text":"`;
    await must(daemon, 202, 'POST', `/streams/publishers/http-post/api/v1/topics/${topic.id}`, { agent, body: `${head}${'x'.repeat(bytes - head.length - 2)}"}` });
  }
  await sleep(Math.max(0, from + s * 1000 - performance.now()));
}

async function measure(name, more) {
  const receiver = await startReceiver();
  const daemon = await startDaemon({ args: ['--loops', '2'] });
  const agent = new http.Agent({ keepAlive: true });
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
  const failures = (await metrics(daemon)).get('pollcast_subscription_failures_total');
  console.log(`${name.padEnd(14)} ${String(count).padStart(7)} deliveries, ${failures} failed; posted to received p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, longest ${max.toFixed(1)} ms; `
    + `CPU per delivery ${(used / count).toFixed(1)} us (receiver ${(his / count).toFixed(1)} us); ${Math.round(daemon.memory() / 1024)} MiB`);
  agent.destroy();
  await daemon.stop();
  receiver.stop();
}

console.log(`1 topic, ${subscriptions} webhooks, ${bytes} bytes a second to each, 2 loops (p99 at most 100 ms)`);
await measure('plain', {});
await measure('signed', { signingSecret: `whsec_${Buffer.alloc(32, 1).toString('base64')}` });
await measure('cloudevents', { format: 'cloudevents' });
