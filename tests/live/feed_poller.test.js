// The feed-poller: it empties a feed batch by batch, and whatever the feed does, each notification is in the journal once, in
// order.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startFeed } from './lib/feed_origin.js';
import { startOidc } from './lib/oidc.js';
import { daemon, FAST_RETRIES, PERIOD, pollOnce, rig } from './lib/rig.js';
import { startReceiver, createWebhook } from './lib/receiver.js';
import { createFeedTopic, debugOf, eventually, follow, isEvent, journalOf, nextError, patchConfig, TOPICS } from './lib/topics.js';

rig();

async function feedOf(t, options) {
  const feed = await startFeed(options);
  t.after(() => feed.close());
  return feed;
}

// A topic that polls all the time.
const always = (feed, config = {}, more = {}) => createFeedTopic(daemon, { url: feed.url, pollingPeriod: PERIOD, ...FAST_RETRIES, ...config }, { alwaysOn: true, ...more });
// One that is polled when it is told to.
const quiet = (feed, config = {}) => createFeedTopic(daemon, { url: feed.url, pollingPeriod: 'PT1H', ...FAST_RETRIES, ...config });

const published = async (topic) => (await journalOf(daemon, topic)).map(({ type, data }) => {
  assert.equal(type, 'event');
  return data;
});
const failure = async (topic) => (await debugOf(daemon, topic)).lastPolls.at(-1);

// Each of the feed's notifications, whole, once, in order.
async function assertWhole(feed, topic, expected = feed.all) {
  assert.deepEqual(await published(topic), expected);
}

test('a feed is emptied, batch by batch, at once while it has more', async (t) => {
  const feed = await feedOf(t, { size: 3 });
  feed.push(10);
  const topic = await quiet(feed);
  const outcome = await pollOnce(topic);
  assert.equal(outcome.exit, 'ok');
  await assertWhole(feed, topic);
  assert.ok(feed.empty);
  // The last batch says that there is no more: nobody asks.
  assert.deepEqual(feed.calls.map(({ kind, method }) => `${kind} ${method}`), Array(4).fill(['next GET', 'complete POST']).flat());
  assert.deepEqual(feed.of('complete').map(({ batch }) => batch), feed.completed);
  for (const call of feed.of('complete')) assert.equal(call.headers['content-length'], '0');
  // Nothing is there: the cycle ends, and nothing is published.
  assert.equal((await pollOnce(topic)).exit, 'unchanged');
  assert.equal(feed.empties, 1);
  await assertWhole(feed, topic);
});

test('a subscriber gets each notification, and what comes later too', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  const stream = await follow(t, daemon, await createFeedTopic(daemon, { url: feed.url, pollingPeriod: PERIOD }));
  feed.push(5);
  const got = [];
  for (let i = 0; i < 5; i++) got.push(JSON.parse((await stream.next(isEvent)).data));
  feed.push(2);
  for (let i = 0; i < 2; i++) got.push(JSON.parse((await stream.next(isEvent)).data));
  assert.deepEqual(got, feed.all);
});

test('all requests carry the tenant, the fields and the authorization', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(3);
  const topic = await quiet(feed, { tenantId: 'bded51d4', headers: { 'X-Api-Key': 'k' }, authorization: { type: 'basic', username: 'me', password: 'päss' } });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.equal(feed.calls.length, 4);
  for (const { headers } of feed.calls) {
    assert.equal(headers['x-tenant-id'], 'bded51d4');
    assert.equal(headers['x-api-key'], 'k');
    assert.equal(headers.authorization, `Basic ${Buffer.from('me:päss').toString('base64')}`);
  }
});

test('by OAuth 2.0, with a token that is withdrawn on the way', async (t) => {
  const oidc = await startOidc();
  t.after(() => oidc.close());
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  const guard = async (req, res, answer) => {
    const [, token] = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '') ?? [];
    if (token && (await oidc.introspect(token)).active) answer();
    else res.writeHead(401).end();
  };
  feed.onNext = guard;
  feed.onComplete = async (req, res, answer) => {
    feed.onComplete = guard;
    await oidc.revoke();
    await guard(req, res, answer);
  };
  const topic = await quiet(feed, { authorization: { type: 'oauth2', provider: oidc.provider, ...oidc.clients.header } });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.deepEqual(feed.calls.map(({ kind }) => kind), ['next', 'complete', 'complete', 'next', 'complete']);
  await assertWhole(feed, topic);
  assert.equal(oidc.granted.length, 2);
});

test('a query and odd ids stand in the URLs as they must', async (t) => {
  const feed = await feedOf(t);
  const batchId = 'a/b?c#d e%2f..ü';
  feed.batch = { batchId, notifications: [feed.notification()] };
  const topic = await quiet(feed, { url: `${feed.url}/?zone=eu#top` });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.deepEqual(feed.calls.map(({ url }) => url), [
    '/feeds/journey/next?zone=eu', `/feeds/journey/${encodeURIComponent(batchId)}/complete?zone=eu`,
  ]);
  assert.deepEqual(feed.completed, [batchId]);
});

// ---- what a feed may do ----

test('complete: 404 means that it was done before, so it goes on', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  feed.onComplete = (req, res, answer) => {
    feed.onComplete = undefined;
    feed.finish();
    answer(404);
  };
  const topic = await quiet(feed);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.equal(feed.of('complete').length, 2);
  await assertWhole(feed, topic);
});

test('complete: it is retried as a request, and its answer may be lost', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  const faults = [
    (res, answer) => answer(503),
    (res) => { feed.finish(); res.destroy(); },
  ];
  feed.onComplete = (req, res, answer) => {
    const fault = faults.shift();
    if (fault) fault(res, answer);
    else answer();
  };
  const topic = await quiet(feed);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.equal(feed.of('complete').length, 4); // 503, lost, 404; and the second batch's
  assert.equal(feed.of('next').length, 2);
  await assertWhole(feed, topic);
});

for (const [status, code] of [[500, 70500], [403, 70403], [410, 70410], [302, 70300]]) {
  test(`complete: ${status} for good fails the cycle with ${code}, and the next one only completes`, async (t) => {
    const feed = await feedOf(t, { size: 2 });
    feed.push(4);
    feed.onComplete = (req, res) => res.writeHead(status, { Location: '/elsewhere' }).end();
    const topic = await quiet(feed, { retryMaxAttempts: 1 });
    const stream = await follow(t, daemon, topic);
    for (let i = 0; i < 2; i++) assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), feed.all[i]);
    const error = await nextError(stream);
    assert.equal(error.code, code);
    assert.match(error.message, new RegExp(`status ${status}.*/complete`));
    assert.equal(feed.of('complete').length, status === 500 ? 2 : 1);
    feed.onComplete = undefined;
    const { batchId } = feed.batch;
    await daemon.request('POST', `${TOPICS}/${topic.id}/poll`);
    for (let i = 2; i < 4; i++) assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), feed.all[i]);
    await feed.until(() => feed.empty, 'empty');
    assert.equal(feed.completed[0], batchId);
    await assertWhole(feed, topic);
  });
}

for (const [name, headers, from, to] of [
  ['Retry-After', { 'Retry-After': '7' }, 5, 7],
  ['X-Rate-Limit-Reset in seconds', { 'X-Rate-Limit-Reset': '30' }, 25, 30],
  ['X-Rate-Limit-Reset since 1970', () => ({ 'X-Rate-Limit-Reset': String(Math.floor(Date.now() / 1000) + 40) }), 33, 40],
  ['both: the later', { 'Retry-After': '5', 'X-Rate-Limit-Reset': '60' }, 50, 60],
]) {
  test(`429 with ${name}`, async (t) => {
    const feed = await feedOf(t);
    feed.onNext = (req, res) => res.writeHead(429, typeof headers === 'function' ? headers() : headers).end();
    const topic = await always(feed);
    await feed.until(() => feed.of('next').length > 0, 'the request');
    const { poller } = await eventually(async () => {
      const debug = await debugOf(daemon, topic);
      return debug.lastPolls.length > 0 ? debug : undefined;
    }, 'the outcome');
    const wait = Number(/^PT([\d.]+)S$/.exec(poller.askedToWait)?.[1]);
    assert.ok(wait > from && wait <= to + 0.1, `${JSON.stringify(poller)}: ${wait} s`);
    assert.equal((await failure(topic)).status, 429);
  });
}

test('a batch that comes again, in another order and under another id, is published once', async (t) => {
  const feed = await feedOf(t, { size: 4 });
  feed.push(4);
  const topic = await quiet(feed, { retryMaxAttempts: 0 });
  feed.onComplete = (req, res) => res.writeHead(400).end();
  assert.equal((await pollOnce(topic)).exit, 'error');
  feed.batch.notifications.reverse();
  assert.equal((await pollOnce(topic)).exit, 'error');
  feed.batch.batchId = 'another';
  assert.equal((await pollOnce(topic)).exit, 'error');
  feed.onComplete = undefined;
  assert.equal((await pollOnce(topic)).exit, 'unchanged');
  assert.deepEqual(feed.completed, ['another']);
  await assertWhole(feed, topic);
});

test('a batch that is changed under us: what is new in it is published, and that is said', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(2);
  const topic = await quiet(feed, { retryMaxAttempts: 0 });
  feed.onComplete = (req, res) => res.writeHead(400).end();
  assert.equal((await pollOnce(topic)).exit, 'error');
  const [one, two] = feed.batch.notifications;
  feed.batch.notifications = [feed.notification(), two, feed.notification()];
  feed.onComplete = undefined;
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.deepEqual((await published(topic)).map(({ id }) => id), [one, two, ...feed.all.slice(2)].map(({ id }) => id));
  await daemon.line(new RegExp(`a batch came again with other notifications.*${topic.name}`));
});

test('a notification twice in one batch is published once', async (t) => {
  const feed = await feedOf(t);
  const twice = feed.notification();
  feed.batch = { batchId: '1', notifications: [twice, twice, feed.notification()] };
  const topic = await quiet(feed);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  await assertWhole(feed, topic);
});

test('an empty batch is completed', async (t) => {
  const feed = await feedOf(t);
  feed.batch = { batchId: '1', notifications: [] };
  const topic = await quiet(feed);
  assert.equal((await pollOnce(topic)).exit, 'unchanged');
  assert.deepEqual(feed.completed, ['1']);
});

test('a feed that does not move ends the cycle, and what it gives is published once', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  feed.onComplete = (req, res) => res.writeHead(200).end();
  const topic = await quiet(feed);
  const stream = await follow(t, daemon, topic);
  for (let i = 0; i < 2; i++) assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), feed.all[i]);
  const error = await nextError(stream);
  assert.equal(error.code, 70012);
  assert.match(error.message, new RegExp(`batch "${feed.batch.batchId}" again.*do not move`));
  // Nobody follows any more. Nothing waits behind it: that it comes again is seen in the next cycle.
  stream.close();
  await eventually(async () => !(await debugOf(daemon, topic)).poller.running, 'the end');
  feed.waiting.pop();
  feed.waiting.pop();
  const before = feed.of('complete').length;
  assert.equal((await pollOnce(topic)).exit, 'error');
  assert.equal(feed.of('complete').length, before + 1);
  await assertWhole(feed, topic, feed.all.slice(0, 2));
  // It moves again.
  feed.onComplete = undefined;
  feed.push(1);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  await assertWhole(feed, topic, [...feed.all.slice(0, 2), feed.all[4]]);
});

test('a feed that has more for ever is left alone after so many batches, as a success', async (t) => {
  const feed = await feedOf(t, { size: 1 });
  feed.onNext = (req, res, answer) => {
    if (!feed.batch) feed.push(2 - feed.waiting.length);
    answer();
  };
  const topic = await quiet(feed);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.ok(feed.completed.length > 100 && feed.completed.length <= 1000, `${feed.completed.length} batches`);
  await assertWhole(feed, topic, feed.all.slice(0, feed.completed.length));
});

const good = { batchId: '1', notifications: [{ id: 'a' }], moreAvailable: false };
for (const [name, batch, says] of [
  ['no JSON', '{"batchId":', /JSON/],
  ['no object', [1], /the whole: expected an object, found/],
  ['no batchId', { ...good, batchId: undefined }, /\/batchId: expected a string, found nothing/],
  ['a batchId that is a number', { ...good, batchId: 1 }, /\/batchId: expected a string, found/],
  ['an empty batchId', { ...good, batchId: '' }, /\/batchId: expected 1 to 256 bytes, found 0/],
  ['a batchId that leads elsewhere', { ...good, batchId: '..' }, /\/batchId: ".." cannot stand in a URL/],
  ['a batchId with a line break', { ...good, batchId: 'a\r\nb' }, /\/batchId: expected a string without control characters/],
  ['no notifications', { ...good, notifications: undefined }, /\/notifications: expected an array, found nothing/],
  ['notifications that are an object', { ...good, notifications: {} }, /\/notifications: expected an array/],
  ['a notification that is no object', { ...good, notifications: [{ id: 'a' }, 7] }, /\/notifications\/1: expected an object/],
  ['a notification without an id', { ...good, notifications: [{ id: 'a' }, { id: 'b' }, {}] }, /\/notifications\/2\/id: expected a string, found nothing/],
  ['an id that is null', { ...good, notifications: [{ id: null }] }, /\/notifications\/0\/id: expected a string/],
  ['an id that is too long', { ...good, notifications: [{ id: 'x'.repeat(257) }] }, /\/notifications\/0\/id: expected 1 to 256 bytes, found 257/],
  ['too many notifications', { ...good, notifications: Array.from({ length: 1001 }, (_, i) => ({ id: `${i}` })) }, /\/notifications: expected at most 1000, found 1001/],
  ['moreAvailable that is a text', { ...good, moreAvailable: 'no' }, /\/moreAvailable: expected true or false/],
]) {
  test(`a batch that is not as documented: ${name}`, async (t) => {
    const feed = await feedOf(t);
    feed.onNext = (req, res) => feed.json(res, batch);
    const stream = await follow(t, daemon, await quiet(feed));
    const error = await nextError(stream);
    assert.equal(error.code, 70016);
    assert.match(error.message, says);
    assert.equal(feed.of('complete').length, 0);
  });
}

test('a batch over the size limit is error 70015', async (t) => {
  const feed = await feedOf(t);
  feed.onNext = (req, res) => feed.json(res, { ...good, notifications: [{ id: 'a', payload: 'x'.repeat(5200 * 1024) }] });
  const stream = await follow(t, daemon, await quiet(feed));
  assert.equal((await nextError(stream)).code, 70015);
  assert.equal(feed.of('complete').length, 0);
});

test('a batch of a thousand is one', async (t) => {
  const feed = await feedOf(t, { size: 1000 });
  feed.push(1500);
  const topic = await quiet(feed);
  const stream = await follow(t, daemon, topic);
  for (let i = 0; i < 1500; i++) assert.equal(JSON.parse((await stream.next(isEvent)).data).id, feed.all[i].id);
  await feed.until(() => feed.empty, 'empty');
  // In parts, for each of which it is asked for: 128 notifications, and the last one.
  assert.deepEqual(feed.calls.map(({ kind }) => kind), [...Array(8).fill('next'), 'complete', ...Array(4).fill('next'), 'complete']);
  await assertWhole(feed, topic);
});

test('large notifications are published few at a time, for readers that keep up', async (t) => {
  const feed = await feedOf(t);
  const { startDaemon } = await import('./lib/daemon.js');
  const roomy = await startDaemon({ args: ['--payload-max-bytes', '8MiB', '--drain', 'PT0S'] });
  t.after(() => roomy.stop());
  feed.waiting = Array.from({ length: 10 }, () => feed.notification({ text: 'x'.repeat(400 * 1024) }));
  const topic = await createFeedTopic(roomy, { url: feed.url });
  const stream = await follow(t, roomy, topic);
  for (let i = 0; i < 10; i++) assert.equal(JSON.parse((await stream.next(isEvent)).data).id, feed.all[i].id);
  await feed.until(() => feed.empty, 'empty');
  assert.equal(feed.completed.length, 1);
});

test('a feed that is there no more, or never was, is error 70404', async (t) => {
  const feed = await feedOf(t);
  const stream = await follow(t, daemon, await quiet(feed, { url: `${feed.base}/feeds/Journey` }));
  assert.equal((await nextError(stream)).code, 70404);
});

// ---- when it is completed ----

test('completeAfter delivered: not before every subscription that lasts has it', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  const subscribers = [{ type: 'sse' }, { type: 'webhook' }];
  // The first batch is given when both subscriptions are there.
  let give;
  feed.onNext = (req, res, answer) => {
    give = answer;
    feed.onNext = undefined;
  };
  const topic = await createFeedTopic(daemon, { url: feed.url, pollingPeriod: 'PT1H', completeAfter: 'delivered' }, { subscribers });
  const hooks = [await startReceiver(t), await startReceiver(t)];
  let held;
  hooks[1].answer = (call, res) => { held = res; };
  for (const hook of hooks) await createWebhook(daemon, topic, { webhookUrl: hook.url(), subscriptionMode: 'event' });
  await feed.until(() => give, 'the first next');
  give();
  const given = (hook) => hook.calls.flatMap(({ json }) => json).map((value) => value.id ?? value);
  await hooks[0].came(2);
  await hooks[1].came(1);
  assert.equal(feed.of('complete').length, 0);
  assert.equal(feed.of('next').length, 1);
  hooks[1].answer = undefined;
  held.end();
  await feed.until(() => feed.empty, 'empty');
  await hooks[1].came(4);
  assert.equal(given(hooks[1]).length, 4);
  assert.equal(feed.completed.length, 2);
  await assertWhole(feed, topic);
});

test('completeAfter delivered: without such a subscription it is completed at once', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  const topic = await quiet(feed, { completeAfter: 'delivered' });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.ok(feed.empty);
});

// ---- in the middle of a cycle ----

test('a topic that is deleted while it completes', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  let closed = false;
  feed.onComplete = (req, res) => res.on('close', () => {
    closed = true;
    feed.tell();
  });
  const topic = await always(feed);
  await feed.until(() => feed.of('complete').length > 0, 'complete');
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  await feed.until(() => closed, 'the request is given up');
  // Another one begins anew.
  feed.onComplete = undefined;
  const other = await quiet(feed);
  assert.equal((await pollOnce(other)).exit, 'ok');
  await assertWhole(feed, other);
});

test('settings that are changed while it completes: the batch is completed, and published once', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(4);
  feed.onComplete = () => {};
  const topic = await always(feed);
  await feed.until(() => feed.of('complete').length > 0, 'complete');
  feed.onComplete = undefined;
  await patchConfig(daemon, topic, { headers: { 'X-New': 'yes' } });
  await feed.until(() => feed.empty, 'empty');
  assert.equal(feed.calls.at(-1).headers['x-new'], 'yes');
  await eventually(async () => (await published(topic)).length === 4, 'all');
  await assertWhole(feed, topic);
});

test('settings that are changed again and again, wherever a cycle is: each notification once', async (t) => {
  const feed = await feedOf(t, { size: 3 });
  const topic = await always(feed, { retryMaxAttempts: 0 });
  feed.onNext = (req, res, answer) => {
    if (feed.waiting.length < 20) feed.push(5);
    answer();
  };
  for (let i = 0; i < 100; i++) {
    await patchConfig(daemon, topic, { headers: { 'X-Round': String(i) } });
    const { length } = feed.calls;
    if (i % 3) await feed.until(() => feed.calls.length > length + i % 4, 'requests');
  }
  feed.onNext = undefined;
  await feed.until(() => feed.empty, 'empty');
  await eventually(async () => (await published(topic)).length >= feed.all.length, 'all');
  await assertWhole(feed, topic);
  assert.ok(feed.all.length > 100, `${feed.all.length}`);
});

test('the same ids at another feed are other notifications', async (t) => {
  const feeds = [await feedOf(t), await feedOf(t)];
  for (const [i, feed] of feeds.entries()) feed.batch = { batchId: '1', notifications: [{ id: '1', of: i }] };
  const topic = await quiet(feeds[0]);
  assert.equal((await pollOnce(topic)).exit, 'ok');
  await patchConfig(daemon, topic, { url: feeds[1].url });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.deepEqual(await published(topic), [{ id: '1', of: 0 }, { id: '1', of: 1 }]);
  assert.ok(feeds[1].empty);
});

test('a slow feed fails by the deadline of the cycle; nothing is lost', async (t) => {
  const feed = await feedOf(t);
  feed.push(2);
  const { startDaemon } = await import('./lib/daemon.js');
  const impatient = await startDaemon({ args: ['--poll-min-period', PERIOD, '--poll-deadline', 'PT1S', '--drain', 'PT0S'] });
  t.after(() => impatient.stop());
  let slow = true;
  feed.onNext = (req, res, answer) => { if (!slow) answer(); };
  const topic = await createFeedTopic(impatient, { url: feed.url, pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, impatient, topic);
  assert.equal((await nextError(stream)).code, 70013);
  slow = false;
  for (let i = 0; i < 2; i++) assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), feed.all[i]);
});

// ---- a look without consequences ----

test('topics:test shows the batch and leaves it where it is', async (t) => {
  const feed = await feedOf(t, { size: 2 });
  feed.push(3);
  const publisher = { type: 'feed-poller', config: { url: feed.url, tenantId: 'me' }, payload: { type: 'event' } };
  for (let i = 0; i < 2; i++) {
    const { status, json, text } = await daemon.request('POST', `${TOPICS}:test`, { body: { name: `look ${process.pid}`, publisher } });
    assert.equal(status, 200, text);
    assert.deepEqual(json.payload, feed.all.slice(0, 2));
    assert.equal(json.result.outcome, 'event');
  }
  assert.deepEqual(feed.calls.map(({ kind }) => kind), ['next', 'next']);
});

// ---- settings ----

test('settings that are refused', async () => {
  const url = 'http://127.0.0.1:9/feeds/journey';
  const attempt = (config, payload = { type: 'event' }) => daemon.request('POST', TOPICS, { body: { name: `refused ${process.pid}`, publisher: { type: 'feed-poller', config, payload } } });
  for (const [answer, pointer, says] of [
    [await attempt({}), '/publisher/config/url', /required/],
    [await attempt({ url }, { type: 'snapshot' }), '/publisher/payload/type', /feed-poller.*expected "event", found "snapshot"/],
    [await attempt({ url }, null), '/publisher/payload/type', /expected "event"/],
    [await attempt({ url, completeAfter: 'never' }), '/publisher/config/completeAfter', /stored/],
    [await attempt({ url, tenantId: '' }), '/publisher/config/tenantId', /1 to 256/],
    [await attempt({ url, tenantId: 'a', headers: { 'x-tenant-id': 'b' } }), '/publisher/config/headers/x-tenant-id', /beside the attribute tenantId/],
    [await attempt({ url, pagination: {} }), '/publisher/config/pagination', /unknown attribute/],
  ]) {
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.json.errors.length, 1, answer.text);
    assert.equal(answer.json.errors[0].source.pointer, pointer);
    assert.match(answer.json.errors[0].detail, says);
  }
});
