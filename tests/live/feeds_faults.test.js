// What consumers and circumstances do to a served feed: a million notifications queued, everything thrown away while others
// ask, consumers that never complete, a kill between any two calls. Whatever is done, each notification is given in order,
// and goes only by being completed, discarded or dropped.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { complete, createFeed, createPair, FEEDS, next, nextJson, postRange, SERVED } from './lib/feeds.js';
import { createPostTopic, eventually, metric, post } from './lib/topics.js';

const ARGS = ['--loops', '2', '--drain', 'PT0S'];
let daemon;
before(async () => { daemon = await startDaemon({ args: ARGS }); });
after(() => daemon.stop());

const pair = (feed) => createPair(daemon, feed);
const postAll = (...args) => postRange(daemon, ...args);
const numbers = ({ notifications }) => notifications.map(({ payload }) => payload.n);
const upTo = (n) => Array.from({ length: n }, (_, i) => i);
const stats = async (id, of = daemon) => (await of.request('GET', `${SERVED}/${id}/stats`)).json;
const sorted = (values) => [...values].sort((a, b) => a - b);
const median = (values) => sorted(values)[values.length >> 1];

// ---- a million ----

// Sanitizers make each ten times as dear.
const MANY = process.env.SANITIZER ? 100_000 : 1_000_000;
const PART = 50_000; // elements of a document; of the next one they are gone, which is told as well

test(`${MANY} notifications queued: a batch costs what it costs with a hundred, in order, also after kill -9`, async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const many = await createPostTopic(own, { name: 'many', payload: 'snapshot' });
  const few = await createPostTopic(own, { name: 'few', payload: 'snapshot' });
  for (const id of ['many', 'few']) await createFeed(own, { id, topics: [id] });
  const elements = (from, count) => Array.from({ length: count }, (_, i) => ({ id: from + i }));
  assert.equal((await post(own, few, elements(1, 100))).status, 202);
  for (let from = 1, told = 0; told < MANY; from += PART) {
    assert.equal((await post(own, many, elements(from, PART))).status, 202);
    told += from === 1 ? PART : 2 * PART;
  }
  const { queued, head } = await stats('many', own);
  assert.ok(queued >= MANY && head >= queued, `${queued} of ${head}`);

  // In turns, so that what else the machine does is the same for both. One connection: it is not what is looked at.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const took = { many: [], few: [] };
  const keys = [];
  for (let round = 0; round < 9; round++) {
    for (const id of ['few', 'many']) {
      const began = performance.now();
      const { json } = await own.request('GET', `${SERVED}/${id}/next`, { agent });
      assert.equal((await own.request('POST', `${SERVED}/${id}/${json.batchId}/complete`, { agent })).status, 200);
      took[id].push(performance.now() - began);
      if (id === 'many') keys.push(...json.notifications.map(({ payload }) => payload.key));
    }
  }
  assert.deepEqual(keys, upTo(90).map((n) => n + 1));
  assert.ok(median(took.many) < 3 * median(took.few) + 2, JSON.stringify(took));

  const open = await next(own, 'many');
  await own.kill();
  own = await startDaemon({ args: ARGS, data: own.data });
  assert.equal((await next(own, 'many')).text, open.text);
  assert.equal((await stats('many', own)).queued, queued - 90);
  assert.equal((await own.request('PUT', `${SERVED}/many/discardAll`)).status, 200);
  assert.equal((await next(own, 'many')).status, 204);
  assert.equal((await nextJson(own, 'few')).notifications.length, 10);
});

// ---- discardAll ----

test('discardAll while others get, wait and complete: each notification is completed or in the archive, none is both', async () => {
  const { topic, id } = await pair({ batchSize: 3 });
  const discard = () => daemon.request('PUT', `${SERVED}/${id}/discardAll`);
  const completed = [];
  let posted = 0;
  for (let round = 0; round < 24; round++) {
    const from = posted;
    await postAll(topic, from, posted += 5);
    // In each round something else is under way when everything goes.
    const opened = round % 2 ? await nextJson(daemon, id) : undefined;
    const ask = {
      plain: () => next(daemon, id), waits: () => next(daemon, id, '?wait=PT0.05S'), leases: () => next(daemon, id, '?lease=PT10S'),
      ...opened && { completes: () => complete(daemon, id, opened.batchId) },
    };
    const order = Object.keys(ask);
    order.splice(round % (order.length + 1), 0, 'discards');
    const answers = await Promise.all(order.map((who) => (ask[who] ?? discard)()));
    const { discards, completes, ...gets } = Object.fromEntries(order.map((who, i) => [who, answers[i]]));
    assert.equal(discards.status, 200);
    for (const { status, text, json } of Object.values(gets)) {
      assert.ok(status === 204 || status === 200, text);
      if (status === 200) assert.ok(numbers(json).every((n) => n >= from), `${text} was discarded before`);
    }
    if (completes?.status === 200) completed.push(...numbers(opened));
    else if (completes) assert.equal(completes.status, 404, completes.text);
    // Nothing of it is given any more.
    assert.equal((await next(daemon, id)).status, 204, `round ${round}`);
    assert.equal((await stats(id)).queued, 0);
  }
  const archived = [];
  for (let after = 0, more = true; more;) {
    const { json } = await daemon.request('GET', `${FEEDS}/${id}/archive?after=${after}`);
    for (const each of json.discards) { archived.push(...numbers(each)); after = each.sequence; }
    more = json.more;
  }
  assert.ok(completed.length > 0 && archived.length > completed.length, `${completed.length} completed`);
  assert.deepEqual(archived, sorted(archived), 'in order');
  assert.deepEqual(sorted([...archived, ...completed]), upTo(posted));
  await postAll(topic, posted, posted + 1);
  assert.deepEqual(numbers(await nextJson(daemon, id)), [posted], 'what comes after is given');
});

// ---- who never completes ----

test('a consumer that never completes gets the same bytes for ever, and keeps from others nothing', async () => {
  const { topic, id } = await pair({ retention: 'PT1S', batchSize: 2 });
  await postAll(topic, 0, 2);
  const { text } = await next(daemon, `${id}/consumers/stuck`);
  assert.equal((await next(daemon, `${id}/consumers/gone`)).status, 200);
  for (let n = 2; n < 40; n += 2) {
    await postAll(topic, n, n + 2);
    assert.equal((await next(daemon, `${id}/consumers/stuck`, n % 4 ? '?max=1000&wait=PT1S' : '')).text, text);
    // Others go on meanwhile: the feed's own, and one that begins behind its first batch.
    for (const other of [id, `${id}/consumers/other`]) {
      const batch = await nextJson(daemon, other);
      assert.equal((await complete(daemon, other, batch.batchId)).status, 200);
    }
  }
  for (const [who, queued] of [[id, 2], [`${id}/consumers/other`, 0], [`${id}/consumers/stuck`, 40]]) assert.equal((await stats(who)).queued, queued, who);
  // Nor does it lose what is behind its batch, as long as it asks: unlike one that does not.
  await eventually(async () => {
    assert.equal((await next(daemon, `${id}/consumers/stuck`)).text, text);
    return (await stats(`${id}/consumers/gone`)).queued === 2;
  }, 'the end of the retention');
  const stuck = await nextJson(daemon, `${id}/consumers/stuck`);
  assert.equal((await complete(daemon, `${id}/consumers/stuck`, stuck.batchId)).status, 200);
  const rest = await nextJson(daemon, `${id}/consumers/stuck`, '?max=1000');
  assert.deepEqual([numbers(rest), rest.gap], [upTo(40).slice(2), undefined]);
});

test('one that neither completes nor asks is cut by the retention, but for its batch', async () => {
  const { topic, id } = await pair({ retention: 'PT1S', batchSize: 2 });
  const dropped = () => metric(daemon, 'feed_dropped_total');
  const before = await dropped();
  await postAll(topic, 0, 9);
  const { text, json } = await next(daemon, `${id}/consumers/gone`);
  await eventually(async () => (await stats(`${id}/consumers/gone`)).queued === 2, 'the end of the retention');
  assert.ok(await dropped() >= before + 7);
  assert.equal((await next(daemon, `${id}/consumers/gone`)).text, text, 'its batch stays');
  await postAll(topic, 9, 10);
  assert.equal((await complete(daemon, `${id}/consumers/gone`, json.batchId)).status, 200);
  const batch = await nextJson(daemon, `${id}/consumers/gone`);
  assert.deepEqual([numbers(batch), batch.gap.dropped], [[9], 7]);
});

// ---- kill -9 between any two calls ----

test('kill -9 of the server between GET, complete and their repetitions', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { name: 'x' });
  await createFeed(own, { id: 'f', topics: ['x'], batchSize: 2 });
  for (let n = 0; n < 5; n++) assert.equal((await post(own, topic, { n })).status, 202);
  const again = async () => {
    await own.kill();
    own = await startDaemon({ args: ARGS, data: own.data });
  };
  const got = [];
  for (let last = 0; got.length < 5;) {
    const given = await next(own, 'f');
    assert.ok(Number(given.json.batchId) > last);
    await again();
    assert.equal((await next(own, 'f')).text, given.text, 'the same bytes');
    assert.equal((await complete(own, 'f', given.json.batchId)).status, 200);
    await again();
    assert.equal((await complete(own, 'f', given.json.batchId)).status, 200, 'it is completed');
    got.push(...numbers(given.json));
    last = Number(given.json.batchId);
  }
  assert.deepEqual(got, upTo(5));
  await again();
  assert.equal((await next(own, 'f')).status, 204);
});
