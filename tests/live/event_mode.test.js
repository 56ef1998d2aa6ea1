// Topics whose payloads are messages of their own, posted or polled, and the mode `event` of event streams.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, newPath, origin, pollOnce, rig } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import {
  SSE, TOPICS, createPostTopic, createTopic, follow, isEvent, journalOf, metric, nextError, patchConfig, post, postedSeq, seqOf,
} from './lib/topics.js';

const VENDOR = 'application/vnd.axway.streams+';

rig({ args: [...ARGS, '--journal-max-bytes', '256 MiB'] });

async function postMany(topic, from, to, on = daemon) {
  for (let n = from; n <= to; n++) postedSeq(await post(on, topic, { n }), topic);
}

const nOf = (frame) => JSON.parse(frame.data).n;

async function expect(stream, topic, from, to) {
  for (let n = from; n <= to; n++) {
    const frame = await stream.next(isEvent);
    assert.deepEqual([frame.event, frame.id, nOf(frame)], ['event', `${topic.id}#${n}`, n]);
  }
}

const resume = (t, topic, seq, { on = daemon, headers = {} } = {}) =>
  follow(t, on, topic, { headers: { ...headers, 'Last-Event-ID': `${topic.id}#${seq}` } });

// ---- channels ----

test('a new channel gets what comes after, as it was posted', async (t) => {
  const topic = await createPostTopic(daemon);
  await postMany(topic, 1, 3);
  const streams = [];
  // Connections of their own, on both loops in all likelihood.
  for (let i = 0; i < 6; i++) streams.push(await follow(t, daemon, topic));
  await postMany(topic, 4, 8);
  for (const stream of streams) {
    await expect(stream, topic, 4, 8);
    assert.equal(stream.frames.filter(isEvent)[0].id, `${topic.id}#4`);
  }
});

test('the mode event is the only one of such a topic, and of no other', async () => {
  const topic = await createPostTopic(daemon);
  const documents = await createPostTopic(daemon, { payload: 'snapshot' });
  const statusOf = async (of, query, accept) => {
    const stream = await openStream(daemon.url, `${SSE}/${of.id}${query}`, { headers: accept ? { Accept: accept } : {} });
    stream.close();
    return stream.status;
  };
  for (const [query, accept] of [['', undefined], ['', '*/*'], ['', 'text/event-stream'], ['', `${VENDOR}event`], ['?mode=event', undefined]]) {
    assert.equal(await statusOf(topic, query, accept), 200, `${query} ${accept}`);
  }
  for (const mode of ['snapshot-only', 'snapshot-patch', 'changes']) {
    assert.equal(await statusOf(topic, `?mode=${mode}`), 406, mode);
    assert.equal(await statusOf(topic, '', `${VENDOR}${mode}`), 406, mode);
  }
  assert.equal(await statusOf(documents, '?mode=event'), 406);
  assert.equal(await statusOf(documents, '', `${VENDOR}event`), 406);
});

test('such a topic has no document', async () => {
  const topic = await createPostTopic(daemon);
  await postMany(topic, 1, 1);
  const answer = await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`);
  assert.equal(answer.status, 404);
  assert.match(answer.json.errors[0].detail, /messages, and no document/);
});

// ---- resuming ----

test('a channel resumes from recent events and from the journal', async (t) => {
  const topic = await createPostTopic(daemon);
  await postMany(topic, 1, 5);
  // Nobody followed: all of it is in the journal only.
  const first = await resume(t, topic, 2);
  await expect(first, topic, 3, 5);
  await postMany(topic, 6, 400); // more than a hub keeps
  await expect(first, topic, 6, 400);
  await expect(await resume(t, topic, 390), topic, 391, 400);
  const far = await resume(t, topic, 1);
  await expect(far, topic, 2, 400);
  const none = await resume(t, topic, 400);
  await postMany(topic, 401, 402);
  for (const stream of [first, far, none]) await expect(stream, topic, 401, 402);
});

test('a long way back comes piece by piece, while more is posted', async (t) => {
  const topic = await createPostTopic(daemon);
  const posts = (from, to) => Promise.all(Array.from({ length: to - from }, (_, i) => post(daemon, topic, { k: from + i })));
  for (let k = 0; k < 2500; k += 100) await posts(k, k + 100);
  const stream = await resume(t, topic, 1);
  const more = (async () => { for (let k = 2500; k < 3000; k += 100) await posts(k, k + 100); })();
  const journal = async () => (await journalOf(daemon, topic)).slice(1);
  const frames = [];
  while (frames.length < 2999) {
    const frame = await stream.next(isEvent);
    assert.equal(frame.event, 'event', JSON.stringify(frame));
    assert.equal(seqOf(frame), frames.length + 2);
    frames.push(frame);
  }
  await more;
  assert.deepEqual(frames.map((frame) => JSON.parse(frame.data)), (await journal()).map((event) => event.data));
});

test('events survive kill -9, and a channel resumes over it', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own);
  const stream = await follow(t, own, topic);
  await postMany(topic, 1, 6, own);
  await expect(stream, topic, 1, 6);
  await own.kill();
  own = await startDaemon({ data: own.data, args: ARGS });
  const again = await resume(t, topic, 3, { on: own });
  await expect(again, topic, 4, 6);
  // The numbers leap.
  const seq = postedSeq(await post(own, topic, { n: 7 }), topic);
  assert.ok(seq > 1000);
  const next = await again.next(isEvent);
  assert.deepEqual([next.event, seqOf(next), nOf(next)], ['event', seq, 7]);
  const last = await resume(t, topic, 6, { on: own });
  const frame = await last.next(isEvent);
  assert.deepEqual([frame.event, seqOf(frame), nOf(frame)], ['event', seq, 7]);
});

test('a resume point that is no longer held: an error says so, then comes what follows and is held', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--journal-max-events', '10'] });
  t.after(() => own.stop());
  const topic = await createPostTopic(own);
  await postMany(topic, 1, 200, own);
  const oldest = Number((await journalOf(own, topic))[0].id.split('#')[1]);
  assert.ok(oldest > 100 && oldest <= 191, `${oldest}`);
  const streams = [];
  for (const [seq, next] of [[1, oldest], [50, oldest], [5000, 201]]) { // trimmed, and never there
    const stream = await resume(t, topic, seq, { on: own });
    const error = await nextError(stream);
    assert.deepEqual([error.code, error.category, error.message], [40400, 'subscription', 'resume point no longer held']);
    assert.match(error.subscriptionId, /^[0-9a-f-]{36}$/);
    streams.push([stream, next]);
  }
  await postMany(topic, 201, 202, own);
  for (const [stream, next] of streams) await expect(stream, topic, next, 202);
  await expect(await resume(t, topic, oldest - 1, { on: own }), topic, oldest, 202);
});

test('an id of another topic, or none at all, is 400', async () => {
  const topic = await createPostTopic(daemon);
  const other = await createPostTopic(daemon);
  for (const id of [`${other.id}#1`, 'x', `${topic.id}#0`, `${topic.id}#`]) {
    const stream = await openStream(daemon.url, `${SSE}/${topic.id}`, { headers: { 'Last-Event-ID': id } });
    stream.close();
    assert.equal(stream.status, 400, id);
  }
});

test('a reader that is too slow is closed, and misses nothing when it resumes', async (t) => {
  const topic = await createPostTopic(daemon);
  const slow = await follow(t, daemon, topic);
  const closed = await metric(daemon, 'channels_slow_closed_total');
  slow.socket.pause();
  const text = 'x'.repeat(900_000);
  for (let n = 1; n <= 24; n++) postedSeq(await post(daemon, topic, { n, text }), topic);
  const fast = await follow(t, daemon, topic); // others are not concerned
  await postMany(topic, 25, 25);
  await expect(fast, topic, 25, 25);
  slow.socket.resume();
  await slow.end();
  assert.equal(await metric(daemon, 'channels_slow_closed_total'), closed + 1);
  const seen = slow.frames.filter(isEvent).map(nOf);
  assert.ok(seen.length > 0 && seen.length < 24, `${seen.length} frames`);
  const again = await resume(t, topic, seen.length);
  while (seen.length < 25) seen.push(nOf(await again.next(isEvent)));
  assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => i + 1));
});

test('a topic that is deleted tells its channels', async (t) => {
  const topic = await createPostTopic(daemon);
  const stream = await follow(t, daemon, topic);
  await postMany(topic, 1, 1);
  await expect(stream, topic, 1, 1);
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  assert.equal((await nextError(stream)).code, 40404);
  await stream.end();
});

// ---- polled ----

test('each poll that found something new is one event', async (t) => {
  const at = newPath();
  origin.json(at, '{ "n": 1, "items": [1.0] }');
  const topic = await createTopic(daemon, { url: origin.url(at) }, { payload: 'event' });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.equal((await pollOnce(topic)).exit, 'unchanged', 'the same bytes');
  origin.json(at, '{"items":[1],"n":1}');
  assert.equal((await pollOnce(topic)).exit, 'unchanged', 'the same value');
  origin.json(at, { n: 2, items: [1] });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  const { text } = await daemon.request('GET', `${TOPICS}/${topic.id}/events`);
  assert.ok(text.includes('"type":"event"') && text.includes('"data":{"n":1,"items":[1.0]}'), text);
  assert.deepEqual((await journalOf(daemon, topic)).map((e) => [e.type, e.data.n]), [['event', 1], ['event', 2]]);
  origin.json(at, { n: 3, items: [] });
  const stream = await follow(t, daemon, topic); // which starts the poller
  await expect(stream, topic, 3, 3);
  assert.equal(stream.frames.filter(isEvent).length, 1);
  assert.equal((await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`)).status, 404);
});

test('a restart does not make an unchanged payload an event, whatever became of the journal', async (t) => {
  const args = [...ARGS, '--journal-max-age', 'PT1S'];
  const at = newPath();
  const etag = newPath();
  origin.json(at, { n: 1 });
  origin.json(etag, { n: 1 }, { etag: '"1"' });
  let own = await startDaemon({ args });
  t.after(() => own.stop());
  const topics = [
    await createTopic(own, { url: origin.url(at) }, { payload: 'event' }),
    await createTopic(own, { url: origin.url(etag) }, { payload: 'event' }),
  ];
  for (const topic of topics) assert.equal((await pollOnce(topic, own)).exit, 'ok');
  for (const end of ['kill', 'stop']) {
    await own[end]();
    own = await startDaemon({ data: own.data, args });
    origin.json(at, end === 'kill' ? '{"n":1 }' : '{"n":1.0}'); // other bytes
    for (const topic of topics) assert.equal((await pollOnce(topic, own)).exit, 'unchanged', end);
  }
  origin.json(at, { n: 2 });
  assert.equal((await pollOnce(topics[0], own)).exit, 'ok');
});

test('ignore and assert hold for such a topic, too', async () => {
  const at = newPath();
  origin.json(at, { at: 1, items: [1, 2] });
  const topic = await createTopic(daemon, { url: origin.url(at), ignore: '/at', payloadPointer: '' }, { payload: 'event' });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  origin.json(at, { at: 2, items: [1, 2] });
  assert.equal((await pollOnce(topic)).exit, 'unchanged');
  await patchConfig(daemon, topic, { payloadPointer: '/items', ignore: null });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  await patchConfig(daemon, topic, { assert: { maxShrink: 0.4 } });
  origin.json(at, { at: 3, items: [1] });
  assert.equal((await pollOnce(topic)).error, 'E_POLL_FORMAT', 'half of the last payload is gone');
  origin.json(at, { at: 3, items: [1, 2, 3] });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.deepEqual((await journalOf(daemon, topic)).map((e) => e.data), [{ at: 1, items: [1, 2] }, [1, 2], [1, 2, 3]]);
});

test('readers that keep up are not closed by a burst', async (t) => {
  const topic = await createPostTopic(daemon);
  const streams = [];
  for (let i = 0; i < 4; i++) streams.push(await follow(t, daemon, topic));
  // A burst is more than a ring holds (1 MiB); what the readers have not of it is in the ring or in their sockets.
  const posts = 60;
  for (let burst = 0; burst < 20; burst++) {
    const answers = await Promise.all(Array.from({ length: posts }, () => post(daemon, topic, { n: 0, text: 'x'.repeat(20_000) })));
    answers.forEach((answer) => postedSeq(answer, topic));
    for (const stream of streams) {
      for (let i = 1; i <= posts; i++) assert.equal(seqOf(await stream.next(isEvent)), burst * posts + i);
    }
  }
});

