// The Kafka sink against librdkafka's mock brokers: records, order, failures of brokers and of the server.
import assert from 'node:assert/strict';
import { after, test as run } from 'node:test';

import { assertErrors } from './lib/api.js';
import { startDaemon } from './lib/daemon.js';
import { startCluster, API, ERROR } from './lib/kafka.js';
import { ARGS, daemon, newPath, origin, PERIOD, rig } from './lib/rig.js';
import { createPostTopic, createTopic as createPolled, debugOf, eventually, metric, post, postedSeq } from './lib/topics.js';

const KAFKA = '/streams/subscribers/kafka/api/v1';
const RETRIES = ['--subscription-retry-initial', 'PT0.05S', '--subscription-retry-max', 'PT0.2S'];

// librdkafka makes its threads in a way that the thread sanitizer does not know, and dies of it.
const test = process.env.SANITIZER === 'thread' ? run.skip : run;

let cluster;
rig({ args: [...ARGS, ...RETRIES] }, async () => { cluster = test === run ? await startCluster(2) : undefined; });
after(() => cluster?.close());

let unique = 0;
const newName = () => `records-${++unique}`;

const kafkaTopic = (partitions) => cluster.topic(newName(), partitions);

function createTopic(payload = 'event', on = daemon) {
  return createPostTopic(on, { payload, subscribers: [{ type: 'kafka' }] });
}

async function subscribe(topic, kafka, more = {}, on = daemon) {
  const body = { bootstrapServers: cluster.bootstrap, topic: kafka, ...more };
  const answer = await on.request('POST', `${KAFKA}/topics/${topic.id}/subscriptions`, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

async function deliveryOf(subscription, on = daemon) {
  const answer = await on.request('GET', `${KAFKA}/subscriptions/${subscription.id}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.delivery;
}

async function setStatus(subscription, status, on = daemon) {
  const answer = await on.request('PATCH', `${KAFKA}/subscriptions/${subscription.id}`, { body: { subscriptionStatus: status } });
  assert.equal(answer.status, 200, answer.text);
}

async function postMany(topic, from, to, on = daemon) {
  for (let n = from; n <= to; n++) postedSeq(await post(on, topic, { n }), topic);
}


// What became of a subscription, once this is true of it.
function untilDelivery(subscription, isSo, what, on = daemon) {
  return eventually(async () => {
    const now = await deliveryOf(subscription, on);
    return isSo(now) && now;
  }, what);
}

// Each n from `from` to `to` arrived, for the first time in this order. Returns how many came again.
function assertOrder(records, from, to) {
  const seen = new Set();
  for (const { json } of records) {
    if (seen.has(json.n)) continue;
    assert.equal(json.n, from + seen.size, `after ${[...seen].at(-1)} came ${json.n}`);
    seen.add(json.n);
  }
  assert.equal(seen.size, to - from + 1);
  return records.length - seen.size;
}

const has = (n) => (records) => records.some(({ json }) => json.n === n);

// ---- records ----

test('a record has the key, the payload, the headers and the time of the event', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  const before = Date.now();
  const answer = await post(daemon, topic, '{"n": 1, "text": "ä\\u0001"}');
  const seq = postedSeq(answer, topic);
  const [record] = await cluster.count(kafka, 1);
  assert.equal(record.key, topic.id);
  assert.deepEqual(record.json, { n: 1, text: 'ä\u0001' });
  assert.deepEqual(record.headers, [
    ['X-Axway-Streams-Subscription-Id', subscription.id],
    ['X-Axway-Streams-Topic-Id', topic.id],
    ['X-Axway-Streams-Event-Id', `${topic.id}#${seq}`],
    ['X-Axway-Streams-Event-Type', 'event'],
  ]);
  assert.ok(record.timestamp >= before && record.timestamp <= Date.now());
  const delivery = await untilDelivery(subscription, (now) => now.behind === 0, 'the cursor');
  assert.equal(delivery.delivered, 1);
  assert.equal(delivery.cursor, `${topic.id}#${seq}`);
  assert.equal(delivery.lastError, null);
});

test('keys fall to partitions as with clients of Kafka itself, unless one is named', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic(7);
  const wanted = [
    [{ recordKey: 'kafka' }, 'kafka', 3], // murmur2 of both is known
    [{ recordKey: 'giberish123456789' }, 'giberish123456789', 5],
    [{ recordKey: 'kafka', partition: 4 }, 'kafka', 4],
    [{ partition: 0 }, topic.id, 0],
  ];
  const ids = [];
  for (const [more] of wanted) ids.push((await subscribe(topic, kafka, more)).id);
  await postMany(topic, 1, 3);
  const records = await cluster.count(kafka, 12);
  wanted.forEach(([, key, partition], i) => {
    const own = records.filter((record) => record.header('X-Axway-Streams-Subscription-Id') === ids[i]);
    assert.deepEqual(own.map((record) => [record.key, record.partition, record.json.n]), [1, 2, 3].map((n) => [key, partition, n]));
  });
});

test('modes: a snapshot and patches, or snapshots alone', async () => {
  const topic = await createTopic('snapshot');
  const [patches, snapshots] = [await kafkaTopic(), await kafkaTopic()];
  await post(daemon, topic, { a: 1, long: 'x'.repeat(500) });
  await subscribe(topic, patches);
  await subscribe(topic, snapshots, { subscriptionMode: 'snapshot-only' });
  const typeOf = (record) => record.header('X-Axway-Streams-Event-Type');
  await cluster.count(patches, 1);
  await cluster.count(snapshots, 1);
  await post(daemon, topic, { a: 2, long: 'x'.repeat(500) });
  const [first, second] = await cluster.count(patches, 2);
  assert.deepEqual([typeOf(first), first.json.a], ['snapshot', 1]);
  assert.deepEqual([typeOf(second), second.json], ['patch', [{ op: 'replace', path: '/a', value: 2 }]]);
  const documents = await cluster.count(snapshots, 2);
  assert.deepEqual(documents.map((record) => [typeOf(record), record.json.a]), [['snapshot', 1], ['snapshot', 2]]);
});

test('mode changes: which elements were created, updated and deleted', async () => {
  const topic = await createTopic('snapshot');
  const kafka = await kafkaTopic();
  const list = (...items) => ({ items: items.map(([id, n]) => ({ id, n, filler: 'x'.repeat(50) })) });
  await post(daemon, topic, list([1, 0], [2, 0], [3, 0]));
  await subscribe(topic, kafka, { subscriptionMode: 'changes' });
  await cluster.count(kafka, 1);
  await post(daemon, topic, list([1, 1], [3, 0], [4, 0]));
  const [first, second] = await cluster.count(kafka, 2);
  assert.deepEqual([first, second].map((record) => record.header('X-Axway-Streams-Event-Type')), ['snapshot', 'changes']);
  assert.deepEqual(second.json.map(({ op, key }) => `${op} ${key}`).sort(), ['created 4', 'deleted 2', 'updated 1']);
});

test('CloudEvents in structured mode', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  await subscribe(topic, kafka, { format: 'cloudevents' });
  const seq = postedSeq(await post(daemon, topic, { n: 7 }), topic);
  const [record] = await cluster.count(kafka, 1);
  assert.equal(record.header('content-type'), 'application/cloudevents+json; charset=UTF-8');
  assert.equal(record.header('X-Axway-Streams-Event-Id'), `${topic.id}#${seq}`);
  const { time, ...event } = record.json;
  assert.deepEqual(event, {
    specversion: '1.0',
    id: `${topic.id}#${seq}`,
    source: `/streams/hub/api/v1/topics/${topic.id}`,
    type: 'pollcast.event',
    datacontenttype: 'application/json',
    subject: topic.name,
    data: { n: 7 },
  });
  assert.equal(Date.parse(time), record.timestamp);
});

test('many events: all, in order, none twice; subscriptions of a loop share their producer', async () => {
  const topics = [await createTopic(), await createTopic(), await createTopic(), await createTopic()];
  const kafka = await Promise.all(topics.map(() => kafkaTopic(3)));
  for (const [i, topic] of topics.entries()) await subscribe(topic, kafka[i]);
  await Promise.all(topics.map((topic) => postMany(topic, 1, 700)));
  for (const name of kafka) {
    const records = await cluster.count(name, 700);
    assert.equal(assertOrder(records, 1, 700), 0);
    assert.equal(new Set(records.map((record) => record.partition)).size, 1);
  }
  assert.ok(await metric(daemon, 'kafka_producers') <= 2);
});

// librdkafka takes 10 000 at once, of all subscriptions of a producer together.
test('more events than a producer takes at once', async (t) => {
  const own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', ...RETRIES] });
  t.after(() => own.stop());
  const topic = await createTopic('event', own);
  const kafka = await kafkaTopic(8);
  for (const broker of [1, 2]) await cluster.tell('down', broker);
  const ids = [];
  for (let i = 0; i < 24; i++) ids.push((await subscribe(topic, kafka, { partition: i % 8 }, own)).id);
  await postMany(topic, 1, 500, own);
  for (const broker of [1, 2]) await cluster.tell('up', broker);
  const records = await cluster.count(kafka, 24 * 500);
  for (const id of ids) {
    const its = records.filter((record) => record.header('X-Axway-Streams-Subscription-Id') === id);
    assert.equal(assertOrder(its, 1, 500), 0);
  }
});

// ---- being told what to do ----

test('suspended: nothing; active again: what was missed', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  await postMany(topic, 1, 2);
  await cluster.count(kafka, 2);
  await untilDelivery(subscription, (now) => now.behind === 0, 'the cursor');
  await setStatus(subscription, 'suspended');
  await postMany(topic, 3, 5);
  const refused = await daemon.request('POST', `${KAFKA}/subscriptions/${subscription.id}/test`, { body: {} });
  assert.equal(refused.status, 409);
  assert.equal(cluster.of(kafka).length, 2);
  await setStatus(subscription, 'active');
  assert.equal(assertOrder(await cluster.count(kafka, 5), 1, 5), 0);
});

test('a source is polled while a subscription is active, and no longer', async () => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createPolled(daemon, { url: origin.url(at), pollingPeriod: PERIOD }, { subscribers: [{ type: 'kafka' }] });
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka, { subscriptionStatus: 'suspended' });
  assert.equal((await debugOf(daemon, topic)).poller.running, false);
  await setStatus(subscription, 'active');
  assert.deepEqual((await cluster.count(kafka, 1))[0].json, { a: 1 });
  await origin.asked(at, 3);
  await setStatus(subscription, 'suspended');
  await eventually(async () => !(await debugOf(daemon, topic)).poller.running, 'the poller to stop');
});

test('subscriptions are shown, listed in the order that is asked for, and deleted', async () => {
  const topic = await createTopic('snapshot');
  const all = `${KAFKA}/topics/${topic.id}/subscriptions`;
  const made = [];
  for (const [bootstrapServers, kafka, partition, recordKey, subscriptionMode] of [
    ['b.example:9092', 'x', 10, 'l', 'snapshot-patch'], ['a.example:9092', 'z', 9, 'm', 'snapshot-only'], ['c.example:9092', 'y', 11, 'k', 'snapshot-patch'],
  ]) {
    made.push(await subscribe(topic, kafka, { bootstrapServers, partition, recordKey, subscriptionMode, subscriptionStatus: 'suspended' }));
  }
  const [one, two, three] = made.map(({ id }) => id);
  for (const [sort, ids] of [
    ['kafkaBootstrapServers', [two, one, three]], ['kafkaBootstrapServers,DESC', [three, one, two]], ['kafkaTopic', [one, three, two]],
    ['kafkaPartition', [two, one, three]], ['kafkaRecordKey', [three, one, two]], ['subscriptionMode&sort=kafkaTopic,DESC', [two, three, one]],
  ]) {
    const { status, text, json } = await daemon.request('GET', `${all}?sort=${sort}`);
    assert.equal(status, 200, text);
    assert.deepEqual(json.items.map(({ id }) => id), ids, sort);
  }
  assertErrors(await daemon.request('GET', `${all}?sort=webhookUrl`), 400, { parameter: 'sort' });
  for (const target of [`${all}/${one}`, `${KAFKA}/subscriptions/${one}`]) {
    const { delivery, ...shown } = (await daemon.request('GET', target)).json;
    assert.deepEqual([shown, delivery.delivered], [made[0], 0]);
  }
  assert.equal((await daemon.request('DELETE', `${all}/${one}`)).status, 204);
  assertErrors(await daemon.request('GET', `${KAFKA}/subscriptions/${one}`), 404, { says: /no kafka subscription/ });
  assert.equal((await daemon.request('GET', all)).json.items.length, 2);
});

test('a test writes the body as it is', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka, { recordKey: 'k', format: 'cloudevents' });
  for (const path of [`/subscriptions/${subscription.id}`, `/topics/${topic.id}/subscriptions/${subscription.id}`]) {
    const answer = await daemon.request('POST', `${KAFKA}${path}/test`, { body: '{"any":  [1]}' });
    assert.equal(answer.status, 202, answer.text);
  }
  for (const record of await cluster.count(kafka, 2)) {
    assert.equal(record.value, '{"any":  [1]}');
    assert.equal(record.key, 'k');
    assert.deepEqual(record.headers, [
      ['X-Axway-Streams-Subscription-Id', subscription.id],
      ['X-Axway-Streams-Topic-Id', topic.id],
    ]);
  }
  const delivery = await deliveryOf(subscription);
  assert.deepEqual([delivery.delivered, delivery.failed], [0, 0]);
});

test('what is no subscription', async () => {
  const topic = await createTopic();
  const good = { bootstrapServers: 'a.example:9092', topic: 't' };
  const sasl = { mechanism: 'plain', username: 'u', password: 'p' };
  const wrong = [
    [{ topic: 't' }, '/bootstrapServers', /required/],
    [{ bootstrapServers: 'a:1' }, '/topic', /required/],
    ...['a', 'a:', 'a:0', 'a:65536', 'a:x', ':9092', 'a:1,', ',a:1', 'a:1;b:2', 'http://a:1', '[::1]', '[x]:1', 'a b:1', 'a:1:2'].map((text) =>
      [{ ...good, bootstrapServers: text }, '/bootstrapServers', /expected host:port/]),
    [{ ...good, bootstrapServers: Array(65).fill('a:1').join() }, '/bootstrapServers', /at most 64 servers/],
    ...['.', '..', 'a/b', 'ä', 'a b'].map((text) => [{ ...good, topic: text }, '/topic', /name of a Kafka topic/]),
    [{ ...good, topic: 'x'.repeat(250) }, '/topic', /249/],
    [{ ...good, partition: -1 }, '/partition', /between 0 and/],
    [{ ...good, partition: 2147483648 }, '/partition', /between 0 and/],
    [{ ...good, partition: 1.5 }, '/partition', /integer/],
    [{ ...good, partition: '1' }, '/partition', /integer/],
    [{ ...good, recordKey: '' }, '/recordKey', /1/],
    [{ ...good, format: 'avro' }, '/format', /cloudevents/],
    [{ ...good, subscriptionMode: 'snapshot-only' }, '/subscriptionMode', /offers/],
    [{ ...good, authorization: { sasl } }, '/authorization/type', /required/],
    [{ ...good, authorization: { type: 'sasl_ssl' } }, '/authorization/sasl', /required/],
    [{ ...good, authorization: { type: 'ssl', sasl } }, '/authorization/type', /ssl/],
    [{ ...good, authorization: { type: 'sasl_ssl', sasl: { ...sasl, mechanism: 'gssapi' } } }, '/authorization/sasl/mechanism', /gssapi/],
    ...['mechanism', 'username', 'password'].map((name) =>
      [{ ...good, authorization: { type: 'sasl_ssl', sasl: { ...sasl, [name]: null } } }, `/authorization/sasl/${name}`, /required/]),
    [{ ...good, authorization: { type: 'sasl_ssl', sasl: { ...sasl, password: '${env:}' } } }, '/authorization/sasl/password', /env/],
    [{ ...good, acks: 1 }, '/acks', /unknown/],
  ];
  for (const [body, pointer, says] of wrong) {
    const answer = await daemon.request('POST', `${KAFKA}/topics/${topic.id}/subscriptions`, { body });
    assertErrors(answer, 400, { pointer, says });
  }
  const other = await createPostTopic(daemon);
  const answer = await daemon.request('POST', `${KAFKA}/topics/${other.id}/subscriptions`, { body: good });
  assertErrors(answer, 400, { pointer: '', says: /not delivered by kafka/ });
});

// ---- brokers that fail ----

test('passing errors of brokers: retried, in order', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  let n = 0;
  await postMany(topic, 1, ++n);
  await cluster.count(kafka, 1);
  for (const code of [ERROR.notEnoughReplicas, ERROR.requestTimedOut, ERROR.transport]) {
    await cluster.tell('errors', API.produce, 3, code);
    // One alone: of several requests under way the mock would take the second although it refused the first.
    await postMany(topic, n + 1, n + 1);
    await cluster.until(kafka, has(n + 1));
    await postMany(topic, n + 2, n + 20);
    n += 20;
    await cluster.until(kafka, has(n));
  }
  for (const broker of [2, 1, 2]) {
    await cluster.tell('leader', kafka, 0, broker);
    await postMany(topic, n + 1, n + 20);
    n += 20;
    await cluster.until(kafka, has(n));
  }
  assertOrder(cluster.of(kafka), 1, n);
  const delivery = await untilDelivery(subscription, (now) => now.behind === 0, 'the cursor');
  assert.equal(delivery.failed, 0);
});

test('brokers go and come back: it says why it waits, and goes on within seconds', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  await postMany(topic, 1, 1);
  await cluster.count(kafka, 1);
  for (const broker of [1, 2]) await cluster.tell('down', broker);
  await postMany(topic, 2, 60);
  const delivery = await untilDelivery(subscription, (now) => now.lastError, 'the reason');
  assert.match(delivery.lastError.message, /127\.0\.0\.1.*(refused|closed|disconnected|down)/i);
  assert.equal(delivery.failed, 0);
  assert.ok(delivery.behind > 0);
  for (const broker of [1, 2]) await cluster.tell('up', broker);
  const from = Date.now();
  await cluster.until(kafka, has(60));
  assert.ok(Date.now() - from < 5000, `${Date.now() - from} ms`);
  assertOrder(cluster.of(kafka), 1, 60);
  await untilDelivery(subscription, (now) => now.behind === 0 && now.lastError === null, 'the cursor');
});

test('no permission: told so, tried again until there is one', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  await cluster.tell('errors', API.produce, 1000, ERROR.topicAuthorization);
  await postMany(topic, 1, 3);
  const delivery = await untilDelivery(subscription, (now) => now.attempt > 1, 'attempts');
  assert.match(delivery.lastError.message, new RegExp(`does not allow writing to its topic ${kafka}`));
  await cluster.tell('errors', API.produce, 0, 0);
  assert.equal(assertOrder(await cluster.count(kafka, 3), 1, 3), 0);
  await untilDelivery(subscription, (now) => now.behind === 0 && now.lastError === null, 'the cursor');
});

test('a partition that is not there', async () => {
  const topic = await createTopic();
  const kafka = await kafkaTopic(2);
  const subscription = await subscribe(topic, kafka, { partition: 2 });
  await postMany(topic, 1, 1);
  const delivery = await untilDelivery(subscription, (now) => now.failed > 0, 'the failure');
  assert.equal(delivery.lastError.message, `the Kafka topic ${kafka} has no partition 2`);
});

// Of a server of its own: one producer for both subscriptions.
test('a message that is too large is passed over in the end; its neighbours lose nothing', async (t) => {
  const own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', ...RETRIES] });
  t.after(() => own.stop());
  const [topic, neighbour] = [await createTopic('event', own), await createTopic('event', own)];
  const [kafka, beside] = [await kafkaTopic(), await kafkaTopic()];
  const subscription = await subscribe(topic, kafka, {}, own);
  const other = await subscribe(neighbour, beside, {}, own);
  await postMany(topic, 1, 1, own);
  await postMany(neighbour, 1, 1, own);
  await cluster.count(kafka, 1);
  await cluster.count(beside, 1);
  assert.equal(await metric(own, 'kafka_producers'), 1);

  // Whatever is written next is refused, alone as well.
  await cluster.tell('errors', API.produce, 1000, ERROR.messageTooLarge);
  await postMany(topic, 2, 2, own);
  const refused = await untilDelivery(subscription, (now) => now.attempt > 1, 'attempts', own);
  assert.match(refused.lastError.message, /does not take a record with a value of \d+ bytes/);
  const passed = await untilDelivery(subscription, (now) => now.missed > 0, 'passing over', own);
  assert.equal(passed.missed, 1);
  assert.equal(passed.delivered, 1);
  assert.ok(own.log.some((line) => /level=error.*passes over an event/.test(line)));
  await cluster.tell('errors', API.produce, 0, 0);

  await postMany(topic, 3, 30, own);
  await postMany(neighbour, 2, 30, own);
  await cluster.until(kafka, has(30));
  await cluster.until(beside, has(30));
  assert.deepEqual(cluster.of(kafka).map(({ json }) => json.n), [1, ...Array.from({ length: 28 }, (_, i) => i + 3)]);
  assertOrder(cluster.of(beside), 1, 30);
  assert.equal((await deliveryOf(other, own)).missed, 0);
  // Back to the one that they share.
  await eventually(async () => await metric(own, 'kafka_producers') === 1, 'the producers');
});

test('of a document nothing is passed over', async () => {
  const topic = await createTopic('snapshot');
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka);
  await post(daemon, topic, { n: 1 });
  await cluster.count(kafka, 1);
  await cluster.tell('errors', API.produce, 1000, ERROR.messageTooLarge);
  await post(daemon, topic, { n: 2 });
  const delivery = await untilDelivery(subscription, (now) => now.attempt > 8, 'attempts');
  assert.equal(delivery.missed, 0);
  await cluster.tell('errors', API.produce, 0, 0);
  const [, second] = await cluster.count(kafka, 2);
  assert.ok(second.value.includes('2'));
  await untilDelivery(subscription, (now) => now.behind === 0 && now.lastError === null, 'the cursor');
});

// ---- the server fails ----

test('killed with events under way: none is lost, and only those come again', async (t) => {
  const start = (data) => startDaemon({ data, args: ['--loops', '2', '--drain', 'PT0S', ...RETRIES] });
  let own = await start();
  t.after(() => own.stop());
  const topic = await createTopic('event', own);
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka, {}, own);
  await postMany(topic, 1, 20, own);
  await cluster.count(kafka, 20);
  let last = 20, again = 0;
  // What the brokers have just been given may be known to be there when the kill comes: then there is nothing to repeat.
  for (let tries = 0; tries < 5 && again === 0; tries++) {
    let seq;
    for (const broker of [1, 2]) await cluster.tell('rtt', broker, 300);
    for (let round = 0; round < 3; round++) {
      const arrived = cluster.of(kafka).length;
      await postMany(topic, last + 1, last + 99, own);
      last += 100;
      seq = postedSeq(await post(own, topic, { n: last }), topic);
      await cluster.count(kafka, arrived + 1);
      await own.kill();
      own = await start(own.data);
    }
    for (const broker of [1, 2]) await cluster.tell('rtt', broker, 0);
    await cluster.until(kafka, has(last));
    const delivery = await untilDelivery(subscription, (now) => now.cursor === `${topic.id}#${seq}`, 'the cursor', own);
    assert.equal(delivery.missed, 0);
    again = assertOrder(cluster.of(kafka), 1, last);
  }
  assert.ok(again > 0 && again <= 3 * 500, `${again} came again`);
});

test('stopped while no broker is there: bounded, and nothing is lost', async (t) => {
  let own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', ...RETRIES] });
  t.after(() => own.stop());
  const topic = await createTopic('event', own);
  const kafka = await kafkaTopic();
  await subscribe(topic, kafka, {}, own);
  await postMany(topic, 1, 1, own);
  await cluster.count(kafka, 1);
  for (const broker of [1, 2]) await cluster.tell('down', broker);
  await postMany(topic, 2, 10, own);
  const from = Date.now();
  await own.stop();
  assert.ok(Date.now() - from < 8000, `${Date.now() - from} ms`);
  for (const broker of [1, 2]) await cluster.tell('up', broker);
  own = await startDaemon({ data: own.data, args: ['--loops', '1', '--drain', 'PT0S', ...RETRIES] });
  await cluster.until(kafka, has(10));
  assertOrder(cluster.of(kafka), 1, 10);
});

// ---- who may connect where ----

test('the egress rule holds for brokers', async (t) => {
  const own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', '--listen', '0.0.0.0:0', '--insecure', ...RETRIES] });
  t.after(() => own.stop());
  own.url = own.url.replace('0.0.0.0', '127.0.0.1');
  const topic = await createTopic('event', own);
  const kafka = await kafkaTopic();
  const subscription = await subscribe(topic, kafka, {}, own);
  await postMany(topic, 1, 1, own);
  const delivery = await untilDelivery(subscription, (now) => now.lastError, 'the reason', own);
  assert.match(delivery.lastError.message, /127\.0\.0\.1 is in 127\.0\.0\.0\/8 .*egress\.allow/);
  await setStatus(subscription, 'suspended', own);
  assert.equal(cluster.of(kafka).length, 0);
});

// The mock knows neither TLS nor SASL: what can be seen is that neither is done without.
test('authorization: secrets are masked, references are looked up when needed, TLS is not done without', async (t) => {
  const own = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', ...RETRIES], env: { KAFKA_USER: 'user' } });
  t.after(() => own.stop());
  const topic = await createTopic('event', own);
  const kafka = await kafkaTopic();
  const sasl = { mechanism: 'plain', username: '${env:KAFKA_USER}', password: 'secret-4711' };
  const subscription = await subscribe(topic, kafka, { authorization: { type: 'sasl_ssl', sasl } }, own);
  assert.deepEqual(subscription.authorization, { type: 'sasl_ssl', sasl: { ...sasl, password: '********' } });
  await postMany(topic, 1, 1, own);
  const stuck = await untilDelivery(subscription, (now) => now.lastError, 'the reason', own);
  assert.match(stuck.lastError.message, /ssl/i);

  const body = { authorization: { sasl: { password: '${env:KAFKA_NONE}' } } };
  const answer = await own.request('PATCH', `${KAFKA}/subscriptions/${subscription.id}`, { body });
  assert.equal(answer.status, 200, answer.text);
  const failed = await untilDelivery(subscription, (now) => now.attempt > 1, 'attempts', own);
  assert.match(failed.lastError.message, /^authorization\.sasl\.password: .*KAFKA_NONE/);
  assert.equal((await own.request('POST', `${KAFKA}/subscriptions/${subscription.id}/test`, { body: {} })).status, 202);
  await own.line(/a test record of a subscription was not written.*KAFKA_NONE/);
  await setStatus(subscription, 'suspended', own);
  assert.equal(cluster.of(kafka).length, 0);
  assert.ok(!own.log.join('\n').includes('secret-4711'));
});
