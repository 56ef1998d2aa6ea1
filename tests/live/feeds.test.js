// Feeds: durable queues of notifications, given batch by batch, over HTTP as clients of such a server know it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { complete, createFeed, FEEDS, next, nextJson, postRange, SERVED } from './lib/feeds.js';
import { createPostTopic, eventually, metric, post, TOPICS } from './lib/topics.js';

const ARGS = ['--loops', '2', '--drain', 'PT0S'];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
let daemon;
before(async () => { daemon = await startDaemon({ args: ARGS }); });
after(() => daemon.stop());

let unique = 0;
// A topic and a feed that holds it alone.
async function pair({ feed = {}, ...topic } = {}) {
  const n = ++unique;
  const made = await createPostTopic(daemon, { name: `t${n}`, ...topic });
  return { topic: made, feed: await createFeed(daemon, { id: `f${n}`, topics: [made.name], ...feed }) };
}
const payloads = (batch) => batch.notifications.map((n) => n.payload);
const postAll = (...args) => postRange(daemon, ...args);
function assertNotFound(answer) {
  assert.equal(answer.status, 404, answer.text);
  const { traceId, ...rest } = answer.json;
  assert.deepEqual(rest, { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.4', title: 'Not Found', status: 404 });
  assert.match(traceId, /^\|[0-9a-f]{8}-[0-9a-f]{16}\.$/);
}

test('a batch: its fields, the same bytes until it is completed, and then the next', async () => {
  const { topic } = await pair();
  assert.equal((await next(daemon, 'f1')).status, 204);
  await postAll(topic, 0, 12);
  const first = await next(daemon, 'f1');
  assert.equal(first.status, 200);
  const { batchId, notifications, moreAvailable, ...others } = first.json;
  assert.deepEqual(others, {}, 'what existing clients do not know');
  assert.equal(moreAvailable, true);
  assert.equal(notifications.length, 10);
  for (const [i, n] of notifications.entries()) {
    assert.deepEqual(Object.keys(n), ['id', 'eventType', 'when', 'tenantId', 'causationId', 'correlationId', 'relativeUrl', 'payload']);
    assert.match(n.id, UUID);
    assert.match(n.causationId, UUID);
    assert.match(n.when, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/);
    assert.equal(n.eventType, 't1:event');
    assert.equal(n.relativeUrl, `streams/hub/api/v1/topics/${topic.id}/snapshot`);
    assert.deepEqual(n.payload, { n: i });
  }
  assert.equal(new Set(notifications.map((n) => n.id)).size, 10);
  await postAll(topic, 12, 13);
  assert.equal((await next(daemon, 'f1')).text, first.text);
  assert.equal((await next(daemon, 'f1', '?max=1')).text, first.text);
  assert.equal((await complete(daemon, 'f1', batchId)).status, 200);
  assert.equal((await complete(daemon, 'f1', batchId)).status, 200, 'twice');
  const second = await nextJson(daemon, 'f1');
  assert.ok(Number(second.batchId) > Number(batchId));
  assert.deepEqual(payloads(second), [{ n: 10 }, { n: 11 }, { n: 12 }]);
  assert.equal(second.moreAvailable, false);
  assertNotFound(await complete(daemon, 'f1', batchId));
  assert.equal((await complete(daemon, 'f1', second.batchId)).status, 200);
  assert.equal((await next(daemon, 'f1')).status, 204);
});

test('unknown batches and feeds, and feeds in the wrong case, are not found', async () => {
  const { topic, feed } = await pair();
  await postAll(topic, 0, 1);
  const { batchId } = await nextJson(daemon, feed.id);
  const wrong = feed.id.toUpperCase();
  assertNotFound(await next(daemon, wrong));
  assertNotFound(await next(daemon, 'none'));
  assertNotFound(await complete(daemon, wrong, batchId));
  for (const id of [String(Number(batchId) + 1), String(Number(batchId) - 1), '0', 'x', `0${batchId}`, `+${batchId}`, '9'.repeat(40)]) {
    assertNotFound(await complete(daemon, feed.id, id));
  }
  assertNotFound(await daemon.request('PUT', `${SERVED}/${wrong}/discardAll`));
  assertNotFound(await daemon.request('GET', `${SERVED}/${feed.id}/consumers/none/stats`));
  assert.equal((await complete(daemon, feed.id, batchId)).status, 200);
});

test('feed all exists, is queued for once it was asked for, and holds every topic in the order of time', async (t) => {
  const own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const a = await createPostTopic(own, { name: 'a' });
  const b = await createPostTopic(own, { name: 'b' });
  await post(own, a, { before: true });
  assert.deepEqual((await own.request('GET', FEEDS)).json.items.map(({ id, topics, active }) => ({ id, topics, active })), [{ id: 'all', topics: ['*'], active: false }]);
  assert.equal(await metric(own, 'feed_notes_total'), 0, 'nothing is stored for nobody');
  assert.equal((await next(own, 'all')).status, 204);
  for (let n = 0; n < 4; n++) await post(own, n % 2 ? a : b, { n });
  const batch = await nextJson(own, 'all');
  assert.deepEqual(batch.notifications.map((n) => `${n.eventType} ${n.payload.n}`), ['b:event 0', 'a:event 1', 'b:event 2', 'a:event 3']);
  assert.equal((await own.request('GET', `${FEEDS}/all`)).json.active, true);
});

test('elements of keyed arrays are told one by one, other changes together', async () => {
  const { topic, feed } = await pair({ payload: 'snapshot' });
  const big = Array.from({ length: 300 }, (_, id) => ({ id: id + 10, v: 0 }));
  await post(daemon, topic, { rows: [], total: 0 });
  await post(daemon, topic, { rows: [{ id: 1, q: 1 }, { id: 2, q: 2 }], total: 3 });
  await post(daemon, topic, { rows: [{ id: 3, q: 3 }, { id: 1, q: 9 }], total: 12 });
  await post(daemon, topic, { rows: big, total: 12 });
  const batch = await nextJson(daemon, feed.id, '?max=1000');
  const told = batch.notifications.map((n) => [n.eventType.split(':')[1], n.payload.key ?? Object.keys(n.payload).join()]);
  assert.deepEqual(told.slice(0, 8), [
    ['changed', 'sequence,changes'], ['created', 1], ['created', 2], ['changed', 'sequence,changes'],
    ['deleted', 2], ['created', 3], ['updated', 1], ['changed', 'sequence,changes'],
  ]);
  assert.deepEqual(told.slice(8, 10), [['deleted', 3], ['deleted', 1]]);
  assert.deepEqual(told.slice(10), big.map(({ id }) => ['created', id]));
  const updated = batch.notifications[6];
  assert.deepEqual([updated.payload.before, updated.payload.after], [{ id: 1, q: 1 }, { id: 1, q: 9 }]);
  assert.deepEqual(batch.notifications[7].payload.changes, [{ op: 'updated', pointer: '/total', before: 3, after: 12 }]);
  assert.equal(updated.correlationId, batch.notifications[7].correlationId, 'of one run');
  assert.notEqual(updated.correlationId, batch.notifications[1].correlationId);
  assert.equal(new Set(batch.notifications.map((n) => n.id)).size, batch.notifications.length);
});

test('settings: globs, event types, sizes; all faults at once; a change leaves the open batch as it is', async () => {
  const faults = await daemon.request('POST', FEEDS, { body: { id: 'a b', topics: [], batchSize: 1001, retention: 'P1M', eventTypes: { a: 1 }, extra: 1 } });
  assert.equal(faults.status, 400);
  assert.equal((await daemon.request('POST', FEEDS, { body: { id: 'AAAAAAAA-5b09-4ad8-a427-a034f31a5dd6', topics: ['x'] } })).status, 400);
  assert.deepEqual(faults.json.errors.map((e) => e.source.pointer).sort(), ['/batchSize', '/eventTypes/a', '/extra', '/id', '/retention', '/topics']);
  const eu = await createPostTopic(daemon, { name: 'orders.eu' });
  const us = await createPostTopic(daemon, { name: 'orders.us' });
  const other = await createPostTopic(daemon, { name: 'other' });
  const made = await daemon.request('POST', FEEDS, { body: { id: 'Orders', topics: ['orders.*'], batchSize: 2, eventTypes: { 'orders.us:event': 'sales:new' } } });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.location, `${FEEDS}/Orders`);
  assert.equal((await daemon.request('POST', FEEDS, { body: { id: 'Orders', topics: ['x'] } })).status, 409);
  for (const topic of [eu, other, us, eu]) await post(daemon, topic, { of: topic.name });
  const first = await next(daemon, 'Orders');
  assert.deepEqual(first.json.notifications.map((n) => n.eventType), ['orders.eu:event', 'sales:new']);
  const patch = await daemon.request('PATCH', `${FEEDS}/Orders`, { body: { batchSize: 5, eventTypes: null }, headers: { 'If-Match': made.headers.etag } });
  assert.equal(patch.status, 200, patch.text);
  assert.equal((await daemon.request('PATCH', `${FEEDS}/Orders`, { body: { batchSize: 6 }, headers: { 'If-Match': made.headers.etag } })).status, 412);
  assert.equal((await daemon.request('PATCH', `${FEEDS}/Orders`, { body: { id: 'orders' } })).status, 400);
  assert.equal((await next(daemon, 'Orders')).text, first.text);
  // What is queued stays when its topic goes.
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${eu.id}`)).status, 204);
  await complete(daemon, 'Orders', first.json.batchId);
  assert.deepEqual((await nextJson(daemon, 'Orders')).notifications.map((n) => n.eventType), ['orders.eu:event']);
  assert.equal((await daemon.request('DELETE', `${FEEDS}/Orders`)).status, 204);
  assertNotFound(await next(daemon, 'Orders'));
  assert.equal((await daemon.request('GET', `${FEEDS}/Orders`)).status, 404);
  assert.equal((await daemon.request('PUT', `${FEEDS}/all`, { body: { id: 'all', topics: ['x'] } })).status, 400);
});

test('discardAll: the archive has what was queued, and it is not served again', async () => {
  const { topic, feed } = await pair();
  await postAll(topic, 0, 12);
  const { batchId } = await nextJson(daemon, feed.id);
  // While others ask: each is given a batch that was queued, or nothing.
  const [discard, ...asked] = await Promise.all([daemon.request('PUT', `${SERVED}/${feed.id}/discardAll`), next(daemon, feed.id), next(daemon, feed.id)]);
  assert.equal(discard.status, 200);
  for (const answer of asked) assert.ok(answer.status === 204 || answer.json.batchId === batchId);
  assert.equal((await next(daemon, feed.id)).status, 204);
  assertNotFound(await complete(daemon, feed.id, batchId));
  await postAll(topic, 12, 13);
  assert.deepEqual(payloads(await nextJson(daemon, feed.id)), [{ n: 12 }]);
  const archived = [];
  for (let after = 0, more = true; more;) {
    const { json } = await daemon.request('GET', `${FEEDS}/${feed.id}/archive?after=${after}&limit=5`);
    for (const d of json.discards) { archived.push(...payloads(d)); after = d.sequence; }
    more = json.more;
  }
  assert.deepEqual(archived, Array.from({ length: 12 }, (_, n) => ({ n })));
});

test('the form of v1: an absolute url', async () => {
  const { topic, feed } = await pair();
  await post(daemon, topic, { text: '"relativeUrl":"x"', relativeUrl: 'mine' });
  const v2 = await nextJson(daemon, feed.id);
  const v1 = await daemon.request('GET', `/eventnotifications/v1/${feed.id}/next`);
  const [{ relativeUrl, ...rest }] = v2.notifications;
  assert.deepEqual(v1.json, { ...v2, notifications: [{ ...rest, url: `${daemon.url}/${relativeUrl}` }] });
  assert.equal((await daemon.request('POST', `/eventnotifications/v1/${feed.id}/${v2.batchId}/complete`)).status, 200);
  assert.equal((await daemon.request('GET', `/eventnotifications/v1/${feed.id}/next`)).status, 204);
});

test('who waits is answered when something comes, and only then', async () => {
  const { topic, feed } = await pair();
  const waiting = [next(daemon, feed.id, '?wait=PT20S'), next(daemon, feed.id, '?wait=PT20S')];
  await eventually(async () => (await daemon.request('GET', `${SERVED}/${feed.id}/stats`)).json.queued === 0, 'nothing');
  await postAll(topic, 0, 1);
  const [a, b] = await Promise.all(waiting);
  assert.equal(a.status, 200);
  assert.equal(a.text, b.text, 'two who ask get the same');
  await complete(daemon, feed.id, a.json.batchId);
  const began = Date.now();
  assert.equal((await next(daemon, feed.id, '?wait=PT0.3S')).status, 204);
  assert.ok(Date.now() - began >= 290);
  for (const query of ['wait=PT301S', 'wait=1', 'max=0', 'max=1001', 'lease=x']) assert.equal((await next(daemon, feed.id, `?${query}`)).status, 400, query);
});

test('named consumers: each its own position, filters and seeking', async () => {
  const { topic, feed } = await pair({ payload: 'snapshot' });
  await post(daemon, topic, [{ id: 1 }]);
  await post(daemon, topic, [{ id: 1 }, { id: 2 }]);
  await post(daemon, topic, [{ id: 2 }]);
  const one = `${feed.id}/consumers/one`, two = `${feed.id}/consumers/two`;
  const all = await nextJson(daemon, one);
  assert.equal(all.notifications.length, 3);
  const deleted = await nextJson(daemon, two, '?eventType=*:deleted');
  assert.deepEqual(deleted.notifications.map((n) => n.payload.key), [1]);
  assert.equal((await nextJson(daemon, feed.id)).notifications.length, 3);
  assert.equal((await daemon.request('POST', `${SERVED}/${one}/complete?batchId=${all.batchId}`)).status, 200);
  assert.equal((await complete(daemon, two, deleted.batchId)).status, 200);
  assert.equal((await next(daemon, one)).status, 204);
  const { json: stats } = await daemon.request('GET', `${SERVED}/${one}/stats`);
  assert.deepEqual([stats.feed, stats.consumer, stats.queued], [feed.id, 'one', 0]);
  const queued = (await daemon.request('GET', `${SERVED}/${feed.id}/stats`)).json;
  assert.equal(queued.queued, 3);
  assert.match(queued.lag, /^PT/);

  assert.equal((await daemon.request('POST', `${SERVED}/${one}/seek`, { body: { time: all.notifications[1].when } })).status, 200);
  assert.deepEqual((await nextJson(daemon, one)).notifications.map((n) => n.id), all.notifications.slice(1).map((n) => n.id));
  assert.equal((await daemon.request('POST', `${SERVED}/${one}/seek`, { body: { sequence: stats.sequence } })).status, 200);
  assert.deepEqual((await nextJson(daemon, one)).notifications.map((n) => n.id), all.notifications.slice(2).map((n) => n.id));
  for (const body of [{}, { time: 'x' }, { sequence: -1 }, { time: all.notifications[1].when, sequence: 1 }]) {
    assert.equal((await daemon.request('POST', `${SERVED}/${one}/seek`, { body })).status, 400);
  }
  assertNotFound(await next(daemon, `${feed.id}/consumers/a%20b`));
  assert.equal((await daemon.request('DELETE', `${FEEDS}/${one}`)).status, 204);
  assertNotFound(await daemon.request('GET', `${SERVED}/${one}/stats`));
});

test('a lease keeps a batch from other workers, and counts how often it was offered', async () => {
  const { topic, feed } = await pair();
  await postAll(topic, 0, 1);
  const first = await nextJson(daemon, feed.id, '?lease=PT0.3S');
  assert.equal(first.deliveryCount, 1);
  assert.equal((await next(daemon, feed.id, '?lease=PT0.3S')).status, 204);
  const again = await nextJson(daemon, feed.id, '?lease=PT10S&wait=PT10S');
  assert.deepEqual(again, { ...first, deliveryCount: 2 });
  await complete(daemon, feed.id, first.batchId);
});

test('tenants: who names none is told so, who names another finds nothing', async () => {
  const { topic, feed } = await pair({ feed: { tenant: 'Acme' } });
  await postAll(topic, 0, 1);
  const none = await next(daemon, feed.id);
  assert.equal(none.status, 400);
  assert.equal(none.json.errorCode, 'MissingTenantHeader');
  assertNotFound(await daemon.request('GET', `${SERVED}/${feed.id}/next`, { headers: { 'X-TENANT-ID': 'other' } }));
  const batch = await daemon.request('GET', `${SERVED}/${feed.id}/next`, { headers: { 'X-TENANT-ID': 'Acme' } });
  assert.equal(batch.json.notifications[0].tenantId, 'Acme');
});

test('event types are listed with examples', async () => {
  const { topic } = await pair({ payload: 'snapshot' });
  const { json } = await daemon.request('GET', `${SERVED}/event-notification-types`);
  const mine = json.eventTypes.filter(({ eventType }) => eventType.startsWith(`${topic.name}:`));
  assert.deepEqual(mine.map((t) => t.eventType.split(':')[1]), ['created', 'updated', 'deleted', 'changed']);
  for (const t of mine) assert.equal(t.example.eventType, t.eventType);
});

test('two consumers racing on one feed: each notification is in one batch, and the batches are in order', async () => {
  const { topic, feed } = await pair({ feed: { batchSize: 3 } });
  const posting = postAll(topic, 0, 60);
  const given = new Map(); // batches as they were first given
  const completed = new Set();
  let both = 0;
  const worker = async () => {
    while ([...completed].flatMap((id) => given.get(id).notifications).length < 60) {
      const answer = await next(daemon, feed.id, '?wait=PT1S');
      if (answer.status === 204) continue;
      const { batchId } = answer.json;
      if (given.has(batchId)) both++;
      assert.deepEqual(answer.json, given.get(batchId) ?? answer.json, 'the same, whoever asks');
      given.set(batchId, answer.json);
      const ended = await complete(daemon, feed.id, batchId);
      // 404: the other one completed it, and was given the next.
      assert.ok(ended.status === 200 || ended.status === 404, ended.text);
      if (ended.status === 200) completed.add(batchId);
    }
  };
  await Promise.all([worker(), worker(), posting]);
  assert.ok(both > 0, 'they never met');
  assert.equal(completed.size, given.size);
  const inOrder = [...given.values()].sort((a, b) => a.batchId - b.batchId).flatMap(payloads);
  assert.deepEqual(inOrder, Array.from({ length: 60 }, (_, n) => ({ n })));
});

test('a feed nobody polls for its retention drops its oldest, and says so; what all have had is removed', async () => {
  const { topic, feed } = await pair({ feed: { retention: 'PT1S' } });
  await postAll(topic, 0, 3);
  await eventually(async () => (await daemon.request('GET', `${SERVED}/${feed.id}/stats`)).json.queued === 0, 'the end of the retention');
  await postAll(topic, 3, 4);
  const batch = await nextJson(daemon, feed.id);
  assert.deepEqual(payloads(batch), [{ n: 3 }]);
  assert.equal(batch.gap.dropped, 3);
  assert.ok(batch.gap.from <= batch.gap.to && batch.gap.to < batch.notifications[0].when);
  await complete(daemon, feed.id, batch.batchId);
  await postAll(topic, 4, 5);
  const open = await next(daemon, feed.id);
  assert.equal(open.json.gap, undefined, 'said once');
  // What is open stays, whoever does not complete it.
  await postAll(topic, 5, 7);
  await eventually(async () => (await daemon.request('GET', `${SERVED}/${feed.id}/stats`)).json.queued === 1, 'the end of the retention');
  assert.equal((await next(daemon, feed.id)).text, open.text);
  await complete(daemon, feed.id, open.json.batchId);
  await postAll(topic, 7, 8);
  const last = await nextJson(daemon, feed.id);
  assert.deepEqual([payloads(last), last.gap.dropped], [[{ n: 7 }], 2]);
});

test('restarts: the open batch is the same, whatever its settings became; nobody polls twice for nothing', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { name: 'x' });
  await createFeed(own, { id: 'f', topics: ['x'], batchSize: 2 });
  for (let n = 0; n < 5; n++) await post(own, topic, { n });
  const first = await next(own, 'f');
  const named = await next(own, 'f/consumers/c');
  assert.equal(named.json.notifications.length, 2);
  await own.request('PATCH', `${FEEDS}/f`, { body: { batchSize: 1, eventTypes: { 'x:event': 'y' } } });
  const waiting = next(own, 'all', '?wait=PT60S');
  await eventually(async () => (await own.request('GET', `${FEEDS}/all`)).json.active, 'feed all');
  await own.stop();
  assert.equal((await waiting).status, 204, 'who waits is answered when the server ends');
  own = await startDaemon({ args: ARGS, data: own.data });
  assert.equal((await next(own, 'f')).text, first.text);
  assert.equal((await next(own, 'f/consumers/c')).text, named.text);
  assert.equal((await complete(own, 'f', first.json.batchId)).status, 200);
  await own.kill();
  own = await startDaemon({ args: ARGS, data: own.data });
  assert.equal((await complete(own, 'f', first.json.batchId)).status, 200, 'completed before');
  const rest = await nextJson(own, 'f');
  assert.deepEqual(rest.notifications.map((n) => [n.eventType, n.payload.n]), [['y', 2]]);
  assert.ok(Number(rest.batchId) > Number(first.json.batchId));
});

test('restarts: what a named consumer asks for is known, also when nothing was there for it', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { name: 'x', payload: 'snapshot' });
  await createFeed(own, { id: 'f', topics: ['x'] });
  const queued = async (name) => (await own.request('GET', `${SERVED}/f/consumers/${name}/stats`)).json.queued;
  const again = async () => {
    await own.kill();
    own = await startDaemon({ args: ARGS, data: own.data });
  };
  assert.equal((await next(own, 'f/consumers/none', '?eventType=*:deleted&eventType=y:*')).status, 204);
  await post(own, topic, [{ id: 1 }, { id: 2 }]);
  const batch = await nextJson(own, 'f/consumers/some', '?eventType=*:created&max=1');
  await post(own, topic, [{ id: 2 }]);
  await again();
  assert.deepEqual([await queued('none'), await queued('some')], [1, 2]);
  assert.equal((await complete(own, 'f/consumers/some', batch.batchId)).status, 200);
  await again();
  assert.deepEqual([await queued('none'), await queued('some')], [1, 1]);
  // Without a filter it is one no more; nor with other settings of the feed.
  assert.equal((await nextJson(own, 'f/consumers/some')).notifications.length, 2);
  assert.equal((await own.request('PATCH', `${FEEDS}/f`, { body: { eventTypes: { 'x:deleted': 'y:gone', 'x:created': 'x:deleted' } } })).status, 200);
  assert.equal(await queued('none'), 3);
  await again();
  assert.deepEqual([await queued('none'), await queued('some')], [3, 2]);
});
