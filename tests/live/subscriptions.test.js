// Provisioned subscriptions: the API of all kinds, and those of Server-Sent Events, on two loops with a connection for
// each request, so that what one loop changes is asked for and followed on either.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertErrors } from './lib/api.js';
import { startDaemon } from './lib/daemon.js';
import { daemon, newPath, origin, rig } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import {
  TOPICS, createPostTopic, eventually, follow, isEvent, metric, nextError, post, seqOf,
} from './lib/topics.js';
import { WsClient } from './lib/websocket.js';

const UNKNOWN = '11111111-2222-4333-8444-555555555555';
const of = (kind) => `/streams/subscribers/${kind}/api/v1`;
const all = (topic, kind = 'sse') => `${of(kind)}/topics/${topic.id}/subscriptions`;
const one = (subscription, kind = 'sse') => `${of(kind)}/subscriptions/${subscription.id}`;

rig();

async function subscribe(topic, body = {}, kind = 'sse') {
  const answer = await daemon.request('POST', all(topic, kind), { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

async function get(target, options) {
  const answer = await daemon.request('GET', target, options);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function patch(target, body, headers = {}) {
  const answer = await daemon.request('PATCH', target, { body, headers });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function remove(target) {
  assert.equal((await daemon.request('DELETE', target)).status, 204);
}

// Opens the channel of a subscription until the test ends.
async function open(t, subscription, { query = '', ...options } = {}) {
  const stream = await openStream(daemon.url, `${one(subscription)}/subscribe${query}`, options);
  t.after(() => stream.close());
  stream.socket.on('end', () => stream.socket.end());
  return stream;
}

// The last that a stream is told, which ends with it.
async function lastError(stream, code, says) {
  const error = await nextError(stream);
  assert.equal(error.code, code);
  assert.match(error.message, says);
  await stream.end();
  return error;
}

const snapshotTopic = (more = {}) => createPostTopic(daemon, { payload: 'snapshot', ...more });
const webhookTopic = (more = {}) => snapshotTopic({ subscribers: [{ type: 'sse' }, { type: 'webhook' }], ...more });

// ---- the API ----

test('a subscription is created, shown by either path, changed and deleted', async () => {
  const topic = await snapshotTopic({ name: 'prices / "now"' });
  const made = await daemon.request('POST', all(topic), { body: { subscriptionMode: 'snapshot-only' } });
  assert.equal(made.status, 201, made.text);
  const { id, createTimestamp } = made.json;
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(createTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(made.json, {
    id, topicId: topic.id, subscriptionMode: 'snapshot-only', subscriptionStatus: 'active', createTimestamp, modifyTimestamp: createTimestamp,
  });
  assert.equal(made.headers.location, one(made.json));

  const ofTopic = `${all(topic)}/${id}`;
  for (const target of [one(made.json), ofTopic, `${of('sse')}/subscriptions/${id.toUpperCase()}`]) {
    const shown = await daemon.request('GET', target);
    assert.equal(shown.status, 200, shown.text);
    assert.deepEqual(shown.json, made.json);
    assert.equal(shown.headers.etag, made.headers.etag);
    assert.equal((await daemon.request('GET', target, { headers: { 'If-None-Match': made.headers.etag } })).status, 304);
    const head = await daemon.request('HEAD', target);
    assert.deepEqual([head.status, head.text], [200, '']);
  }

  const changed = await daemon.request('PATCH', ofTopic, { body: { subscriptionStatus: 'suspended' } });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.json, { ...made.json, subscriptionStatus: 'suspended', modifyTimestamp: changed.json.modifyTimestamp });
  assert.notEqual(changed.headers.etag, made.headers.etag);
  assert.deepEqual(await get(one(made.json)), changed.json);
  // The same again is no change; null is the default.
  assert.deepEqual(await patch(one(made.json), { subscriptionStatus: 'suspended', subscriptionMode: 'snapshot-only', id }), changed.json);
  assert.equal((await patch(one(made.json), { subscriptionStatus: null })).subscriptionStatus, 'active');

  await remove(ofTopic);
  assertErrors(await daemon.request('GET', ofTopic), 404, { says: /no sse subscription has the id/ });
  assertErrors(await daemon.request('DELETE', one(made.json)), 404, {});
  assertErrors(await daemon.request('PATCH', one(made.json), { body: {} }), 404, {});
});

test('what is named must be there, and of the topic and kind that are named', async () => {
  const topic = await webhookTopic();
  const other = await snapshotTopic();
  const subscription = await subscribe(topic);
  assertErrors(await daemon.request('POST', `${of('sse')}/topics/${UNKNOWN}/subscriptions`, { body: {} }), 404, { says: /no topic has the id or name/ });
  assertErrors(await daemon.request('GET', `${of('sse')}/topics/${UNKNOWN}/subscriptions`), 404, { says: /no topic has/ });
  assertErrors(await daemon.request('GET', `${of('sse')}/topics/${UNKNOWN}/subscriptions/${subscription.id}`), 404, { says: /no topic has/ });
  assertErrors(await daemon.request('GET', `${all(other)}/${subscription.id}`), 404, { says: /no sse subscription/ });
  assertErrors(await daemon.request('GET', one(subscription, 'webhook')), 404, { says: /no webhook subscription/ });
  assertErrors(await daemon.request('GET', one({ id: 'x' })), 404, { says: /no sse subscription has the id "x"/ });
  assertErrors(await daemon.request('GET', one(subscription, 'pigeon')), 404, { says: /nothing is offered/ });
  assertErrors(await daemon.request('GET', `${one(subscription)}/exchanges`), 404, { says: /nothing is offered/ });
  assertErrors(await daemon.request('PUT', one(subscription), { body: {} }), 405, { says: /offered: GET, HEAD, PATCH, DELETE/ });
  assert.equal((await get(`${of('sse')}/topics/${encodeURIComponent(topic.name)}/subscriptions/${subscription.id}`)).id, subscription.id);
});

test('all faults at once, and what the topic does not offer', async () => {
  const topic = await snapshotTopic();
  assertErrors(await daemon.request('POST', all(topic), { body: { subscriptionMode: 'event', subscriptionStatus: 'asleep', mode: 1 } }), 400,
    { pointer: '/subscriptionStatus' }, { pointer: '/mode', says: /unknown attribute/ },
    { pointer: '/subscriptionMode', says: /expected a mode that the topic offers by sse \(snapshot-only, snapshot-patch.*\), found event/ });
  assertErrors(await daemon.request('POST', all(topic, 'webhook'), { body: { webhookUrl: origin.url('/') } }), 400,
    { says: /add \{"type":"webhook"\} to its subscribers/ });
  assertErrors(await daemon.request('POST', all(topic), { body: '{' }), 400, { says: /./ });
  assertErrors(await daemon.request('POST', all(topic), { body: [] }), 400, { pointer: '', says: /expected an object/ });
  assertErrors(await daemon.request('POST', all(topic), { body: '{}', headers: { 'Content-Type': 'text/plain' } }), 415, {});
  assertErrors(await daemon.request('POST', all(topic), { body: { subscriptionMode: 'x'.repeat(300_000) } }), 413, {});
  assert.deepEqual((await get(all(topic))).items, []);
});

test('mode, id and topic are fixed', async () => {
  const topic = await snapshotTopic();
  const subscription = await subscribe(topic);
  assert.equal(subscription.subscriptionMode, 'snapshot-patch');
  assertErrors(await daemon.request('PATCH', one(subscription), { body: { subscriptionMode: 'snapshot-only', id: UNKNOWN, topicId: UNKNOWN } }), 400,
    { pointer: '/id' }, { pointer: '/topicId' }, { pointer: '/subscriptionMode', says: /is fixed/ });
  assert.deepEqual(await get(one(subscription)), subscription);
});

test('changes under a condition', async () => {
  const subscription = await subscribe(await snapshotTopic());
  const { headers: { etag } } = await daemon.request('GET', one(subscription));
  await patch(one(subscription), { subscriptionStatus: 'suspended' }, { 'If-Match': etag });
  assertErrors(await daemon.request('PATCH', one(subscription), { body: { subscriptionStatus: 'active' }, headers: { 'If-Match': etag } }), 412, {});
  assertErrors(await daemon.request('DELETE', one(subscription), { headers: { 'If-Match': etag } }), 412, {});
  const now = await daemon.request('GET', one(subscription));
  assert.equal((await daemon.request('DELETE', one(subscription), { headers: { 'If-Match': now.headers.etag } })).status, 204);
});

test('of many changes at a time each gets through', async () => {
  const topic = await webhookTopic();
  const subscription = await subscribe(topic, { webhookUrl: origin.url('/nobody'), subscriptionStatus: 'suspended', webhookHeaders: {} }, 'webhook');
  await Promise.all(Array.from({ length: 20 }, (_, i) => patch(one(subscription, 'webhook'), { webhookHeaders: { [`X-${i}`]: `${i}` } })));
  const { webhookHeaders } = await get(one(subscription, 'webhook'));
  assert.deepEqual(Object.keys(webhookHeaders).sort(), Array.from({ length: 20 }, (_, i) => `X-${i}`).sort());
});

test('subscriptions survive a restart, and go with their topic', async (t) => {
  const first = await startDaemon({ args: ['--loops', '2', '--drain', 'PT0S'] });
  t.after(() => first.stop());
  const topic = await createPostTopic(first, { payload: 'snapshot' });
  const other = await createPostTopic(first, { payload: 'snapshot' });
  const make = async (of, body) => (await first.request('POST', all(of), { body })).json;
  const subscriptions = [await make(topic, {}), await make(topic, { subscriptionStatus: 'suspended' }), await make(other, {})];
  assert.equal(await metric(first, 'subscriptions'), 3);
  const tags = await Promise.all(subscriptions.map(async (each) => (await first.request('GET', one(each))).headers.etag));
  await first.stop();

  const second = await startDaemon({ data: first.data, args: ['--loops', '3', '--drain', 'PT0S'] });
  t.after(() => second.stop());
  for (const [i, each] of subscriptions.entries()) {
    const shown = await second.request('GET', one(each));
    assert.deepEqual(shown.json, each);
    assert.equal(shown.headers.etag, tags[i]);
  }
  assert.equal((await second.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  for (const each of subscriptions.slice(0, 2)) assert.equal((await second.request('GET', one(each))).status, 404);
  assert.equal(await metric(second, 'subscriptions'), 1);
  await second.stop();

  const third = await startDaemon({ data: first.data, args: ['--drain', 'PT0S'] });
  t.after(() => third.stop());
  assert.equal((await third.request('GET', one(subscriptions[0]))).status, 404);
  assert.deepEqual((await third.request('GET', one(subscriptions[2]))).json, subscriptions[2]);
  assert.ok(third.log.every((line) => !/level=(error|warn)/.test(line)), third.log.join('\n'));
});

test('a topic deleted while its subscriptions are made leaves none behind', async () => {
  const before = await metric(daemon, 'subscriptions');
  const topic = await snapshotTopic();
  const making = Array.from({ length: 20 }, () => daemon.request('POST', all(topic), { body: {} }));
  await daemon.request('DELETE', `${TOPICS}/${topic.id}`);
  for (const { status, json } of await Promise.all(making)) {
    assert.ok([201, 404].includes(status));
    if (status === 201) assert.equal((await daemon.request('GET', one(json))).status, 404);
  }
  assert.equal(await metric(daemon, 'subscriptions'), before);
});

// ---- lists ----

test('the list of a topic, in pages and sorted', async () => {
  const topic = await webhookTopic({ name: `list <"${process.pid}">` });
  const made = [];
  for (const [mode, path] of [['snapshot-patch', '/c'], ['snapshot-only', '/a'], ['snapshot-patch', '/b'], ['snapshot-only', '/d']]) {
    made.push(await subscribe(topic, { subscriptionMode: mode, webhookUrl: origin.url(path), subscriptionStatus: 'suspended' }, 'webhook'));
  }
  await subscribe(topic); // of another kind
  const paths = async (query) => (await get(`${all(topic, 'webhook')}${query}`)).items.map(({ webhookUrl }) => new URL(webhookUrl).pathname).join('');
  assert.deepEqual((await get(all(topic, 'webhook'))).items, made);
  assert.equal(await paths('?sort=webhookUrl'), '/a/b/c/d');
  assert.equal(await paths('?sort=webhookUrl,DESC'), '/d/c/b/a');
  assert.equal(await paths('?sort=subscriptionMode&sort=webhookUrl,DESC'), '/d/a/c/b');
  assert.equal(await paths('?sort=subscriptionMode,desc'), '/c/b/a/d');
  assertErrors(await daemon.request('GET', `${all(topic, 'webhook')}?sort=kafkaTopic`), 400, { parameter: 'sort', says: /subscriptionMode, webhookUrl; found "kafkaTopic"/ });
  assertErrors(await daemon.request('GET', `${all(topic)}?sort=webhookUrl`), 400, { parameter: 'sort', says: /field of subscriptionMode; found/ });
  assertErrors(await daemon.request('GET', `${all(topic)}?page=0`), 400, { parameter: 'page' });

  const base = `${of('webhook')}/topics/${encodeURIComponent(topic.name)}/subscriptions`;
  const second = await daemon.request('GET', `${base}?page=2&pageSize=3&sort=webhookUrl`);
  assert.deepEqual(second.json.items.map(({ webhookUrl }) => new URL(webhookUrl).pathname), ['/d']);
  const link = (page) => `${base}?page=${page}&pageSize=3&sort=webhookUrl`;
  assert.deepEqual(second.json.links, { self: link(2), first: link(1), prev: link(1), last: link(2) });
  assert.ok(second.headers.link.startsWith(`<${link(2)}>; rel="self"`), second.headers.link);
  assert.equal((await get(second.json.links.prev)).items.length, 3);
});

test('the list holds the open connections that nobody provisioned, under the ids that they are told', async (t) => {
  const topic = await snapshotTopic({ subscribers: [{ type: 'sse' }, { type: 'webhook' }, { type: 'websocket' }] });
  const provisioned = await subscribe(topic);
  const streams = await Promise.all(Array.from({ length: 8 }, (_, i) => follow(t, daemon, topic, { query: i % 2 ? '?mode=snapshot-only' : '' })));
  await open(t, provisioned);
  const disposable = async () => (await get(all(topic))).items.filter((item) => item.disposable);
  await eventually(async () => (await disposable()).length === 8, 'all connections in the list');
  const { items } = await get(all(topic));
  assert.deepEqual(items[0], provisioned);
  assert.equal(items.length, 9);
  for (const item of items.slice(1)) {
    assert.deepEqual(item, { id: item.id, topicId: topic.id, subscriptionMode: item.subscriptionMode, subscriptionStatus: 'active', disposable: true });
  }
  const sorted = await get(`${all(topic)}?sort=subscriptionMode&pageSize=4`);
  assert.deepEqual(sorted.items.map(({ subscriptionMode }) => subscriptionMode), Array(4).fill('snapshot-only'));
  assert.deepEqual((await get(all(topic, 'webhook'))).items, []);

  // Those of WebSocket are in a list of their own.
  const ws = await new WsClient(t, daemon.url).open();
  ws.subscribe(topic.id, { subscriptionMode: 'snapshot-only' });
  await eventually(async () => (await get(all(topic, 'websocket'))).items.length === 1, 'the WebSocket in the list');
  const [item] = (await get(all(topic, 'websocket'))).items;
  assert.deepEqual([item.subscriptionMode, item.disposable], ['snapshot-only', true]);
  assert.equal((await disposable()).length, 8);

  streams[0].close();
  await eventually(async () => (await disposable()).length === 7, 'one less');
  const listed = (await disposable()).map(({ id }) => id).sort();
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  const told = await Promise.all(streams.slice(1).map(async (stream) => (await lastError(stream, 40404, /deleted/)).subscriptionId));
  assert.deepEqual(told.sort(), listed);
});

// ---- Server-Sent Events ----

test('the channel of a subscription has its mode and its id', async (t) => {
  const topic = await snapshotTopic();
  const subscription = await subscribe(topic, { subscriptionMode: 'snapshot-only' });
  await post(daemon, topic, { a: 1 });
  const stream = await open(t, subscription);
  assert.equal(stream.status, 200);
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 1 });
  await post(daemon, topic, { a: 2, b: 'a change that would be a patch otherwise' });
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
  await remove(one(subscription));
  assert.equal((await lastError(stream, 40405, /deleted/)).subscriptionId, subscription.id);
  assertErrors(await daemon.request('GET', `${one(subscription)}/subscribe`), 404, {});
});

test('it resumes by id', async (t) => {
  const topic = await createPostTopic(daemon);
  const subscription = await subscribe(topic);
  assert.equal(subscription.subscriptionMode, 'event');
  for (const i of [1, 2, 3]) await post(daemon, topic, { i });
  const stream = await open(t, subscription, { headers: { 'Last-Event-ID': `${topic.id}#1` } });
  assert.deepEqual([seqOf(await stream.next(isEvent)), seqOf(await stream.next(isEvent))], [2, 3]);
  const again = await open(t, subscription, { query: `?lastEventId=${encodeURIComponent(`${topic.id}#2`)}` });
  assert.equal(seqOf(await again.next(isEvent)), 3);
  assertErrors(await daemon.request('GET', `${one(subscription)}/subscribe`, { headers: { 'Last-Event-ID': `${UNKNOWN}#2` } }), 400, {});
});

test('it cannot be asked for in another mode', async (t) => {
  const topic = await snapshotTopic();
  const subscription = await subscribe(topic, { subscriptionMode: 'snapshot-only' });
  const media = (mode) => ({ headers: { Accept: `application/vnd.axway.streams+${mode}` } });
  for (const options of [media('snapshot-only'), { headers: { Accept: 'text/event-stream' } }, { query: '?mode=snapshot-only' }]) {
    assert.equal((await open(t, subscription, options)).status, 200);
  }
  const target = `${all(topic)}/${subscription.id}/subscribe`;
  assertErrors(await daemon.request('GET', target, media('snapshot-patch')), 406, { says: /offered: snapshot-only/ });
  assertErrors(await daemon.request('GET', target, { headers: { Accept: 'text/html' } }), 406, {});
  assertErrors(await daemon.request('GET', `${target}?mode=snapshot-patch`), 406, {});
  const head = await daemon.request('HEAD', target);
  assert.deepEqual([head.status, head.headers['content-type']], [200, 'text/event-stream']);
});

test('suspending closes its channel, and none opens until it is active again', async (t) => {
  const subscription = await subscribe(await snapshotTopic());
  for (let round = 0; round < 4; round++) { // on either loop
    const stream = await open(t, subscription);
    await patch(one(subscription), { subscriptionStatus: 'suspended' });
    assert.equal((await lastError(stream, 40000, /suspended/)).subscriptionId, subscription.id);
    assertErrors(await daemon.request('GET', `${one(subscription)}/subscribe`), 409, { says: /suspended/ });
    await patch(one(subscription), { subscriptionStatus: 'active' });
  }
  // What does not suspend it closes nothing.
  const stream = await open(t, subscription);
  await patch(one(subscription), { subscriptionStatus: 'active' });
  await post(daemon, { id: subscription.topicId }, { a: 1 });
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
});

test('it is open once: the last that was opened stays', async (t) => {
  const topic = await snapshotTopic();
  const subscription = await subscribe(topic);
  let stream = await open(t, subscription);
  for (let round = 0; round < 6; round++) { // from loop to loop
    const next = await open(t, subscription);
    assert.equal((await lastError(stream, 40000, /another connection/)).subscriptionId, subscription.id);
    stream = next;
  }
  const many = await Promise.all(Array.from({ length: 12 }, () => open(t, subscription)));
  await eventually(() => many.filter(({ ended }) => !ended).length === 1, 'one that is left');
  await stream.end();
  await post(daemon, topic, { a: 1 });
  assert.equal((await many.find(({ ended }) => !ended).next(isEvent)).event, 'snapshot');
  assert.equal(many.filter(({ ended }) => !ended).length, 1);
});

test('it ends with its topic, and with the mode that the topic no longer offers', async (t) => {
  const topic = await snapshotTopic();
  const subscription = await subscribe(topic);
  let stream = await open(t, subscription);
  const offer = (modes) => daemon.request('PATCH', `${TOPICS}/${topic.id}`, { body: { subscribers: [{ type: 'sse', allowedSubscriptionModes: modes }] } });
  assert.equal((await offer(['snapshot-only'])).status, 200);
  await lastError(stream, 40000, /mode is not allowed/);
  assertErrors(await daemon.request('GET', `${one(subscription)}/subscribe`), 406, { says: /offer mode snapshot-patch any more/ });
  assertErrors(await daemon.request('PATCH', one(subscription), { body: {} }), 400, { pointer: '/subscriptionMode', says: /offers by sse \(snapshot-only\), found snapshot-patch/ });
  assert.equal((await patch(one(subscription), { subscriptionStatus: 'suspended' })).subscriptionStatus, 'suspended');
  assert.equal((await offer([])).status, 200);
  await patch(one(subscription), { subscriptionStatus: 'active' });
  stream = await open(t, subscription);
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  assert.equal((await lastError(stream, 40404, /deleted/)).subscriptionId, subscription.id);
});

// ---- delivery ----

// A receiver that answers as it is told, and keeps what it got.
function receiver(answer = () => 200) {
  const path = newPath();
  const got = [];
  origin.on(path, (req, res) => {
    let text = '';
    req.on('data', (part) => { text += part; });
    req.on('end', () => {
      got.push({ headers: req.headers, text });
      res.writeHead(answer(got.length)).end();
    });
  });
  return { url: origin.url(path), got };
}

test('how a delivery stands is shown with the subscription', async () => {
  const topic = await webhookTopic();
  let status = 200;
  const { url, got } = receiver(() => status);
  await post(daemon, topic, { a: 1 });
  const subscription = await subscribe(topic, { webhookUrl: url, subscriptionMode: 'snapshot-only' }, 'webhook');
  const delivery = async () => (await get(one(subscription, 'webhook'))).delivery;
  await eventually(async () => (await delivery()).cursor === `${topic.id}#1`, 'the cursor');
  const well = await delivery();
  assert.match(well.lastSuccess, /^20.*Z$/);
  assert.deepEqual(well, {
    cursor: `${topic.id}#1`, behind: 0, delivered: 1, failed: 0, missed: 0, attempt: 0, nextAttempt: null, lastSuccess: well.lastSuccess, lastError: null,
  });

  status = 500;
  await post(daemon, topic, { a: 2 });
  await eventually(async () => (await delivery()).failed === 1, 'the failure');
  const failing = await delivery();
  assert.deepEqual({ ...failing, nextAttempt: '', lastError: '' }, { ...well, behind: 1, failed: 1, attempt: 1, nextAttempt: '', lastError: '' });
  assert.ok(failing.nextAttempt > failing.lastError.time, JSON.stringify(failing));
  assert.match(failing.lastError.message, /500/);

  // New settings are tried at once.
  status = 200;
  await patch(one(subscription, 'webhook'), { webhookHeaders: { 'X-A': '1' } });
  await eventually(async () => (await delivery()).behind === 0, 'the event');
  assert.deepEqual(got.map(({ text }) => text), ['{"a":1}', '{"a":2}', '{"a":2}']);
  assert.equal('delivery' in (await get(one(await subscribe(topic)))), false);
});

test('a body is sent to the receiver as it is', async () => {
  const topic = await webhookTopic();
  const { url, got } = receiver();
  const subscription = await subscribe(topic, { webhookUrl: url }, 'webhook');
  const text = '{ "is" : "this right?" }';
  const answer = await daemon.request('POST', `${one(subscription, 'webhook')}/test`, { body: text });
  assert.equal(answer.status, 202, answer.text);
  await eventually(() => got.length === 1, 'the body');
  assert.equal(got[0].text, text);
  assertErrors(await daemon.request('POST', `${one(subscription, 'webhook')}/test`, { body: '{' }), 400, {});
  assertErrors(await daemon.request('POST', `${one({ id: UNKNOWN }, 'webhook')}/test`, { body: {} }), 404, {});
  assertErrors(await daemon.request('POST', `${one(await subscribe(topic))}/test`, { body: {} }), 404, { says: /nothing is offered/ });
  await patch(one(subscription, 'webhook'), { subscriptionStatus: 'suspended' });
  assertErrors(await daemon.request('POST', `${one(subscription, 'webhook')}/test`, { body: {} }), 409, { says: /suspended/ });
});

// Of a topic whose journal keeps as little as it can.
async function catchUp(t, { events, args }) {
  const server = await startDaemon({ args: ['--loops', '2', '--drain', 'PT0S', '--journal-max-events', '10', ...args] });
  t.after(() => server.stop());
  const topic = await createPostTopic(server, { subscribers: [{ type: 'webhook' }] });
  const { url, got } = receiver();
  const made = await server.request('POST', all(topic, 'webhook'), { body: { webhookUrl: url, subscriptionStatus: 'suspended' } });
  assert.equal(made.status, 201, made.text);
  for (let n = 1; n <= events; n++) assert.equal((await post(server, topic, { n })).status, 202);
  const status = (subscriptionStatus) => server.request('PATCH', one(made.json, 'webhook'), { body: { subscriptionStatus } });
  assert.equal((await status('active')).status, 200);
  await eventually(() => got.at(-1)?.text === `{"n":${events}}`, 'the last event');
  return { numbers: got.map(({ text }) => JSON.parse(text).n), delivery: (await server.request('GET', one(made.json, 'webhook'))).json.delivery };
}

test('the journal is held for a subscription that is suspended', async (t) => {
  const { numbers, delivery } = await catchUp(t, { events: 300, args: [] });
  assert.deepEqual(numbers, Array.from({ length: 300 }, (_, i) => i + 1));
  assert.equal(delivery.missed, 0);
});

test('but not longer than its bound: then what is held comes, and what was missed is counted', async (t) => {
  const { numbers, delivery } = await catchUp(t, { events: 300, args: ['--journal-hold-bytes', '1 KiB'] });
  assert.ok(numbers[0] > 1 && numbers.length < 300, `${numbers}`);
  assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => 301 - numbers.length + i));
  assert.equal(delivery.missed, 1);
});
