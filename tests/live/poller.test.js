// When a topic is polled, and when not: who follows it, its period, its settings, restarts.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { createFeed, FEEDS, next, nextJson } from './lib/feeds.js';
import { createWebhook, patchWebhook, startReceiver, WEBHOOK } from './lib/receiver.js';
import { ARGS, daemon, newPath, origin, PERIOD, requestCount as count, rig } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import { TOPICS, createPostTopic, createTopic, debugOf, eventually, follow, isEvent, metric, nextError, patchConfig, pollNow, post, seqOf } from './lib/topics.js';
import { WsClient } from './lib/websocket.js';

rig({}, async () => {
  // Ticks as the polls of this topic do: "so many ticks later" is something to wait for.
  origin.json('/clock', { tick: true });
  await createTopic(daemon, { url: origin.url('/clock'), pollingPeriod: PERIOD }, { alwaysOn: true });
});

const ticks = (n) => origin.asked('/clock', count('/clock') + n);
const isRunning = async (topic) => (await debugOf(daemon, topic)).poller.running;
const exits = async (topic, on = daemon) => (await debugOf(on, topic)).lastPolls.map((p) => p.exit);

// A source that holds its answers back until told; asked: how many wait.
function holding(at) {
  const held = [];
  let most = 0;
  origin.on(at, (req, res) => {
    held.push(res);
    most = Math.max(most, held.length);
    res.on('close', () => held.splice(held.indexOf(res), 1));
  });
  return {
    held,
    get most() { return most; },
    answer(value) { for (const res of held.splice(0)) res.end(JSON.stringify(value)); },
  };
}

test('polling starts with the first subscriber and stops with the last', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
  await ticks(3);
  assert.equal(count(at), 0);
  assert.equal(await isRunning(topic), false);

  const first = await follow(t, daemon, topic);
  await first.next(isEvent);
  const second = await follow(t, daemon, topic);
  await second.next(isEvent);
  first.close();
  await origin.asked(at, count(at) + 24); // for longer than a poller outlives its last subscriber
  assert.equal(await isRunning(topic), true);
  second.close();
  await eventually(async () => !(await isRunning(topic)), 'the poller to stop');
  const n = count(at);
  await ticks(5);
  assert.equal(count(at), n);

  // Again, with what is known: the document at once, and the validators of the last answer.
  const third = await follow(t, daemon, topic);
  assert.equal(seqOf(await third.next(isEvent)), 1);
  await origin.asked(at, n + 2);
});

// Of Kafka: kafka.test.js.
describe('subscribers of other kinds start it, too, and it stops with them:', { concurrency: 4 }, () => {
  const remove = async (target) => assert.equal((await daemon.request('DELETE', target)).status, 204);
  const webhook = async (t, topic, more) => createWebhook(daemon, topic, { webhookUrl: (await startReceiver(t)).url(), ...more });
  // Each makes one of the topic and resolves to what ends it.
  const kinds = {
    'a WebSocket': async (t, topic) => {
      const client = await new WsClient(t, daemon.url).open();
      client.subscribe(topic.id);
      return () => client.socket.close();
    },
    'a webhook that is deleted': async (t, topic) => {
      const subscription = await webhook(t, topic);
      return () => remove(`${WEBHOOK}/subscriptions/${subscription.id}`);
    },
    'a webhook while it is active': async (t, topic) => {
      const subscription = await webhook(t, topic, { subscriptionStatus: 'suspended' });
      await ticks(3);
      assert.equal(await isRunning(topic), false);
      await patchWebhook(daemon, subscription, { subscriptionStatus: 'active' });
      return () => patchWebhook(daemon, subscription, { subscriptionStatus: 'suspended' });
    },
    'the channel of a provisioned subscription, not the subscription': async (t, topic) => {
      const sse = '/streams/subscribers/sse/api/v1';
      const made = await daemon.request('POST', `${sse}/topics/${topic.id}/subscriptions`, { body: {} });
      assert.equal(made.status, 201, made.text);
      await ticks(3);
      assert.equal(await isRunning(topic), false);
      const stream = await openStream(daemon.url, `${sse}/subscriptions/${made.json.id}/subscribe`);
      t.after(() => stream.close());
      return () => stream.close();
    },
  };
  for (const [name, begin] of Object.entries(kinds)) {
    it(name, async (t) => {
      const at = newPath();
      origin.json(at, { a: 1 });
      const subscribers = [{ type: 'sse' }, { type: 'websocket' }, { type: 'webhook' }];
      const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD }, { subscribers });
      const end = await begin(t, topic);
      await origin.asked(at, 3);
      await end();
      await eventually(async () => !(await isRunning(topic)), 'the poller to stop');
      const n = count(at);
      await ticks(3);
      assert.equal(count(at), n);
    });
  }
});

test('a feed that holds topics is a subscriber of theirs', async () => {
  const at = newPath();
  origin.on(at, (req, res, n) => res.end(JSON.stringify({ n })));
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
  const posted = await createPostTopic(daemon, { alwaysOn: false });
  assert.equal((await post(daemon, posted, {})).status, 410);
  const feed = await createFeed(daemon, { id: 'holds', topics: [topic.name, posted.name] });
  await origin.asked(at, 3);
  await eventually(async () => (await next(daemon, feed.id)).status === 200, 'the first notification');
  assert.equal((await nextJson(daemon, feed.id)).notifications[0].eventType, `${topic.name}:changed`);
  assert.equal((await post(daemon, posted, {})).status, 202);
  assert.equal((await daemon.request('DELETE', `${FEEDS}/${feed.id}`)).status, 204);
  await eventually(async () => !(await isRunning(topic)), 'the poller to stop');
  assert.equal((await post(daemon, posted, {})).status, 410);
});

test('a feed of names is one of each topic that gets such a name, over restarts; all is one from when it is asked for', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const paths = [newPath(), newPath(), newPath()];
  for (const at of paths) origin.json(at, { a: 1 });
  const create = (n, name) => createTopic(own, { url: origin.url(paths[n]), pollingPeriod: PERIOD }, { name });
  const stands = async (topic) => assert.equal((await debugOf(own, topic)).poller.running, false);
  await createFeed(own, { id: 'names', topics: ['held *'] });
  await create(0, 'held by its name');
  await origin.asked(paths[0], 2);
  await own.stop();
  own = await startDaemon({ args: ARGS, data: own.data });
  await origin.asked(paths[0], count(paths[0]) + 2);
  const second = await create(1, 'second');
  await stands(second);
  assert.equal((await own.request('PATCH', `${TOPICS}/${second.id}`, { body: { name: 'held now' } })).status, 200);
  await origin.asked(paths[1], 2);
  const third = await create(2, 'third');
  await stands(third);
  await next(own, 'all');
  await origin.asked(paths[2], 2);
});

test('alwaysOn: polled although nobody follows, from the start and after a restart', async (t) => {
  const at = newPath();
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  origin.json(at, { a: 1 });
  const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD }, { alwaysOn: true });
  await origin.asked(at, 5);
  await own.stop();
  const n = count(at);
  own = await startDaemon({ args: ARGS, data: own.data });
  await origin.asked(at, n + 5);
  assert.equal((await debugOf(own, topic)).sequence, 1);
  // Turned off while nobody follows, it stops.
  await patchConfig(own, topic, {}, { alwaysOn: false });
  assert.equal((await debugOf(own, topic)).poller.running, false);
  await patchConfig(own, topic, {}, { alwaysOn: true });
  await origin.asked(at, count(at) + 2);
});

test('the rate is fixed: an answer that takes its time moves no tick', async (t) => {
  const at = newPath();
  // 0, 40, 80, 120, 0, … ms of a period of 400: a busy machine has time to spare, and skips none.
  origin.on(at, (req, res, n) => setTimeout(() => res.end('{"a":1}'), (n % 4) * 40));
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT0.4S' });
  const stream = await follow(t, daemon, topic);
  await origin.asked(at, 17);
  stream.close();
  // The first poll is at once, outside the grid.
  const times = origin.requests(at).slice(1, 17).map((r) => r.at);
  const off = times.map((time, i) => time - times[0] - i * 400).sort((a, b) => a - b);
  const median = off[off.length >> 1];
  const near = off.filter((ms) => Math.abs(ms - median) < 20).length;
  assert.ok(near >= 12 && Math.abs(off.at(-1)) < 150, `off the grid by ${off.map(Math.round)} ms`);
});

test('many topics poll at times of their own, the same after a restart', async (t) => {
  const PERIOD_MS = 500;
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const paths = Array.from({ length: 200 }, newPath);
  for (const at of paths) {
    origin.json(at, { a: 1 });
    await createTopic(own, { url: origin.url(at), pollingPeriod: `PT${PERIOD_MS / 1000}S` }, { alwaysOn: true });
  }
  // Where in the period each polls; of the polls from `counts` on the first is at once.
  const places = async (counts) => {
    const asked = await Promise.all(paths.map((at, i) => origin.asked(at, counts[i] + 3)));
    return asked.map(({ at }) => at % PERIOD_MS);
  };
  const before = await places(paths.map(() => 0));
  const tenths = Array(10).fill(0);
  for (const place of before) tenths[Math.floor((place * 10) / PERIOD_MS)]++;
  assert.ok(Math.max(...tenths) <= 50, `polls in each tenth of the period: ${tenths}`);
  await own.stop();
  const counts = paths.map(count);
  own = await startDaemon({ args: ARGS, data: own.data });
  const after = await places(counts);
  const apart = before.map((place, i) => Math.min(Math.abs(after[i] - place), PERIOD_MS - Math.abs(after[i] - place)));
  const near = apart.filter((ms) => ms < 60).length;
  assert.ok(near > 150, `${near} of 200 are where they were`);
});

test('never two polls at a time: ticks are skipped and counted', async (t) => {
  const at = newPath();
  const source = holding(at);
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
  const before = await metric(daemon, 'polls_skipped_total');
  const stream = await follow(t, daemon, topic);
  for (let n = 1; n <= 3; n++) {
    await origin.asked(at, n);
    await ticks(5);
    assert.equal(count(at), n);
    source.answer({ n });
    assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { n });
  }
  assert.equal(source.most, 1);
  const { poller } = await debugOf(daemon, topic);
  assert.ok(poller.skipped >= 9, `${poller.skipped} skipped`);
  assert.ok((await metric(daemon, 'polls_skipped_total')) - before >= poller.skipped);
});

test('POST …/poll: one poll, followed or not', async (t) => {
  const at = newPath();
  const source = holding(at);
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  await pollNow(daemon, topic);
  await origin.asked(at);
  // More wishes while it is under way: one more poll, for all of them.
  for (let i = 0; i < 3; i++) await pollNow(daemon, topic);
  source.answer({ n: 1 });
  await origin.asked(at, 2);
  source.answer({ n: 2 });
  await eventually(async () => !(await isRunning(topic)), 'the poller to stop');
  await ticks(3);
  assert.equal(count(at), 2);
  assert.deepEqual(await exits(topic), ['ok', 'ok']);

  const stream = await follow(t, daemon, topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { n: 2 });
  await origin.asked(at, 3); // the first poll of a topic that is followed
  source.answer({ n: 3 });
  await stream.next(isEvent);
  await pollNow(daemon, topic);
  await origin.asked(at, 4);
  source.answer({ n: 4 });
  await stream.next(isEvent);
  await ticks(3);
  assert.equal(count(at), 4);
});

test('PATCH of the url in mid-poll: that poll is cancelled, and the new url polled at once', async (t) => {
  const [was, now] = [newPath(), newPath()];
  const source = holding(was);
  origin.json(now, { from: 'now' });
  const topic = await createTopic(daemon, { url: origin.url(was), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await origin.asked(was);
  const [held] = source.held;
  const closed = new Promise((resolve) => held.on('close', resolve));
  await patchConfig(daemon, topic, { url: origin.url(now) });
  await closed;
  const frame = await stream.next(isEvent);
  assert.deepEqual(JSON.parse(frame.data), { from: 'now' });
  assert.equal(seqOf(frame), 1);
  assert.deepEqual(await exits(topic), ['cancelled', 'ok']);
  assert.equal(count(was), 1);
  assert.equal((await daemon.request('GET', `${TOPICS}/${topic.id}/events`)).json.items.length, 1);
});

test('PATCH while a retry waits: it is not made any more', async (t) => {
  const [was, now] = [newPath(), newPath()];
  origin.status(was, 503);
  origin.json(now, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(was), pollingPeriod: 'PT1H', retryBackOffInitialDuration: 'PT0.3S' });
  const stream = await follow(t, daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).poller.step === 'retrying', 'the retry');
  await patchConfig(daemon, topic, { url: origin.url(now) });
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 1 });
  await ticks(6);
  assert.equal(count(was), 1);
});

test('DELETE in mid-poll: the request ends, and so do the channels', async (t) => {
  const at = newPath();
  const source = holding(at);
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
  const stream = await follow(t, daemon, topic);
  await origin.asked(at);
  const [held] = source.held;
  const closed = new Promise((resolve) => held.on('close', resolve));
  const polling = await metric(daemon, 'topics_polling');
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  await closed;
  assert.equal((await nextError(stream)).code, 40404);
  await stream.end();
  assert.equal(await metric(daemon, 'topics_polling'), polling - 1);
  await ticks(3);
  assert.equal(count(at), 1);
});

test('topics that are changed and deleted at every moment of a poll', async (t) => {
  const at = newPath();
  let n = 0;
  origin.on(at, (req, res) => res.end(JSON.stringify({ n: ++n, filler: 'x'.repeat(5000) })));
  const polling = await metric(daemon, 'topics_polling');
  for (let round = 0; round < 40; round++) {
    const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
    const stream = await follow(t, daemon, topic);
    pollNow(daemon, topic).catch(() => {}); // it may be gone before it is asked
    if (round % 2) await stream.next(isEvent);
    const change = patchConfig(daemon, topic, { headers: { 'X-Round': `${round}` } }).catch((error) => assert.match(error.message, /404|409/));
    if (round % 4 < 2) await change;
    assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
    await change;
    await stream.next((f) => f.event === 'error');
    stream.close();
  }
  // Those of tests before may have stopped meanwhile, too.
  await eventually(async () => (await metric(daemon, 'topics_polling')) <= polling, 'the pollers to stop');
});

test('what is known of each source is saved at times, whatever its polls are doing', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--poll-save-every', 'PT1S'] });
  t.after(() => own.stop());
  // At every moment some polls wait for an answer, some for a commit; every other answer changes nothing.
  await Promise.all(Array.from({ length: 200 }, (_, i) => {
    const at = newPath();
    origin.on(at, (req, res, n) => setTimeout(() => res.end(JSON.stringify({ n: n >> 1 })), (n + i) % 10 * 5));
    return createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD }, { alwaysOn: true });
  }));
  const commits = () => metric(own, 'store_commits_total');
  const events = () => metric(own, 'events_total');
  // The commits that hold no event are those of states.
  await eventually(async () => (await commits()) - (await events()) >= 120, 'the states to be saved');
  assert.equal(await metric(own, 'store_errors_total'), 0);
  assert.equal(await metric(own, 'polls_error_total'), 0);
});

test('settings that change while the topic is followed are in force at once', async (t) => {
  const at = newPath();
  origin.json(at, { part: { a: 1, b: [1, 2, 3] } });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', headers: { 'X-A': '1', 'X-B': '1' } });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  await patchConfig(daemon, topic, { headers: { 'X-A': null, 'X-C': '1' } });
  const { headers } = await origin.asked(at, 2);
  assert.deepEqual(['x-a', 'x-b', 'x-c'].map((name) => headers[name]), [undefined, '1', '1']);
  await patchConfig(daemon, topic, { payloadPointer: '/part' });
  const frame = await stream.next(isEvent);
  assert.deepEqual(JSON.parse(frame.data), { a: 1, b: [1, 2, 3] });
  assert.equal(seqOf(frame), 2);
  await patchConfig(daemon, topic, { pollingPeriod: PERIOD });
  await origin.asked(at, count(at) + 5);
  await patchConfig(daemon, topic, { pollingPeriod: 'PT1H' });
  const n = count(at);
  await ticks(4);
  assert.ok(count(at) <= n + 1, `${count(at)} after ${n}`);
  assert.equal(stream.frames.filter(isEvent).length, 2);
});

for (const [how, next] of [['an orderly stop', (seq) => seq + 1], ['kill -9', undefined]]) {
  test(`after ${how} the sequence and the validators go on`, async (t) => {
    let own = await startDaemon({ args: ARGS });
    t.after(() => own.stop());
    const at = newPath();
    const document = { a: 1, filler: 'x'.repeat(200) };
    origin.json(at, document, { etag: '"one"' });
    const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD });
    const before = await follow(t, own, topic);
    const first = await before.next(isEvent);
    await origin.asked(at, 3);
    before.close();
    if (how === 'kill -9') await own.kill();
    else await own.stop();
    const n = count(at);

    own = await startDaemon({ args: ARGS, data: own.data });
    const stream = await follow(t, own, topic, { headers: { 'Last-Event-ID': first.id } });
    assert.equal((await origin.asked(at, n + 1)).headers['if-none-match'], '"one"');
    await origin.asked(at, n + 3);
    // Nothing has changed, so nothing is said (a resumed reader may get the whole again after a crash).
    assert.ok(stream.frames.every((f) => f.event !== 'patch' && f.event !== 'error'));
    if (next) assert.deepEqual(stream.frames.filter(isEvent), []);
    assert.ok((await exits(topic, own)).every((exit) => exit === 'unchanged'));
    origin.json(at, { ...document, a: 2 }, { etag: '"two"' });
    const frame = await stream.next((f) => f.event === 'patch');
    assert.deepEqual(JSON.parse(frame.data), [{ op: 'replace', path: '/a', value: 2 }]);
    if (next) assert.equal(seqOf(frame), next(seqOf(first)));
    else assert.ok(seqOf(frame) > seqOf(first) + 1, 'a leap');
  });
}
