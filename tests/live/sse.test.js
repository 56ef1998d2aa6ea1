// Event streams as clients see them: the real program on two loops, a scripted origin, polls started by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventSource } from 'eventsource';
import jsonpatch from 'fast-json-patch';

import { startDaemon, tempFolder, within } from './lib/daemon.js';
import { daemon, newPath, origin, rig } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import { isEvent, seqOf, SSE, TOPICS } from './lib/topics.js';

const VENDOR = 'application/vnd.axway.streams+';
const ARGS = ['--loops', '2', '--sse-heartbeat', 'PT0.4S', '--drain', 'PT0.5S'];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

rig({ args: ARGS });

// A topic of its own and what its source answers.
async function makeTopic(value, more = {}, on = daemon) {
  const path = newPath();
  if (value !== undefined) origin.json(path, value);
  const body = {
    name: `sse ${path.slice(1)}`,
    publisher: { type: 'http-poller', config: { url: origin.url(path), pollingPeriod: more.period ?? 'PT1H', retryOnHttpCodes: [] } },
    ...(more.subscribers ? { subscribers: more.subscribers } : {}),
  };
  const answer = await on.request('POST', TOPICS, { body });
  assert.equal(answer.status, 201, answer.text);
  return { ...answer.json, path };
}

async function poll(topic, on = daemon) {
  const answer = await on.request('POST', `${TOPICS}/${topic.id}/poll`);
  assert.ok(answer.status < 300, answer.text);
}

const follow = (topic, { query = '', on = daemon, ...options } = {}) => openStream(on.url, `${SSE}/${topic.id}${query}`, options);

async function metric(name, on = daemon) {
  const { text } = await on.request('GET', '/metrics');
  return Number(new RegExp(`^pollcast_${name} (\\S+)$`, 'm').exec(text)[1]);
}

// Until probe() is true; each look is a request, so this does not spin.
async function eventually(probe, what, ms = 20_000) {
  let going = true;
  const looking = (async () => {
    while (going && !(await probe()));
  })();
  try {
    await within(ms, looking, what);
  } finally {
    going = false;
  }
}

// A document as a client keeps it; every frame must fit the one before.
class Replica {
  seq = undefined;
  patches = 0;
  snapshots = 0;

  take(frame) {
    const seq = seqOf(frame);
    if (frame.event === 'snapshot') {
      assert.ok(this.seq === undefined || seq > this.seq, `snapshot ${seq} after ${this.seq}`);
      this.document = JSON.parse(frame.data);
      this.snapshots++;
    } else {
      assert.equal(frame.event, 'patch');
      assert.equal(seq, this.seq + 1);
      this.document = jsonpatch.applyPatch(this.document, JSON.parse(frame.data), true).newDocument;
      this.patches++;
    }
    this.seq = seq;
  }
}

// ---- the answer ----

test('the answer is an event stream that no proxy buffers', async (t) => {
  const stream = await follow(await makeTopic({ a: 1 }));
  t.after(() => stream.close());
  assert.equal(stream.status, 200);
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.equal(stream.headers['cache-control'], 'no-cache');
  assert.equal(stream.headers['x-accel-buffering'], 'no');
  assert.equal(stream.headers['content-length'], undefined);
});

test('a snapshot, then patches that make the document of the source', async (t) => {
  const value = { items: [{ id: 1, price: 10 }], text: 'a', deep: { list: [1, 2, 3] } };
  const topic = await makeTopic(value);
  const stream = await follow(topic);
  t.after(() => stream.close());
  const replica = new Replica();
  const first = await stream.next(isEvent);
  assert.equal(first.event, 'snapshot');
  assert.match(first.id, new RegExp(`^${topic.id}#\\d+$`));
  replica.take(first);
  assert.deepEqual(replica.document, value);
  for (let i = 0; i < 40; i++) {
    value.items.push({ id: i + 2, price: i });
    value.items[i % value.items.length].price = i * 3;
    if (i % 3 === 0) value.items.shift();
    value.text = `line\nbreak ${i} é☃`;
    value.deep[`k${i % 5}`] = [i, { x: null }];
    if (i % 7 === 0) delete value.deep.k1;
    origin.json(topic.path, value);
    await poll(topic);
    replica.take(await stream.next(isEvent));
    assert.deepEqual(replica.document, value);
  }
  assert.ok(replica.patches > 20, `${replica.patches} patches`);
});

test('an EventSource follows and keeps the last id', async (t) => {
  const topic = await makeTopic({ a: 1, filler: 'x'.repeat(200) });
  const source = new EventSource(`${daemon.url}${SSE}/${topic.id}?mode=snapshot-patch`);
  t.after(() => source.close());
  const event = (name) => within(20_000, new Promise((resolve) => source.addEventListener(name, resolve, { once: true })), name);
  const snapshot = await event('snapshot');
  assert.equal(JSON.parse(snapshot.data).a, 1);
  origin.json(topic.path, { a: 2, filler: 'x'.repeat(200) });
  const coming = event('patch');
  await poll(topic);
  const patch = await coming;
  assert.equal(patch.lastEventId, `${topic.id}#${seqOf({ id: snapshot.lastEventId }) + 1}`);
});

// ---- modes ----

test('modes by Accept and by ?mode=', async () => {
  const topic = await makeTopic({ a: 1 });
  for (const [options, mode] of [
    [{}, 'patch'],
    [{ headers: { Accept: '*/*' } }, 'patch'],
    [{ headers: { Accept: 'text/event-stream' } }, 'patch'],
    [{ headers: { Accept: `${VENDOR}snapshot-patch` } }, 'patch'],
    [{ headers: { Accept: `${VENDOR}snapshot-only` } }, 'snapshot'],
    [{ headers: { Accept: `${VENDOR}snapshot-patch;q=0.5, ${VENDOR}snapshot-only;q=0.6` } }, 'snapshot'],
    [{ query: '?mode=' }, 'patch'],
    [{ query: '?mode=snapshot-only' }, 'snapshot'],
    [{ query: '?mode=snapshot-only', headers: { Accept: `${VENDOR}snapshot-patch` } }, 'snapshot'],
  ]) {
    const stream = await follow(topic, options);
    assert.equal((await stream.next(isEvent)).event, 'snapshot');
    const a = { a: Math.random(), b: { long: 'so that a patch is shorter than the whole'.repeat(5) } };
    origin.json(topic.path, a);
    await poll(topic);
    await stream.next(isEvent);
    origin.json(topic.path, { ...a, a: 2 });
    await poll(topic);
    const second = await stream.next(isEvent);
    assert.equal(second.event, mode, JSON.stringify(options));
    if (mode === 'snapshot') assert.deepEqual(JSON.parse(second.data), { ...a, a: 2 });
    stream.close();
  }
});

test('refusals: 404, 406, 400', async () => {
  const topic = await makeTopic({ a: 1 });
  const other = await makeTopic({ a: 1 });
  const only = await makeTopic({ a: 1 }, { subscribers: [{ type: 'sse', allowedSubscriptionModes: ['snapshot-only'], defaultSubscriptionMode: 'snapshot-only' }] });
  for (const [status, target, headers] of [
    [404, `${SSE}/nothing`],
    [404, `${SSE}/11111111-1111-4111-8111-111111111111`],
    [406, `${SSE}/${topic.id}?mode=event`],
    [406, `${SSE}/${topic.id}?mode=nonsense`],
    [406, `${SSE}/${topic.id}`, { Accept: 'application/json' }],
    [406, `${SSE}/${topic.id}`, { Accept: `${VENDOR}event` }],
    [406, `${SSE}/${topic.id}`, { Accept: '*/*;q=0' }],
    [406, `${SSE}/${only.id}?mode=snapshot-patch`],
    [400, `${SSE}/${topic.id}?lastEventId=nonsense`],
    [400, `${SSE}/${topic.id}?lastEventId=${topic.id}%230`],
    [400, `${SSE}/${topic.id}?lastEventId=${other.id}%231`],
    [400, `${SSE}/${topic.id}?lastEventId=${topic.id}%231`, { 'Last-Event-ID': `${other.id}#1` }],
    [400, `${SSE}/${topic.id}`, { 'Last-Event-ID': `${topic.id}#1x` }],
  ]) {
    const answer = await daemon.request('GET', target, { headers });
    assert.equal(answer.status, status, `${target} ${JSON.stringify(headers)}: ${answer.text}`);
    assert.equal(answer.json.errors[0].status, status);
  }
  const stream = await follow(only);
  assert.equal(stream.status, 200);
  stream.close();
});

test('HEAD is answered and opens no channel', async () => {
  const topic = await makeTopic({ a: 1 });
  const opened = await metric('channels_opened_total');
  const answer = await daemon.request('HEAD', `${SSE}/${topic.id}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'text/event-stream');
  assert.equal(await metric('channels_opened_total'), opened);
});

test('by name, too', async (t) => {
  const topic = await makeTopic({ a: 1 });
  const stream = await openStream(daemon.url, `${SSE}/${encodeURIComponent(topic.name)}`);
  t.after(() => stream.close());
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
});

// ---- resuming ----

// A topic with `count` changes, seen by a reader that is still there.
async function changedTopic(t, count, on = daemon) {
  const value = { n: 0, filler: 'x'.repeat(2000) };
  const topic = await makeTopic(value, {}, on);
  const stream = await follow(topic, { on });
  t.after(() => stream.close());
  const frames = [await stream.next(isEvent)];
  for (let i = 1; i <= count; i++) {
    origin.json(topic.path, { ...value, n: i });
    await poll(topic, on);
    frames.push(await stream.next(isEvent));
  }
  assert.deepEqual(frames.map((f) => f.event), ['snapshot', ...Array(count).fill('patch')]);
  return { topic, stream, frames };
}

// The reader that resumes after frames[at] gets what follows, byte for byte, and nothing else.
async function assertResumes(topic, frames, at, options, on = daemon) {
  const stream = await follow(topic, { ...options, on });
  const comment = await stream.next();
  assert.deepEqual(comment, { comment: `resumed after ${frames[at].id}` });
  for (const frame of frames.slice(at + 1)) assert.deepEqual(await stream.next(isEvent), frame);
  stream.close();
}

test('resuming at each point, by header and by query', async (t) => {
  const { topic, frames } = await changedTopic(t, 10);
  for (let at = 0; at < frames.length; at++) {
    await assertResumes(topic, frames, at, { headers: { 'Last-Event-ID': frames[at].id } });
    await assertResumes(topic, frames, at, { query: `?lastEventId=${encodeURIComponent(frames[at].id)}` });
  }
  // The field wins.
  await assertResumes(topic, frames, 9, { headers: { 'last-event-id': frames[9].id }, query: `?lastEventId=${encodeURIComponent(frames[2].id)}` });
});

test('resuming from the journal when nobody followed meanwhile', async (t) => {
  const { topic, stream, frames } = await changedTopic(t, 10);
  stream.close();
  await eventually(async () => {
    const { json } = await daemon.request('GET', `${TOPICS}/${topic.id}/debug`);
    return json.loopsWithChannels === 0;
  }, 'hubs to go');
  for (let at = 0; at < frames.length; at++) await assertResumes(topic, frames, at, { headers: { 'Last-Event-ID': frames[at].id } });
});

test('an id that no event has gets a snapshot', async (t) => {
  const { topic, frames } = await changedTopic(t, 2);
  for (const id of [`${topic.id}#${seqOf(frames[2]) + 1}`, `${topic.id}#18446744073709551615`]) {
    const stream = await follow(topic, { headers: { 'Last-Event-ID': id } });
    assert.match((await stream.next()).comment, /^snapshot instead of resume: /);
    const snapshot = await stream.next(isEvent);
    assert.equal(snapshot.event, 'snapshot');
    assert.equal(snapshot.id, frames[2].id);
    stream.close();
  }
});

test('resuming after a restart in order, and after kill -9', async (t) => {
  const data = tempFolder();
  let own = await startDaemon({ data, args: ARGS });
  t.after(() => own.kill());
  const { topic, frames } = await changedTopic(t, 5, own);
  await own.stop();
  own = await startDaemon({ data, args: ARGS });
  for (const at of [0, 3, 5]) await assertResumes(topic, frames, at, { headers: { 'Last-Event-ID': frames[at].id } }, own);
  await own.kill();
  own = await startDaemon({ data, args: ARGS });
  // The numbers leap, but the journal still knows what follows each of its own.
  for (const at of [0, 3, 5]) await assertResumes(topic, frames, at, { headers: { 'Last-Event-ID': frames[at].id } }, own);
});

// ---- silence, errors, ends ----

test('heartbeats tell how old and how fresh the document is', async (t) => {
  const topic = await makeTopic({ a: 1 }, { period: 'PT0.5S' });
  const stream = await follow(topic);
  t.after(() => stream.close());
  await stream.next(isEvent);
  const beat = await stream.next((f) => f.comment !== undefined);
  const [, since, checked] = /^unchanged since (\S+) checked (\S+)$/.exec(beat.comment);
  assert.ok(Date.parse(checked) >= Date.parse(since) && Date.now() - Date.parse(since) < 20_000, beat.comment);
  const newer = await stream.next((f) => f.comment !== undefined && !f.comment.endsWith(checked));
  assert.ok(newer.comment.startsWith(`unchanged since ${since} checked `));
});

test('a failing source: an error once, again when the code changes, then patches go on', async (t) => {
  const topic = await makeTopic({ a: 1 });
  const stream = await follow(topic);
  t.after(() => stream.close());
  const snapshot = await stream.next(isEvent);
  origin.status(topic.path, 503);
  await poll(topic);
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'error');
  assert.equal(frame.id, undefined);
  const error = JSON.parse(frame.data);
  assert.deepEqual(Object.keys(error), ['datetime', 'subscriptionId', 'code', 'category', 'message']);
  assert.equal(error.code, 70503);
  assert.equal(error.category, 'publication');
  assert.match(error.subscriptionId, UUID);
  assert.ok(Math.abs(Date.now() - Date.parse(error.datetime)) < 60_000);

  // Who joins now gets the last snapshot, then the error.
  const late = await follow(topic);
  t.after(() => late.close());
  assert.deepEqual(await late.next(isEvent), snapshot);
  const same = JSON.parse((await late.next(isEvent)).data);
  assert.equal(same.code, 70503);
  assert.notEqual(same.subscriptionId, error.subscriptionId);

  await poll(topic); // fails alike: nothing is said
  await origin.asked(topic.path, 3);
  origin.status(topic.path, 404);
  await poll(topic);
  const other = JSON.parse((await stream.next(isEvent)).data);
  assert.equal(other.code, 70404);
  assert.equal(other.subscriptionId, error.subscriptionId);

  origin.json(topic.path, { a: 2 });
  await poll(topic);
  assert.equal(seqOf(await stream.next(isEvent)), seqOf(snapshot) + 1);
});

test('a source that never worked: only the error', async (t) => {
  const topic = await makeTopic(undefined);
  const stream = await follow(topic);
  t.after(() => stream.close());
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'error');
  assert.equal(JSON.parse(frame.data).code, 70404);
});

test('the topic is deleted: error 40404, then the end', async () => {
  const topic = await makeTopic({ a: 1 });
  const streams = await Promise.all(Array.from({ length: 20 }, () => follow(topic)));
  await Promise.all(streams.map((s) => s.next(isEvent)));
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  for (const stream of streams) {
    const error = JSON.parse((await stream.next(isEvent)).data);
    assert.equal(error.code, 40404);
    assert.equal(error.category, 'subscription');
    await stream.end();
    stream.close();
  }
  assert.equal((await daemon.request('GET', `${SSE}/${topic.id}`)).status, 404);
});

test('a mode that is no longer allowed ends its channels', async (t) => {
  const topic = await makeTopic({ a: 1 });
  const patches = await follow(topic);
  const whole = await follow(topic, { query: '?mode=snapshot-only' });
  t.after(() => whole.close());
  await Promise.all([patches.next(isEvent), whole.next(isEvent)]);
  const body = { subscribers: [{ type: 'sse', allowedSubscriptionModes: ['snapshot-only'], defaultSubscriptionMode: 'snapshot-only' }] };
  const answer = await daemon.request('PATCH', `${TOPICS}/${topic.id}`, { body });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(JSON.parse((await patches.next(isEvent)).data).code, 40000);
  await patches.end();
  patches.close();
  origin.json(topic.path, { a: 2 });
  await poll(topic);
  assert.deepEqual(JSON.parse((await whole.next(isEvent)).data), { a: 2 });
});

// ---- connections ----

test('a client that half-closes still reads', async (t) => {
  const topic = await makeTopic({ a: 1 });
  const stream = await follow(topic);
  t.after(() => stream.close());
  await stream.next(isEvent);
  stream.socket.end();
  await stream.next((f) => f.comment !== undefined);
  origin.json(topic.path, { a: 2 });
  await poll(topic);
  assert.equal((await stream.next(isEvent)).event, 'snapshot'); // [{…}] would be longer than {"a":2}
});

test('what a client sends after its request is ignored', async (t) => {
  const topic = await makeTopic({ a: 1 });
  const stream = await follow(topic);
  t.after(() => stream.close());
  await stream.next(isEvent);
  stream.socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100));
  origin.json(topic.path, { a: 2 });
  await poll(topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 2 });
});

test('1000 channels, closed at once', async () => {
  await eventually(async () => (await metric('channels')) === 0, 'channels of other tests to be gone');
  const topic = await makeTopic({ a: 1 });
  const streams = [];
  for (let i = 0; i < 10; i++) streams.push(...(await Promise.all(Array.from({ length: 100 }, () => follow(topic)))));
  await Promise.all(streams.map((s) => s.next(isEvent)));
  assert.equal(await metric('channels'), 1000);
  origin.json(topic.path, { a: 2 });
  await poll(topic);
  await Promise.all(streams.map((s) => s.next(isEvent)));
  for (const stream of streams) stream.close();
  await eventually(async () => (await metric('channels')) === 0, 'channels to be gone');
});

test('a reader that stops reading delays nobody and catches up', async (t) => {
  const filler = 'y'.repeat(200_000);
  const value = { n: 0, filler };
  const topic = await makeTopic(value);
  const fast = await follow(topic);
  const slow = await follow(topic);
  t.after(() => [fast, slow].forEach((s) => s.close()));
  await Promise.all([fast.next(isEvent), slow.next(isEvent)]);
  slow.socket.pause();
  const skipped = await metric('channels_skipped_total');
  const seen = new Replica();
  seen.take(fast.frames.find(isEvent));
  // Each change replaces the whole: 40 × 200 KB is more than sockets and the ring hold.
  for (let i = 1; i <= 40; i++) {
    value.n = i;
    value.filler = `${i}`.padEnd(200_000, 'z');
    origin.json(topic.path, value);
    await poll(topic);
    seen.take(await fast.next(isEvent));
    assert.equal(seen.document.n, i);
  }
  slow.socket.resume();
  const replica = new Replica();
  for (const frame of slow.frames.filter(isEvent)) replica.take(frame);
  while (replica.seq !== seen.seq) replica.take(await slow.next((f) => isEvent(f) && (replica.seq === undefined || seqOf(f) > replica.seq)));
  assert.deepEqual(replica.document, seen.document);
  assert.ok((await metric('channels_skipped_total')) > skipped);
  assert.ok(slow.frames.filter(isEvent).length < 41);
});

// ---- the end of the server ----

test('SIGTERM: every channel is told when to come back, then closed', async () => {
  const own = await startDaemon({ args: ARGS });
  const topic = await makeTopic({ a: 1 }, {}, own);
  const streams = await Promise.all(Array.from({ length: 50 }, () => follow(topic, { on: own })));
  await Promise.all(streams.map((s) => s.next(isEvent)));
  const stopping = own.stop();
  const retries = [];
  for (const stream of streams) {
    const frame = await stream.next(isEvent);
    const error = JSON.parse(frame.data);
    assert.equal(error.code, 50503);
    assert.equal(error.category, 'server');
    retries.push(Number(frame.retry));
    await stream.end();
    stream.close();
  }
  await stopping;
  assert.ok(retries.every((ms) => ms >= 1000 && ms <= 1500), retries.join());
  assert.ok(new Set(retries).size > 10);
});
