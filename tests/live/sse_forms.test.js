// The other forms of event streams: compressed, mode changes, several topics on one connection; and documents of other
// days. The real program on two loops; documents are posted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { test } from 'node:test';
import zlib from 'node:zlib';

import { EventSource } from 'eventsource';
import jsonpatch from 'fast-json-patch';

import { startDaemon, tempFolder, within } from './lib/daemon.js';
import { createWebhook, startReceiver } from './lib/receiver.js';
import { ARGS, daemon, rig } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import {
  SSE, TOPICS, createPostTopic, eventually, follow, isEvent, metric, nextError, post, postedSeq, seqOf,
} from './lib/topics.js';
import { WsClient } from './lib/websocket.js';

const VENDOR = 'application/vnd.axway.streams+';
const JOINT = ['--sse-heartbeat', 'PT0.4S'];

rig({ args: [...ARGS, ...JOINT] });

const makeTopic = (on = daemon) => createPostTopic(on, { payload: 'snapshot' });

async function publish(topic, value, on = daemon) {
  return postedSeq(await post(on, topic, value), topic);
}

// Rows that compress well and differ from one another.
const rows = (n, price = 1) => ({ items: Array.from({ length: n }, (_, id) => ({ id, name: `item ${id}`, price, text: 'the same words again and again' })) });

// ---- compressed ----

test('gzip and deflate, as the client weighs them', async (t) => {
  const topic = await makeTopic();
  await publish(topic, rows(50));
  for (const [accept, coding] of [
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['gzip, deflate, br, zstd', 'gzip'],
    ['gzip;q=0.5, deflate;q=0.8', 'deflate'],
    ['gzip;q=0, deflate;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['br', undefined],
    ['identity;q=0', undefined],
    [undefined, undefined],
  ]) {
    const stream = await follow(t, daemon, topic, { headers: accept ? { 'Accept-Encoding': accept } : {} });
    assert.equal(stream.headers['content-encoding'], coding, accept);
    assert.match(stream.headers.vary, /Accept-Encoding/i);
    assert.equal(stream.headers['content-type'], 'text/event-stream');
    assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), rows(50), accept);
    if (coding) assert.ok(stream.bytes < JSON.stringify(rows(50)).length / 2, `${stream.bytes} bytes`);
    stream.close();
  }
});

test('each event and heartbeat comes at once; the stream has a proper end', async (t) => {
  for (const coding of ['gzip', 'deflate']) {
    const topic = await makeTopic();
    await publish(topic, rows(20));
    const stream = await follow(t, daemon, topic, { headers: { 'Accept-Encoding': coding } });
    let document = JSON.parse((await stream.next(isEvent)).data);
    for (let i = 0; i < 30; i++) {
      const seq = await publish(topic, rows(20, i + 2));
      const frame = await stream.next(isEvent);
      assert.equal(seqOf(frame), seq);
      document = frame.event === 'patch' ? jsonpatch.applyPatch(document, JSON.parse(frame.data)).newDocument : JSON.parse(frame.data);
      assert.deepEqual(document, rows(20, i + 2));
    }
    await stream.next((frame) => frame.comment?.startsWith('unchanged since'));
    assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
    assert.equal((await nextError(stream)).code, 40404);
    await stream.end();
    assert.equal(stream.error, undefined);
    assert.ok(stream.whole, coding);
  }
});

test('curl --compressed', async (t) => {
  const topic = await makeTopic();
  const seq = await publish(topic, rows(10));
  const curl = spawn('curl', ['-sSN', '-i', '--compressed', `${daemon.url}${SSE}/${topic.id}`]);
  t.after(() => curl.kill());
  const ended = new Promise((resolve) => { curl.on('close', resolve); });
  let text = '';
  let error = '';
  const until = (wanted) => within(20_000, new Promise((resolve) => {
    const look = () => text.includes(wanted) && resolve();
    curl.stdout.on('data', look);
    look();
  }), `${wanted} of curl`);
  curl.stdout.on('data', (part) => { text += part; });
  curl.stderr.on('data', (part) => { error += part; });
  await until(`id: ${topic.id}#${seq}\nevent: snapshot\ndata: ${JSON.stringify(rows(10))}\n\n`);
  assert.match(text, /^Content-Encoding: gzip\r$/m);
  await publish(topic, rows(10, 2));
  await until(`id: ${topic.id}#${seq + 1}\n`);
  await until('\n: unchanged since ');
  await daemon.request('DELETE', `${TOPICS}/${topic.id}`);
  const code = await within(20_000, ended, 'the end of curl');
  assert.equal(code, 0, error);
  assert.match(text, /"code":40404/);
});

test('a client that pipes the answer through zlib; an EventSource, which asks for gzip by itself', async (t) => {
  const topic = await makeTopic();
  await publish(topic, { a: 1 });
  const texts = [];
  const request = http.get(`${daemon.url}${SSE}/${topic.id}`, { headers: { 'Accept-Encoding': 'gzip' } }, (res) => {
    res.pipe(zlib.createGunzip()).on('data', (part) => texts.push(String(part))).on('error', () => {});
  });
  t.after(() => request.destroy());
  const source = new EventSource(`${daemon.url}${SSE}/${topic.id}`);
  t.after(() => source.close());
  const events = [];
  for (const name of ['snapshot', 'patch']) source.addEventListener(name, (event) => events.push(JSON.parse(event.data)));
  await eventually(() => texts.join('').includes('data: {"a":1}') && events.length === 1, 'the first event');
  await publish(topic, { a: 2 });
  await eventually(() => texts.join('').includes('{"a":2}') && events.length === 2, 'the second event');
});

test('a large snapshot is compressed once for all', async (t) => {
  const own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S'] });
  t.after(() => own.stop());
  const topic = await makeTopic(own);
  const value = rows(8000);
  await publish(topic, value, own);
  const before = await metric(own, 'events_compressed_total');
  const streams = [];
  for (let i = 0; i < 20; i++) {
    streams.push(await follow(t, own, topic, { headers: { 'Accept-Encoding': i % 2 ? 'gzip' : 'deflate' } }));
  }
  for (const stream of streams) {
    assert.equal((await stream.next(isEvent)).data, JSON.stringify(value));
  }
  assert.equal(await metric(own, 'events_compressed_total'), before + 1);
  const seq = await publish(topic, rows(8000, 2), own);
  for (const stream of streams) assert.equal(seqOf(await stream.next(isEvent)), seq);
  assert.equal(await metric(own, 'events_compressed_total'), before + 2);
});

// ---- mode changes ----

// What a consumer of changes does with an event.
function applyChanges(document, items) {
  const at = (pointer) => (pointer === '' ? document : jsonpatch.getValueByPointer(document, pointer));
  for (const item of items) {
    if ('key' in item) {
      const array = at(item.pointer);
      const place = array.findIndex((element) => jsonpatch.getValueByPointer(element, item.keyAt) === item.key);
      assert.equal(place < 0, item.op === 'created', JSON.stringify(item));
      if (item.before) assert.deepEqual(array[place], item.before);
      if (item.op === 'created') array.push(item.after);
      else if (item.op === 'deleted') array.splice(place, 1);
      else array[place] = item.after;
      if (item.op === 'updated') assert.deepEqual(jsonpatch.applyPatch(structuredClone(item.before), item.patch).newDocument, item.after);
    } else if (item.pointer === '') {
      document = item.after;
    } else {
      const op = { created: 'add', updated: 'replace', deleted: 'remove' }[item.op];
      document = jsonpatch.applyPatch(document, [{ op, path: item.pointer, value: item.after }]).newDocument;
    }
  }
  return document;
}

const sorted = (document) => ({ ...document, items: [...document.items].sort((a, b) => a.id - b.id) });

test('changes: a snapshot, then what happened to each element', async (t) => {
  const topic = await makeTopic();
  const value = { items: [{ id: 1, n: 1 }, { id: 2, n: 1 }], meta: { total: 2 } };
  await publish(topic, value);
  const stream = await follow(t, daemon, topic, { headers: { Accept: `${VENDOR}changes` } });
  const first = await stream.next(isEvent);
  assert.equal(first.event, 'snapshot');
  let document = JSON.parse(first.data);
  for (let i = 0; i < 30; i++) {
    value.items[i % value.items.length].n += 1;
    if (i % 3 === 0) value.items.unshift({ id: 100 + i, n: 0 });
    if (i % 4 === 0) value.items.splice(1, 1);
    if (i % 5 === 0) value.meta = { total: value.items.length, tags: [i] };
    const seq = await publish(topic, value);
    const frame = await stream.next(isEvent);
    assert.equal(frame.event, 'changes');
    assert.equal(seqOf(frame), seq);
    document = applyChanges(document, JSON.parse(frame.data));
    assert.deepEqual(sorted(document), sorted(value));
  }
});

test('changes: exactly what is promised of one event', async (t) => {
  const topic = await makeTopic();
  await publish(topic, { items: [{ id: 1, n: 1 }, { id: 2 }] });
  const stream = await follow(t, daemon, topic, { query: '?mode=changes' });
  await stream.next(isEvent);
  await publish(topic, { items: [{ id: 3 }, { id: 1, n: 2 }], more: true });
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), [
    { op: 'deleted', pointer: '/items', keyAt: '/id', key: 2, before: { id: 2 } },
    { op: 'created', pointer: '/items', keyAt: '/id', key: 3, after: { id: 3 } },
    { op: 'updated', pointer: '/items', keyAt: '/id', key: 1, before: { id: 1, n: 1 }, after: { id: 1, n: 2 }, patch: [{ op: 'replace', path: '/n', value: 2 }] },
    { op: 'created', pointer: '/more', after: true },
  ]);
});

test('changes: who comes back gets what changed meanwhile, from the journal, across a restart', async (t) => {
  const data = tempFolder();
  let own = await startDaemon({ data, args: ARGS });
  const topic = await makeTopic(own);
  const value = { items: [{ id: 1, n: 1, filler: 'x'.repeat(500) }, { id: 2, n: 1 }] };
  await publish(topic, value, own);
  const stream = await follow(t, own, topic, { query: '?mode=changes' });
  const last = await stream.next(isEvent);
  stream.close();
  for (let i = 2; i < 8; i++) {
    value.items[0].n = i;
    value.items.push({ id: i + 10, n: 0 });
    await publish(topic, value, own);
  }
  for (let round = 0; round < 2; round++) {
    const back = await follow(t, own, topic, { query: '?mode=changes', headers: { 'Last-Event-ID': last.id } });
    const frame = await back.next(isEvent);
    assert.equal(back.frames[0].comment, `resumed after ${last.id}`);
    assert.equal(frame.event, 'changes');
    const document = applyChanges(JSON.parse(last.data), JSON.parse(frame.data));
    assert.deepEqual(sorted(document), sorted(value));
    back.close();
    if (round === 0) {
      await own.stop();
      own = await startDaemon({ data, args: ARGS });
    }
  }
  const unknown = await follow(t, own, topic, { query: '?mode=changes', headers: { 'Last-Event-ID': `${topic.id}#999999999999` } });
  assert.equal((await unknown.next(isEvent)).event, 'snapshot');
  assert.match(unknown.frames[0].comment, /^snapshot instead of resume: no event has this id/);
  unknown.close();
  await own.stop();
});

test('changes: by WebSocket and webhook as well; a receiver that was away, over a restart, misses nothing', async (t) => {
  const data = tempFolder();
  const args = [...ARGS, '--subscription-retry-initial', 'PT0.05S', '--subscription-retry-max', 'PT0.1S'];
  let own = await startDaemon({ data, args });
  const topic = await createPostTopic(own, { payload: 'snapshot', subscribers: [{ type: 'websocket' }, { type: 'webhook' }] });
  const value = { items: [{ id: 1, n: 1, filler: 'x'.repeat(300) }], meta: 0 };
  await publish(topic, value, own);
  const hook = await startReceiver(t);
  await createWebhook(own, topic, { webhookUrl: hook.url(), subscriptionMode: 'changes' });
  const socket = await new WsClient(t, own.url).open();
  socket.subscribe(topic.id, { subscriptionMode: 'changes' });
  const first = await socket.next();
  assert.equal(first.type, 'snapshot');
  let document = first.value;
  for (let i = 2; i < 6; i++) {
    value.items.push({ id: i, n: 1 });
    value.items[0].n = i;
    await publish(topic, value, own);
    const message = await socket.next();
    assert.equal(message.type, 'changes');
    document = applyChanges(document, message.value);
    assert.deepEqual(document, value);
  }
  await eventually(() => hook.calls.length === 5, 'the webhook');
  assert.deepEqual(hook.calls.map(({ type }) => type), ['snapshot', 'changes', 'changes', 'changes', 'changes']);
  await hook.down();
  for (let i = 6; i < 9; i++) {
    value.items.push({ id: i, n: 1 });
    await publish(topic, value, own);
  }
  await own.stop();
  own = await startDaemon({ data, args });
  t.after(() => own.stop());
  await hook.up();
  await eventually(() => hook.calls.at(-1).seq === 8, 'what was missed');
  let kept;
  for (const call of hook.calls) kept = call.type === 'snapshot' ? call.json : applyChanges(kept, call.json);
  assert.deepEqual(kept, value);
  assert.equal(hook.calls.filter(({ type }) => type === 'snapshot').length, 1);
});

test('changes: only where allowed, and not of messages', async () => {
  const topic = await createPostTopic(daemon, { payload: 'snapshot', subscribers: [{ type: 'sse', allowedSubscriptionModes: ['changes', 'snapshot-only'] }] });
  assert.equal(topic.subscribers[0].defaultSubscriptionMode, 'snapshot-only');
  const messages = await createPostTopic(daemon);
  assert.equal((await daemon.request('GET', `${SSE}/${topic.id}?mode=snapshot-patch`)).status, 406);
  assert.equal((await daemon.request('GET', `${SSE}/${messages.id}?mode=changes`)).status, 406);
  const every = await makeTopic();
  assert.deepEqual(every.subscribers[0].allowedSubscriptionModes, ['snapshot-only', 'snapshot-patch', 'changes']);
});

// ---- several topics ----

const jointly = (topics, query = '') => `${SSE}?${topics.map((topic) => `topic=${encodeURIComponent(topic.id ?? topic)}`).join('&')}${query}`;

async function followAll(t, topics, { on = daemon, query = '', ...options } = {}) {
  const stream = await openStream(on.url, jointly(topics, query), options);
  t.after(() => stream.close());
  stream.socket.on('end', () => stream.socket.end());
  assert.equal(stream.status, 200, JSON.stringify(stream.headers));
  return stream;
}

const positions = (frame) => Object.fromEntries(frame.id.split(',').map((part) => part.split('#')).map(([id, n]) => [id, Number(n)]));

// Documents of topics as kept by a client that knows them by what its ids say.
class Client {
  at = {};
  documents = {};

  take(frame) {
    const now = positions(frame);
    const moved = Object.keys(now).filter((id) => now[id] !== (this.at[id] ?? 0));
    assert.equal(moved.length, 1, `${frame.id} after ${JSON.stringify(this.at)}`);
    const [id] = moved;
    const data = JSON.parse(frame.data);
    if (frame.event === 'patch') {
      assert.equal(now[id], this.at[id] + 1);
      this.documents[id] = jsonpatch.applyPatch(this.documents[id], data).newDocument;
    } else {
      assert.equal(frame.event, 'snapshot');
      this.documents[id] = data;
    }
    this.at = now;
    this.last = frame.id;
  }
}

test('several topics on one connection, plain and compressed; one id resumes all of them', async (t) => {
  for (const coding of ['identity', 'gzip', 'deflate']) {
    const topics = [];
    const values = {};
    for (let i = 0; i < 5; i++) topics.push(await makeTopic());
    const set = async (i, n) => {
      values[topics[i].id] = { ...rows(4), n };
      await publish(topics[i], values[topics[i].id]);
    };
    for (let i = 0; i < 4; i++) await set(i, 0); // the last has no document yet
    const client = new Client();
    let stream = await followAll(t, topics, { headers: { 'Accept-Encoding': coding } });
    const catchUp = async () => {
      while (JSON.stringify(client.documents, Object.keys(values).sort()) === undefined
        || Object.keys(values).some((id) => JSON.stringify(client.documents[id]) !== JSON.stringify(values[id]))) {
        client.take(await stream.next(isEvent));
      }
    };
    await catchUp();
    for (let n = 1; n < 6; n++) {
      for (let i = 0; i < 5; i++) if ((n + i) % 2) await set(i, n);
    }
    await catchUp();
    assert.equal(Object.keys(client.at).length, 5);
    stream.close();
    for (let i = 0; i < 3; i++) await set(i, 10);
    await set(0, 11);
    stream = await followAll(t, topics, { headers: { 'Accept-Encoding': coding, 'Last-Event-ID': client.last } });
    await catchUp();
    await eventually(() => stream.frames.filter((frame) => frame.comment?.startsWith('resumed after')).length === 5, 'what each topic says first');
    assert.equal(stream.frames.filter((frame) => frame.event === 'snapshot').length, 0);
    stream.close();
  }
});

test('several topics: what the id does not name begins with today; by the query as well', async (t) => {
  const [a, b] = [await makeTopic(), await makeTopic()];
  await publish(a, rows(5));
  await publish(b, { b: 1 });
  await publish(a, { ...rows(5), a: 2 });
  const stream = await followAll(t, [a, b], { query: `&lastEventId=${a.id.toUpperCase()}%231` });
  const frames = [await stream.next(isEvent), await stream.next(isEvent)];
  assert.deepEqual(frames.map((frame) => frame.event).sort(), ['patch', 'snapshot']);
  assert.deepEqual(JSON.parse(frames.find((frame) => frame.event === 'snapshot').data), { b: 1 });
  assert.deepEqual(positions(frames[1]), { [a.id]: 2, [b.id]: 1 });
  assert.ok(stream.frames.some((frame) => frame.comment === `resumed after ${a.id}#1`));
});

test('several topics: by name, named twice, of different kinds', async (t) => {
  const documents = await createPostTopic(daemon, { payload: 'snapshot', name: `joint & ${process.pid}` });
  const messages = await createPostTopic(daemon);
  await publish(documents, { a: 1 });
  const stream = await followAll(t, [documents.name, documents, messages]);
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
  await post(daemon, messages, { m: 1 });
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'event');
  assert.deepEqual(positions(frame), { [documents.id]: 1, [messages.id]: 1 });
  assert.equal(stream.frames.filter((each) => each.event === 'snapshot').length, 1);
});

test('several topics: refusals name the topic', async () => {
  const [a, messages] = [await makeTopic(), await createPostTopic(daemon)];
  for (const [status, target, says, headers] of [
    [400, SSE, /topic=/],
    [400, jointly(Array.from({ length: 65 }, () => a)), /64/],
    [404, jointly([a, 'no such topic']), /no such topic/],
    [404, jointly([a, '']), /no topic/],
    [406, jointly([a, messages], '&mode=snapshot-patch'), new RegExp(messages.id)],
    [406, jointly([a, messages]), new RegExp(a.id), { Accept: `${VENDOR}event` }],
    [400, jointly([a, messages]), /last event id/, { 'Last-Event-ID': 'nonsense' }],
    [400, jointly([a, messages]), /last event id/, { 'Last-Event-ID': `${a.id}#1,` }],
    [400, jointly([a, messages]), /twice/, { 'Last-Event-ID': `${a.id}#1,${a.id}#2` }],
  ]) {
    const answer = await daemon.request('GET', target, { headers });
    assert.equal(answer.status, status, `${target}: ${answer.text}`);
    assert.match(answer.json.errors[0].detail, says);
  }
  assert.equal((await daemon.request('HEAD', jointly([a]))).status, 200);
  assert.equal((await daemon.request('HEAD', jointly([a, 'nothing']))).status, 404);
});

test('several topics: 64 of them', async (t) => {
  const topics = [];
  for (let i = 0; i < 64; i++) topics.push(await makeTopic());
  const stream = await followAll(t, topics);
  for (const topic of topics) await publish(topic, { a: 1 });
  let frame;
  for (let i = 0; i < 64; i++) frame = await stream.next(isEvent);
  assert.deepEqual(positions(frame), Object.fromEntries(topics.map((topic) => [topic.id, 1])));
  // An id of this length fits where it has to.
  stream.close();
  await publish(topics[63], { a: 2 });
  const back = await followAll(t, topics, { headers: { 'Last-Event-ID': frame.id } });
  assert.equal(positions(await back.next(isEvent))[topics[63].id], 2);
});

test('several topics: one is deleted, the others go on, the last ends the stream', async (t) => {
  const [a, b] = [await makeTopic(), await makeTopic()];
  await publish(a, { a: 1 });
  await publish(b, { b: 1 });
  const stream = await followAll(t, [a, b], { headers: { 'Accept-Encoding': 'gzip' } });
  await stream.next(isEvent);
  await stream.next(isEvent);
  await daemon.request('DELETE', `${TOPICS}/${a.id}`);
  const gone = await nextError(stream);
  assert.equal(gone.code, 40404);
  assert.equal(gone.topicId, a.id);
  assert.match(gone.subscriptionId, /^[0-9a-f-]{36}$/);
  await publish(b, { b: 2 });
  assert.deepEqual(positions(await stream.next(isEvent)), { [b.id]: 2 });
  await daemon.request('DELETE', `${TOPICS}/${b.id}`);
  assert.equal((await nextError(stream)).topicId, b.id);
  await stream.end();
  assert.ok(stream.whole);
});

test('several topics: the server says once that it stops', async (t) => {
  const own = await startDaemon({ args: ['--loops', '2', '--drain', 'PT0.3S'] });
  const topics = [await makeTopic(own), await makeTopic(own), await makeTopic(own)];
  for (const topic of topics) await publish(topic, { a: 1 }, own);
  const streams = [];
  for (let i = 0; i < 10; i++) streams.push(await followAll(t, topics, { on: own }));
  for (const stream of streams) for (let i = 0; i < 3; i++) await stream.next(isEvent);
  const stopped = own.stop();
  for (const stream of streams) {
    const error = await nextError(stream);
    assert.equal(error.code, 50503);
    await stream.end();
    assert.equal(stream.frames.filter((frame) => frame.event === 'error').length, 1);
  }
  await stopped;
});

test('several topics: one heartbeat for all of them', async (t) => {
  const [a, b] = [await makeTopic(), await makeTopic()];
  await publish(a, { a: 1 });
  await publish(b, { b: 1 });
  const stream = await followAll(t, [a, b]);
  const from = performance.now();
  for (let i = 0; i < 4; i++) await stream.next((frame) => frame.comment?.startsWith('unchanged since'));
  // Each would have been silent for as long.
  assert.ok(performance.now() - from > 1100, `${performance.now() - from} ms`);
});

// ---- documents of other days ----

const at = (topic, when, options) => daemon.request('GET', `${TOPICS}/${topic.id}/snapshot?at=${encodeURIComponent(when)}`, options);

test('the document as it was, by number and by time', async () => {
  const topic = await makeTopic();
  const none = await at(topic, '2026-01-01T00:00:00Z');
  assert.equal(none.status, 404);
  const states = [];
  for (let n = 0; n < 12; n++) {
    const value = n === 6 ? { other: n } : { ...rows(5, n), n };
    const seq = await publish(topic, value);
    states.push({ seq, value, time: new Date().toISOString() });
    await eventually(async () => new Date().toISOString() > states.at(-1).time, 'the next millisecond');
  }
  for (const { seq, value, time } of states) {
    const bySeq = await at(topic, seq);
    assert.equal(bySeq.status, 200, bySeq.text);
    assert.deepEqual(bySeq.json, value);
    assert.equal(bySeq.headers.etag, `"${seq}"`);
    assert.ok(bySeq.headers['last-modified']);
    assert.deepEqual((await at(topic, time)).json, value, time);
  }
  assert.equal((await at(topic, 3, { headers: { 'If-None-Match': '"3"' } })).status, 304);
  assert.deepEqual((await at(topic, '2999-01-01T00:00:00+01:00')).json, states.at(-1).value);
  const early = await at(topic, '2001-01-01T00:00:00Z');
  assert.equal(early.status, 404);
  assert.match(early.json.errors[0].detail, /no document yet/);
  const future = await at(topic, states.at(-1).seq + 1);
  assert.equal(future.status, 404);
  assert.match(future.json.errors[0].detail, /no event has the number/);
});

test('at: what is not understood, what is not there', async () => {
  const topic = await makeTopic();
  await publish(topic, { a: 1 });
  for (const wrong of ['', '0', '-1', '1.5', 'yesterday', '2026-13-01T00:00:00Z', '99999999999999999999']) {
    const answer = await at(topic, wrong);
    assert.equal(answer.status, 400, wrong);
    assert.equal(answer.json.errors[0].source.parameter, 'at');
  }
  const messages = await createPostTopic(daemon);
  await post(daemon, messages, { m: 1 });
  const answer = await at(messages, 1);
  assert.equal(answer.status, 404);
  assert.match(answer.json.errors[0].detail, /messages/);
  assert.equal((await at({ id: 'nothing' }, 1)).status, 404);
});

test('at: 410 when the journal does not hold it any more', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--journal-max-events', '10'] });
  t.after(() => own.stop());
  const topic = await makeTopic(own);
  let seq;
  for (let n = 0; n < 200; n++) seq = await publish(topic, { ...rows(2, n), n }, own);
  const then = (when) => own.request('GET', `${TOPICS}/${topic.id}/snapshot?at=${when}`);
  const gone = await then(1);
  assert.equal(gone.status, 410, gone.text);
  assert.match(gone.json.errors[0].detail, /not held any more/);
  assert.equal((await then('2001-01-01T00:00:00Z')).status, 410);
  assert.deepEqual((await then(seq)).json, { ...rows(2, 199), n: 199 });
  assert.equal((await then(seq - 1)).json.n, 198);
});
