// Feeds as those know them who were written for another server: the paths, the statuses, the fields and the members that are
// documented, and no others; also when the disk is full. And that our feed-poller is such a client of our feeds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { complete, createFeed, createPair, FEEDS, next, nextJson, SERVED } from './lib/feeds.js';
import { ARGS, pollOnce } from './lib/rig.js';
import { canMount, startOnSmallDisk } from './lib/small_disk.js';
import { createFeedTopic, createPostTopic, eventually, follow, isEvent, journalOf, post } from './lib/topics.js';

const V1 = '/eventnotifications/v1';
let daemon;
before(async () => { daemon = await startDaemon({ args: ARGS }); });
after(() => daemon.stop());

const pair = (feed) => createPair(daemon, feed);

// ---- what is documented ----

const FIELDS = ['cache-control', 'content-type'];
const TRANSPORT = ['connection', 'content-length', 'date', 'vary'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$/;
const ERROR = ['type', 'title', 'status', 'traceId'];
const ERRORS = {
  400: ['https://tools.ietf.org/html/rfc7231#section-6.5.1', 'Bad Request'],
  404: ['https://tools.ietf.org/html/rfc7231#section-6.5.4', 'Not Found'],
  405: ['https://tools.ietf.org/html/rfc7231#section-6.5.5', 'Method Not Allowed'],
  503: ['https://tools.ietf.org/html/rfc7231#section-6.6.4', 'Service Unavailable'],
};

// Those that say something of the answer, and not of how it is sent.
function assertFields(answer, expected) {
  assert.deepEqual(Object.keys(answer.headers).filter((name) => !TRANSPORT.includes(name)).sort(), expected);
}

function assertEmpty(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.text, '');
  assertFields(answer, []);
}

function assertError(answer, status, errorCode) {
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual(Object.keys(answer.json), errorCode ? [...ERROR, 'errorCode'] : ERROR);
  assert.deepEqual([answer.json.type, answer.json.title], ERRORS[status]);
  assert.equal(answer.json.status, status);
  assert.match(answer.json.traceId, /^\|[0-9a-f]+-[0-9a-f]+\.$/);
  assert.equal(answer.json.errorCode, errorCode);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assertFields(answer, [...FIELDS, ...status === 503 ? ['retry-after'] : [], ...status === 405 ? ['allow'] : []].sort());
}

function assertNotification(value, url) {
  assert.deepEqual(Object.keys(value), ['id', 'eventType', 'when', 'tenantId', 'causationId', 'correlationId', url, 'payload']);
  for (const name of ['id', 'tenantId', 'causationId', 'correlationId']) assert.match(value[name], UUID);
  assert.match(value.when, TIME);
  assert.match(value.eventType, /^[^:]+:\w+$/);
  assert.equal(typeof value[url], 'string');
}

// A batch of so many, with these members beside the documented ones.
function assertBatch(answer, count, { more = false, url = 'relativeUrl', members = [] } = {}) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/json');
  assertFields(answer, FIELDS);
  assert.deepEqual(Object.keys(answer.json), ['batchId', 'notifications', 'moreAvailable', ...members]);
  assert.match(answer.json.batchId, /^[1-9]\d*$/);
  assert.equal(answer.json.notifications.length, count);
  assert.equal(answer.json.moreAvailable, more);
  for (const each of answer.json.notifications) assertNotification(each, url);
}

for (const [version, base, url] of [['v2', SERVED, 'relativeUrl'], ['v1', V1, 'url']]) {
  const get = (feed, query = '', headers = {}) => daemon.request('GET', `${base}/${feed}/next${query}`, { headers });
  const end = (feed, batchId, options) => daemon.request('POST', `${base}/${feed}/${batchId}/complete`, options);

  test(`${version}: next and complete, in every outcome`, async () => {
    const { topic, id } = await pair();
    assertEmpty(await get(id), 204);
    for (let n = 0; n < 11; n++) await post(daemon, topic, { n });
    const first = await get(id);
    assertBatch(first, 10, { more: true, url });
    const { batchId } = first.json;
    // What others send along changes nothing.
    const again = [await get(id), await get(id, '?api-version=2'), await get(id, '', { 'X-TENANT-ID': 'somebody', Accept: 'application/json, text/plain, */*' })];
    for (const answer of again) assert.equal(answer.text, first.text);
    for (const [feed, batch] of [['none', batchId], [id.toUpperCase(), batchId], [id, '1'], [id, `${batchId}0`], [id, 'x'], [id, '%20']]) {
      assertError(await end(feed, batch), 404);
    }
    for (const feed of ['none', id.toUpperCase()]) assertError(await get(feed), 404);
    assertEmpty(await end(id, batchId), 200);
    assertEmpty(await end(id, batchId, { body: {} }), 200);
    const second = await get(id);
    assertBatch(second, 1, { url });
    assertError(await end(id, batchId), 404);
    assertEmpty(await end(id, second.json.batchId), 200);
    assertEmpty(await get(id), 204);
    assertEmpty(await end(id, second.json.batchId), 200);
  });

  test(`${version}: tenants`, async () => {
    const { topic, id } = await pair({ tenant: 'bded51d4-598e-4079-9cf6-43e74144b415' });
    const mine = { 'X-TENANT-ID': 'bded51d4-598e-4079-9cf6-43e74144b415' };
    await post(daemon, topic, {});
    for (const headers of [{}, { 'X-TENANT-ID': ' ' }]) {
      assertError(await get(id, '', headers), 400, 'MissingTenantHeader');
      assertError(await end(id, '1', { headers }), 400, 'MissingTenantHeader');
    }
    assertError(await get(id, '', { 'X-TENANT-ID': 'another' }), 404);
    const batch = await get(id, '', mine);
    assertBatch(batch, 1, { url });
    assert.equal(batch.json.notifications[0].tenantId, mine['X-TENANT-ID']);
    assertError(await end(id, batch.json.batchId, { headers: { 'X-TENANT-ID': 'another' } }), 404);
    assertEmpty(await end(id, batch.json.batchId, { headers: mine }), 200);
    assertEmpty(await get(id, '', mine), 204);
  });
}

// ---- every documented path, asked well and badly ----

// Feeds that stay as they are, whatever the walk asks of them.
async function walkedFeeds() {
  const empty = (await pair()).feed.id;
  const open = await pair();
  await post(daemon, open.topic, {});
  await next(daemon, open.feed.id);
  const done = await pair();
  for (let n = 0; n < 2; n++) {
    await post(daemon, done.topic, { n });
    const { batchId } = await nextJson(daemon, done.feed.id);
    assertEmpty(await complete(daemon, done.feed.id, batchId), 200);
    done.older = done.completed;
    done.completed = batchId;
  }
  const theirs = await pair({ tenant: 'T' });
  await post(daemon, theirs.topic, {});
  return { empty, open: open.feed.id, done: done.feed.id, older: done.older, completed: done.completed, theirs: theirs.feed.id };
}

// [path, what an existing client may see there: {method: status}]; any other method is 405.
function walked(feeds) {
  const paths = [];
  const nobody = ['none', feeds.open.toUpperCase(), 'Feed1', '%20', '%C3%A9', '.x', 'x'.repeat(300), '0', '{feedId}'];
  const batches = ['1', '0', '-1', 'x', '%20', 'consumers', 'next', `${feeds.completed}0`, `0${feeds.completed}`, `+${feeds.completed}`, '9'.repeat(30), feeds.older];
  for (const base of [SERVED, V1]) {
    paths.push([`${base}/${feeds.empty}/next`, { GET: 204 }], [`${base}/${feeds.open}/next`, { GET: 200 }], [`${base}/${feeds.done}/next`, { GET: 204 }]);
    paths.push([`${base}/${feeds.theirs}/next`, { GET: 400 }], [`${base}/${feeds.theirs}/1/complete`, { POST: 400 }]);
    for (const id of nobody) paths.push([`${base}/${id}/next`, { GET: 404 }], [`${base}/${id}/${feeds.completed}/complete`, { POST: 404 }]);
    for (const id of batches) paths.push([`${base}/${feeds.done}/${id}/complete`, { POST: 404 }], [`${base}/${feeds.empty}/${id}/complete`, { POST: 404 }]);
    paths.push([`${base}/${feeds.done}/${feeds.completed}/complete`, { POST: 200 }]);
    // No such path, whatever the method.
    for (const tail of ['', '/', '//next', `/${feeds.open}`, `/${feeds.open}/Next`, `/${feeds.open}/next/`, `/${feeds.done}//complete`, `/${feeds.done}/${feeds.completed}/Complete`]) paths.push([`${base}${tail}`, undefined]);
  }
  paths.push([`${SERVED}/${feeds.empty}/discardAll`, { PUT: 200 }], [`${SERVED}/${feeds.theirs}/discardAll`, { PUT: 400 }]);
  for (const id of nobody) paths.push([`${SERVED}/${id}/discardAll`, { PUT: 404 }]);
  paths.push([`${V1}/${feeds.open}/discardAll`, undefined], [`${SERVED}/event-notification-types`, { GET: 200 }], ['/eventnotifications/v3/all/next', undefined]);
  return paths;
}

// What comes with a request and changes nothing.
const ALONG = [
  {},
  { query: '?api-version=2', headers: { Accept: 'application/json, text/plain, */*' } },
  { query: '?', headers: { Accept: 'text/html', 'If-None-Match': '*', Range: 'bytes=0-3' } },
  { body: '{}', headers: { 'Content-Type': 'application/json' } },
  { body: 'no JSON', headers: { 'Content-Type': 'text/plain', Accept: 'application/xml' } },
];

// What the status says, and nothing else.
function assertDocumented(path, answer) {
  const { status } = answer;
  if (status >= 400) assertError(answer, status, status === 400 ? 'MissingTenantHeader' : undefined);
  else if (path.endsWith('/next') && status === 200) assertBatch(answer, 1, { url: path.startsWith(V1) ? 'url' : 'relativeUrl' });
  else if (path.endsWith('-types')) assert.deepEqual(Object.keys(answer.json), ['eventTypes']);
  else assertEmpty(answer, status);
}

test('a walk over all documented paths: only the documented codes and fields are seen', async () => {
  const feeds = await walkedFeeds();
  const seen = {};
  for (const [path, offered] of walked(feeds)) {
    const call = path.replace(/^\/eventnotifications\/v\d/, '').replace(/.*\/(?=next$|complete$|discardAll$|event-)/, '');
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const { query = '', ...along } of ALONG) {
        const answer = await daemon.request(method, path + query, along);
        const where = `${method} ${path}${query} ${JSON.stringify(along)}: ${answer.status} ${answer.text}`;
        assert.equal(answer.status, offered ? offered[method] ?? 405 : 404, where);
        try {
          assertDocumented(path, answer);
        } catch (error) {
          throw new Error(where, { cause: error });
        }
        if (answer.status === 405) assert.ok(answer.headers.allow.startsWith(Object.keys(offered)[0]), where);
        if (offered?.[method]) (seen[`${method} ${call}`] ??= new Set()).add(answer.status);
      }
    }
  }
  const all = Object.fromEntries(Object.entries(seen).map(([call, statuses]) => [call, [...statuses].sort()]));
  assert.deepEqual(all, {
    'GET next': [200, 204, 400, 404], 'POST complete': [200, 400, 404], 'PUT discardAll': [200, 400, 404], 'GET event-notification-types': [200],
  });
});

test('v1 knows none of the parameters that are ours', async () => {
  const { topic, id } = await pair();
  for (let n = 0; n < 3; n++) await post(daemon, topic, { n });
  const v1 = await daemon.request('GET', `${V1}/${id}/next?max=1&lease=PT1M&wait=x`);
  assertBatch(v1, 3, { url: 'url' });
  assert.ok(v1.json.notifications[0].url.startsWith(`${daemon.url}/streams/hub/`));
  const v2 = await next(daemon, id);
  assertBatch(v2, 3);
  assert.equal(v2.json.batchId, v1.json.batchId);
});

test('discardAll, in every outcome', async () => {
  const { topic, id } = await pair();
  const discard = (feed, options) => daemon.request('PUT', `${SERVED}/${feed}/discardAll`, options);
  assertEmpty(await discard(id), 200);
  for (let n = 0; n < 12; n++) await post(daemon, topic, { n });
  const { batchId } = await nextJson(daemon, id);
  for (const feed of ['none', id.toUpperCase()]) assertError(await discard(feed), 404);
  assertEmpty(await discard(id, { body: {} }), 200);
  assertEmpty(await next(daemon, id), 204);
  assertError(await complete(daemon, id, batchId), 404);
  assertEmpty(await discard(id), 200);
  const { id: other } = await pair({ tenant: 'T' });
  assertError(await discard(other), 400, 'MissingTenantHeader');
  assertError(await discard(other, { headers: { 'X-TENANT-ID': 'U' } }), 404);
});

test('a gap is told in the next batch, and only there', async () => {
  const { topic, id } = await pair({ retention: 'PT1S' });
  for (let n = 0; n < 3; n++) await post(daemon, topic, { n });
  await eventually(async () => (await daemon.request('GET', `${SERVED}/${id}/stats`)).json.queued === 0, 'the end of the retention');
  await post(daemon, topic, { n: 3 });
  const batch = await next(daemon, id);
  assertBatch(batch, 1, { members: ['gap'] });
  assert.deepEqual(Object.keys(batch.json.gap), ['dropped', 'from', 'to']);
  assert.equal(batch.json.gap.dropped, 3);
  for (const name of ['from', 'to']) assert.match(batch.json.gap[name], TIME);
  await complete(daemon, id, batch.json.batchId);
  await post(daemon, topic, { n: 4 });
  assertBatch(await next(daemon, id), 1);
});

test('event types: documented members, and pages only for those who ask for them', async () => {
  const target = `${SERVED}/event-notification-types`;
  await pair();
  const answer = await daemon.request('GET', target);
  assert.equal(answer.status, 200, answer.text);
  assertFields(answer, ['content-type']);
  assert.deepEqual(Object.keys(answer.json), ['eventTypes']);
  for (const each of answer.json.eventTypes) {
    assert.deepEqual(Object.keys(each), ['eventType', 'title', 'example']);
    assertNotification(each.example, 'relativeUrl');
    assert.equal(each.example.eventType, each.eventType);
  }
  const paged = [];
  for (let at = `${target}?pageSize=2`; at;) {
    const page = await daemon.request('GET', at);
    assert.equal(page.status, 200, page.text);
    assertFields(page, ['content-type', 'link']);
    assert.ok(page.json.eventTypes.length <= 2);
    paged.push(...page.json.eventTypes);
    [, at] = /<([^>]*)>; rel="next"/.exec(page.headers.link) ?? [];
  }
  assert.deepEqual(paged, answer.json.eventTypes);
  assert.deepEqual((await daemon.request('GET', `${target}?page=1000`)).json, { eventTypes: [] });
  for (const query of ['page=0', 'pageSize=1001', 'pageSize=x']) assert.equal((await daemon.request('GET', `${target}?${query}`)).status, 400, query);
});

test('what is ours shows where it is asked for', async () => {
  const { topic, id } = await pair();
  for (let n = 0; n < 3; n++) await post(daemon, topic, { n });
  const leased = await next(daemon, id, '?lease=PT0.1S&max=2');
  assertBatch(leased, 2, { more: true, members: ['deliveryCount'] });
  const plain = await next(daemon, id, '?wait=PT1S');
  assertBatch(plain, 2, { more: true });
  assert.equal(leased.text.replace(/,"deliveryCount":\d+}$/, '}'), plain.text);
  assertBatch(await next(daemon, `${id}/consumers/other`, '?eventType=*:event'), 1); // behind that batch
  const { json: stats } = await daemon.request('GET', `${SERVED}/${id}/stats`);
  for (const name of ['feed', 'consumer', 'queued', 'oldest', 'lag', 'batch', 'sequence', 'head']) assert.ok(name in stats, name);
  for (const target of [`${id}/next?max=0`, `${id}/consumers/other/next?eventType=`, `${id}/consumers/other/next?eventType=a%00b`]) {
    const answer = await daemon.request('GET', `${SERVED}/${target}`);
    assert.equal(answer.status, 400, target);
    assert.ok(answer.json.errors[0].source.parameter, target);
  }
});

// ---- the disk ----

test('a full disk: what cannot be made durable is 503 and is not done; nothing is lost', { skip: !canMount() && 'no file system can be mounted here' }, async (t) => {
  const { daemon: own, fill, empty } = await startOnSmallDisk('4m', { args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { name: 't' });
  await createFeed(own, { id: 'f', topics: ['t'] });
  const promised = [];
  let n = 0;
  const postUntilFull = async (size) => {
    for (let status = 202; status === 202; n++) {
      ({ status } = await post(own, topic, { n, text: 'x'.repeat(size) }));
      if (status === 202) promised.push(n);
      else assert.equal(status, 507);
    }
  };
  const got = [];
  const take = ({ notifications }) => got.push(...notifications.map(({ payload }) => payload.n));

  // A batch that cannot be opened.
  for (; n < 30; n++) {
    assert.equal((await post(own, topic, { n, text: 'x'.repeat(20_000) })).status, 202);
    promised.push(n);
  }
  fill();
  await postUntilFull(20_000);
  for (let i = 0; i < 3; i++) assertError(await next(own, 'f'), 503);
  assertError(await own.request('GET', `${V1}/f/next`), 503);
  empty();
  const first = await next(own, 'f');
  assertBatch(first, 10, { more: true });
  take(first.json);

  // One that cannot be completed: it is given again, which needs no disk.
  fill();
  await postUntilFull(1);
  for (let i = 0; i < 3; i++) {
    assertError(await complete(own, 'f', first.json.batchId), 503);
    assert.equal((await next(own, 'f')).text, first.text);
  }
  assertError(await own.request('PUT', `${SERVED}/f/discardAll`), 503);
  assert.equal((await own.request('GET', `${SERVED}/f/stats`)).json.queued, promised.length);
  await own.line(/request failed.*E_STORE_FULL/);
  empty();
  assert.equal((await complete(own, 'f', first.json.batchId)).status, 200);
  for (let answer; (answer = await next(own, 'f')).status === 200;) {
    take(answer.json);
    assert.equal((await complete(own, 'f', answer.json.batchId)).status, 200);
  }
  assert.deepEqual(got, promised);
});

// ---- one pollcast to the other, as both are by default ----

const quiet = (feed, query = '') => createFeedTopic(daemon, { url: `${daemon.url}${SERVED}/${feed}${query}`, pollingPeriod: 'PT1H' });
const relayed = async (topic) => (await journalOf(daemon, topic)).map(({ data }) => data);

for (const [name, of] of [['a feed', ''], ['batches of a thousand', '?max=1000'], ['a consumer of its own', '/consumers/relay'], ['one that waits', '?wait=PT0.2S']]) {
  test(`a feed-poller empties ${name}`, async () => {
    const { topic, id } = await pair();
    const [path, query = ''] = of.split('?');
    const relay = await quiet(`${id}${path}`, query && `?${query}`);
    assert.equal((await pollOnce(relay, daemon)).exit, 'unchanged');
    for (let n = 0; n < 25; n++) assert.equal((await post(daemon, topic, { n })).status, 202);
    assert.equal((await pollOnce(relay, daemon)).exit, 'ok');
    const all = await relayed(relay);
    assert.deepEqual(all.map(({ payload }) => payload), Array.from({ length: 25 }, (_, n) => ({ n })));
    assert.equal(all[0].eventType, `${topic.name}:event`);
    assert.equal((await pollOnce(relay, daemon)).exit, 'unchanged');
  });
}

test('a feed-poller takes what is large: batches are cut below 1 MB, but for one notification that is larger', async (t) => {
  const { topic, id } = await pair({ batchSize: 1000 });
  const snapshots = await createPostTopic(daemon, { name: `${topic.name}s`, payload: 'snapshot' });
  const feed = await daemon.request('PATCH', `${FEEDS}/${id}`, { body: { topics: [`${topic.name}*`] } });
  assert.equal(feed.status, 200, feed.text);
  const relay = await quiet(id);
  const text = (size) => 'é"\n'.repeat(size / 6); // 4 bytes as sent become 6
  for (let n = 0; n < 40; n++) assert.equal((await post(daemon, topic, { n, text: text(90_000) })).status, 202);
  const { text: bytes, json: batch } = await next(daemon, id);
  assert.ok(Buffer.byteLength(bytes) > 900_000 && Buffer.byteLength(bytes) <= 1_000_000, `${Buffer.byteLength(bytes)} bytes`);
  assert.ok(batch.moreAvailable && batch.notifications.length < 40);
  const largest = 'x'.repeat(1024 * 1024 - 20);
  assert.equal((await post(daemon, topic, { largest })).status, 202);
  for (const c of ['x', 'y']) assert.equal((await post(daemon, snapshots, { rows: [{ id: 1, c: c.repeat(1_000_000) }] })).status, 202);
  let deep = 1;
  for (let i = 0; i < 500; i++) deep = [deep];
  assert.equal((await post(daemon, topic, deep)).status, 202);
  const stream = await follow(t, daemon, relay);
  const seen = [];
  while (seen.length < 44) seen.push(JSON.parse((await stream.next(isEvent)).data));
  assert.deepEqual(seen.slice(0, 40).map(({ payload }) => payload.n), Array.from({ length: 40 }, (_, n) => n));
  assert.deepEqual(seen[40].payload, { largest });
  assert.equal(seen[42].eventType, `${snapshots.name}:updated`);
  assert.deepEqual([seen[42].payload.before.c.length, seen[42].payload.after.c.length], [1_000_000, 1_000_000]);
  assert.deepEqual(seen[43].payload, deep);
  assert.equal((await daemon.request('GET', `${SERVED}/${id}/stats`)).json.queued, 0);
});

test('what changed is told by the document where it would be over four times as large', async () => {
  const { topic, id } = await pair();
  const snapshots = await createPostTopic(daemon, { name: `${topic.name}s`, payload: 'snapshot' });
  await daemon.request('PATCH', `${FEEDS}/${id}`, { body: { topics: [snapshots.name] } });
  const numbers = (first) => Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, first + i % 2]));
  assert.equal((await post(daemon, snapshots, numbers(0))).status, 202);
  assert.equal((await post(daemon, snapshots, { ...numbers(1), rows: [{ id: 1 }] })).status, 202);
  const batch = await nextJson(daemon, id);
  const { payload } = batch.notifications.at(-1);
  assert.deepEqual(Object.keys(payload), ['sequence', 'snapshot']);
  const told = await daemon.request('GET', `/${payload.snapshot}`);
  assert.equal(told.json.m0, 1);
});
