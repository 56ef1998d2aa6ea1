// The WebSocket subscriber, with npm ws as its client and with bytes that no client sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import jsonpatch from 'fast-json-patch';
import WebSocket from 'ws';

import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, newPath, origin, rig } from './lib/rig.js';
import { TOPICS, createPostTopic, createTopic, eventually, metric, post, postedSeq } from './lib/topics.js';
import { WS, WsClient, clientFrame, closeCode, rawWebSocket, within } from './lib/websocket.js';

const SUBSCRIBERS = [{ type: 'sse' }, { type: 'websocket' }];

rig({ args: [...ARGS, '--sse-heartbeat', 'PT0.3S', '--sse-stall', 'PT1S'] });

const open = (t, options) => new WsClient(t, daemon.url, options).open();
const postTopic = (more = {}) => createPostTopic(daemon, { subscribers: SUBSCRIBERS, ...more });
const documents = () => postTopic({ payload: 'snapshot' });

// ---- what subscribers get ----

for (const dataFormat of ['text', 'binary', undefined]) {
  test(`snapshot and patches, data as ${dataFormat ?? 'binary, the default'}`, async (t) => {
    const topic = await documents();
    const name = 'Grüße "\u2028" 😀';
    const filler = 'x'.repeat(500); // a patch is told where it is shorter than the whole
    await post(daemon, topic, { n: 1, name, filler });
    const client = await open(t);
    client.subscribe(topic.name, { dataFormat });
    const first = await client.next();
    assert.deepEqual([first.id, first.type, first.value], [`${topic.id}#1`, 'snapshot', { n: 1, name, filler }]);
    if (dataFormat === 'text') assert.equal(first.data, first.text);
    else assert.equal(first.data, Buffer.from(first.text).toString('base64'));
    let document = first.value;
    for (let n = 2; n <= 5; n++) {
      await post(daemon, topic, { n, name, filler, list: Array.from({ length: n }, (_, i) => i) });
      const patch = await client.next();
      assert.deepEqual([patch.id, patch.type], [`${topic.id}#${n}`, 'patch']);
      document = jsonpatch.applyPatch(document, patch.value).newDocument;
      assert.equal(document.n, n);
      assert.equal(document.list.length, n);
    }
  });
}

test('modes: the whole each time, and messages', async (t) => {
  // Posts to it are taken when it is followed.
  const [whole, messages] = [await documents(), await postTopic({ alwaysOn: false })];
  const client = await open(t);
  client.subscribe(whole.id, { subscriptionMode: 'snapshot-only' });
  client.subscribe(messages.id);
  await eventually(async () => (await post(daemon, messages, { first: true })).headers['x-axway-streams-event-id'], 'a message');
  assert.equal((await client.next()).type, 'event');
  for (const n of [1, 2]) {
    await post(daemon, whole, { n });
    const told = await client.next();
    assert.deepEqual([told.type, told.value], ['snapshot', { n }]);
  }
});

test('several topics on one connection, each in its order', async (t) => {
  const topics = [await postTopic(), await postTopic(), await postTopic()];
  const client = await open(t);
  for (const topic of topics) client.subscribe(topic.id, { dataFormat: topic === topics[1] ? 'binary' : 'text' });
  // All three are followed once a message of each has come.
  const seen = new Map(topics.map((topic) => [topic.id, []]));
  for (const topic of topics) {
    while (seen.get(topic.id).length === 0) {
      await post(daemon, topic, { warm: true });
      await new Promise((resolve) => { setImmediate(resolve); });
      while (client.messages.length) { const m = await client.next(); seen.get(m.id.split('#')[0]).push(m); }
    }
  }
  const last = new Map();
  for (const topic of topics) last.set(topic.id, Number((await post(daemon, topic, { mark: true })).headers['x-axway-streams-event-id'].split('#')[1]));
  for (let n = 0; n < 50; n++) for (const topic of topics) postedSeq(await post(daemon, topic, { n }), topic);
  const got = new Map(topics.map((topic) => [topic.id, []]));
  while ([...got.values()].some((list) => list.length < 50)) {
    const message = await client.next();
    const [id, seq] = message.id.split('#');
    if (Number(seq) > last.get(id)) got.get(id).push(message.value.n);
  }
  for (const list of got.values()) assert.deepEqual(list, Array.from({ length: 50 }, (_, n) => n));
});

test('resumes by id', async (t) => {
  const topic = await postTopic();
  for (let n = 1; n <= 5; n++) await post(daemon, topic, { n });
  const client = await open(t);
  client.subscribe(topic.id, { lastEventId: `${topic.id}#2` });
  for (let n = 3; n <= 5; n++) assert.equal((await client.next()).id, `${topic.id}#${n}`);
});

test('errors of the source are told, with the id of the subscription', async (t) => {
  const at = newPath();
  origin.on(at, (req, res) => { res.writeHead(404).end(); });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT0.1S' }, { subscribers: SUBSCRIBERS });
  const client = await open(t);
  client.subscribe(topic.id);
  const error = await client.next();
  assert.deepEqual([error.id, error.type, error.value.code], [null, 'error', 70404]);
  assert.match(error.value.subscriptionId, /^[0-9a-f]{8}-/);
});

// ---- what is wrong with a wish ----

test('what is wrong with a wish is told, and the connection goes on', async (t) => {
  const [topic, sseOnly] = [await documents(), await createPostTopic(daemon, { payload: 'snapshot' })];
  await post(daemon, topic, { a: 1 });
  const client = await open(t);
  const refused = async (message, code, says) => {
    client.socket.send(typeof message === 'string' ? message : JSON.stringify({ dataFormat: 'text', ...message }));
    const { id, type, value } = await client.next();
    assert.deepEqual([id, type, value.code, value.category], [null, 'error', code, 'subscription']);
    assert.match(value.message, says);
  };
  await refused('{"topicIdOrName":', 40400, /line 1/);
  await refused('[]', 40400, /expected an object, found/);
  await refused({}, 40400, /topicIdOrName/);
  await refused({ topicIdOrName: 7 }, 40400, /topicIdOrName.*found the number 7/);
  await refused({ topicIdOrName: topic.id, dataFormat: 'xml' }, 40400, /dataFormat.*"binary"/);
  await refused({ topicIdOrName: topic.id, topicId: 'x' }, 40400, /topicId/);
  await refused({ topicIdOrName: 'nowhere' }, 40404, /there is no topic nowhere/);
  await refused({ topicIdOrName: topic.id, subscriptionMode: 'event' }, 40400, /does not offer the mode event/);
  await refused({ topicIdOrName: topic.id, lastEventId: 'x#1' }, 40400, /last event id/);
  await refused({ topicIdOrName: topic.id, lastEventId: `${sseOnly.id}#1` }, 40400, /of another topic/);
  await refused({ topicIdOrName: sseOnly.id }, 40400, /not delivered by websocket/);
  client.subscribe(topic.id);
  assert.equal((await client.next()).type, 'snapshot');
  await refused({ topicIdOrName: topic.name }, 40400, /already/);
  await post(daemon, topic, { a: 2 });
  assert.equal((await client.next()).id, `${topic.id}#2`);
});

test('a mode that is taken away, and a topic that is deleted, end their subscription alone', async (t) => {
  const topics = [await documents(), await documents(), await documents()];
  for (const topic of topics) await post(daemon, topic, { a: 1 });
  const client = await open(t);
  for (const topic of topics) { client.subscribe(topic.id); assert.equal((await client.next()).type, 'snapshot'); }
  const changed = await daemon.request('PATCH', `${TOPICS}/${topics[0].id}`, { body: { subscribers: [{ type: 'websocket', allowedSubscriptionModes: ['snapshot-only'] }] } });
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await client.next()).value.code, 40000);
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topics[1].id}`)).status, 204);
  assert.equal((await client.next()).value.code, 40404);
  await post(daemon, topics[2], { a: 2 });
  assert.equal((await client.next()).id, `${topics[2].id}#2`);
});

// ---- the connection ----

test('the handshake: what is asked for, and what else is answered', async (t) => {
  const headers = {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const status = async (changes) => {
    const answer = await daemon.request('GET', WS, { headers: Object.fromEntries(Object.entries({ ...headers, ...changes }).filter(([, v]) => v)) });
    return answer;
  };
  const old = await status({ 'Sec-WebSocket-Version': '8' });
  assert.deepEqual([old.status, old.headers['sec-websocket-version']], [426, '13']);
  assert.equal((await status({ Upgrade: undefined, Connection: undefined })).status, 426);
  assert.equal((await status({ 'Sec-WebSocket-Key': 'short' })).status, 400);
  assert.equal((await status({ Origin: 'https://elsewhere.example' })).status, 403);
  assert.equal((await daemon.request('POST', WS)).status, 405);
  const raw = await rawWebSocket(t, daemon.url, `Origin: ${daemon.url}\r\n`);
  assert.match(raw.head, /^HTTP\/1\.1 101 /);
  assert.match(raw.head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=(\r\n|$)/i);
});

test('a ping comes in silence, and a ping is answered', async (t) => {
  const topic = await documents();
  const client = await open(t);
  client.subscribe(topic.id);
  await eventually(() => client.pings >= 3, 'pings');
  const pong = within(new Promise((resolve) => { client.socket.on('pong', (data) => resolve(data.toString())); }), 'a pong');
  client.socket.ping('are you there');
  assert.equal(await pong, 'are you there');
});

test('who subscribes to nothing is told to go', async (t) => {
  const client = await open(t);
  assert.deepEqual(await within(client.closed, 'the close'), { code: 1008, reason: 'nothing was subscribed to' });
});

test('a close is answered', async (t) => {
  const client = await open(t);
  const topic = await documents();
  await post(daemon, topic, { a: 1 });
  client.subscribe(topic.id);
  await client.next();
  const before = (await metric(daemon, 'channels'));
  client.socket.close(1000, 'done');
  assert.equal((await within(client.closed, 'the close')).code, 1000);
  await eventually(async () => (await metric(daemon, 'channels')) < before, 'the channel to go');
});

test('a server that stops says so: 1001', async (t) => {
  const own = await startDaemon({ args: ['--loops', '2', '--drain', 'PT1S'] });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { payload: 'snapshot', subscribers: SUBSCRIBERS });
  await post(own, topic, { a: 1 });
  const clients = [await new WsClient(t, own.url).open(), await new WsClient(t, own.url).open()];
  clients[0].subscribe(topic.id);
  assert.equal((await clients[0].next()).type, 'snapshot');
  const stopped = own.stop();
  assert.equal((await clients[0].next()).value.code, 50503);
  for (const client of clients) assert.equal((await within(client.closed, 'the close')).code, 1001);
  await stopped;
});

for (const [what, bytes, code] of [
  ['a frame that is not masked', clientFrame(1, '{}', { masked: false }), 1002],
  ['a reserved opcode', clientFrame(3, '{}'), 1002],
  ['a continuation of nothing', clientFrame(0, '{}'), 1002],
  ['text that is not UTF-8', clientFrame(1, Buffer.from([0xff, 0xfe])), 1007],
  ['a message that is too long', clientFrame(1, 'x'.repeat(20_000)), 1009],
  ['fragments without end', Buffer.concat([clientFrame(1, 'x', { fin: false }), ...Array.from({ length: 1100 }, () => clientFrame(0, '', { fin: false }))]), 1008],
  ['a message of fragments that is too long', Buffer.concat(Array.from({ length: 300 }, (_, i) => clientFrame(i ? 0 : 1, 'x'.repeat(100), { fin: false }))), 1009],
]) {
  test(`${what} closes with ${code}`, async (t) => {
    const raw = await rawWebSocket(t, daemon.url);
    raw.socket.write(bytes);
    await within(raw.ended, 'the end');
    assert.equal(closeCode(raw.data), code);
  });
}

test('a client that sends pings and reads nothing is not listened to for ever', async (t) => {
  const raw = await rawWebSocket(t, daemon.url);
  raw.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => clientFrame(9, 'x'.repeat(125))));
  let sent = 0;
  const flood = () => { while (sent < 400 && raw.socket.write(pings)) sent++; };
  raw.socket.on('drain', flood);
  flood();
  await within(raw.ended, 'the end of a client of which nothing moves', 15_000);
  assert.ok(sent < 400, `${sent} of 400 times 1000 pings were taken`);
});

test('a slow reader gets one fresh snapshot, not all it missed', async (t) => {
  const own = await startDaemon({ args: ARGS }); // which waits longer for one that reads nothing
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { payload: 'snapshot', subscribers: SUBSCRIBERS });
  const client = await new WsClient(t, own.url).open();
  client.subscribe(topic.id, { subscriptionMode: 'snapshot-only' });
  await post(own, topic, { n: 0, filler: 'x'.repeat(200_000) });
  assert.equal((await client.next()).value.n, 0);
  client.socket.pause();
  const last = 100;
  for (let n = 1; n <= last; n++) await post(own, topic, { n, filler: `${n}`.repeat(100_000) });
  client.socket.resume();
  let seen = 0;
  let count = 0;
  while (seen < last) {
    const { value } = await client.next();
    assert.ok(value.n > seen);
    seen = value.n;
    count++;
  }
  assert.ok(count < last, `${count} snapshots`);
});

test('a slow reader of messages is closed, and misses nothing when it resumes', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--journal-max-bytes', '64 MiB'] });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { subscribers: SUBSCRIBERS });
  const slow = await new WsClient(t, own.url).open();
  const closed = await metric(own, 'channels_slow_closed_total');
  slow.subscribe(topic.id);
  let n = 0;
  await eventually(async () => {
    await post(own, topic, { n: ++n });
    return slow.messages.length > 0;
  }, 'a message');
  const first = (await slow.next()).value.n;
  slow.socket.pause();
  const text = 'x'.repeat(900_000);
  for (const last = n + 48; n < last;) postedSeq(await post(own, topic, { n: ++n, text }), topic);
  slow.socket.resume();
  await within(slow.closed, 'the end of the connection');
  assert.equal(await metric(own, 'channels_slow_closed_total'), closed + 1);
  const had = slow.messages.filter(({ type }) => type === 'event');
  assert.ok(had.length < 48, `${had.length} messages`);
  const numbers = [first, ...had.map(({ data }) => JSON.parse(data).n)];
  const again = await new WsClient(t, own.url).open();
  again.subscribe(topic.id, { lastEventId: `${topic.id}#${numbers.at(-1)}` });
  while (numbers.at(-1) < n) numbers.push((await again.next()).value.n);
  assert.deepEqual(numbers, Array.from({ length: n - first + 1 }, (_, i) => first + i));
});

test('a connection may wish a thousand times', async (t) => {
  const [topic, other] = [await documents(), await documents()];
  await post(daemon, topic, { a: 1 });
  const client = await open(t);
  for (let i = 0; i < 1000; i++) client.subscribe(topic.id);
  client.subscribe(other.id);
  const told = [];
  while (told.length < 1001) told.push(await client.next());
  assert.deepEqual(told.filter(({ type }) => type !== 'error').map(({ id }) => id), [`${topic.id}#1`]);
  const messages = told.filter(({ type }) => type === 'error').map(({ value }) => value.message);
  assert.equal(messages.filter((message) => /already/.test(message)).length, 999);
  assert.equal(messages.filter((message) => /too many subscriptions on one connection/.test(message)).length, 1);
  await post(daemon, topic, { a: 2 });
  assert.equal((await client.next()).id, `${topic.id}#2`);
});

test('compression that is offered is not taken up', async (t) => {
  const client = new WebSocket(`${daemon.url.replace('http', 'ws')}${WS}`, { perMessageDeflate: true });
  t.after(() => client.terminate());
  await within(new Promise((resolve) => { client.on('open', resolve); }), 'the WebSocket');
  assert.equal(client.extensions, '');
});
