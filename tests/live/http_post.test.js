// Topics that are posted to, on two loops: what is answered, and that whatever was answered 202 is in the journal, once
// and in order, also when the server is killed.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import jsonpatch from 'fast-json-patch';

import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, newPath, origin, rig } from './lib/rig.js';
import { canHoldStore, holdStore } from './lib/store.js';
import {
  POSTS, TOPICS, createPostTopic, createTopic, debugOf, eventually, follow, isEvent, journalOf, metric, post, postedSeq, seqOf,
} from './lib/topics.js';

const MIB = 1024 * 1024;
const UNKNOWN = '11111111-2222-4333-8444-555555555555';

rig({ args: [...ARGS, '--journal-max-bytes', '256 MiB'] });

async function change(topic, body) {
  const answer = await daemon.request('PATCH', `${TOPICS}/${topic.id}`, { body });
  assert.equal(answer.status, 200, answer.text);
}

async function remove(topic) {
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
}

// A text of so many bytes.
const textOf = (bytes) => `"${'x'.repeat(bytes - 2)}"`;

// ---- answers ----

test('202 with the id of the event, and an empty body', async () => {
  const topic = await createPostTopic(daemon);
  const answer = await post(daemon, topic, { a: 1 });
  assert.equal(answer.status, 202);
  assert.equal(answer.text, '');
  assert.equal(answer.headers['x-axway-streams-event-id'], `${topic.id}#1`);
  assert.equal(postedSeq(await post(daemon, topic, { a: 1 }), topic), 2, 'the same again is another event');
  const byName = await daemon.request('POST', `${POSTS}/${encodeURIComponent(topic.name)}`, { body: [] });
  assert.equal(postedSeq(byName, topic), 3);
  const upper = await daemon.request('POST', `${POSTS}/${topic.id.toUpperCase()}`, { body: 'null' });
  assert.equal(postedSeq(upper, topic), 4);
  assert.deepEqual((await journalOf(daemon, topic)).map((e) => [e.type, e.data]),
    [['event', { a: 1 }], ['event', { a: 1 }], ['event', []], ['event', null]]);
});

test('numbers keep their text, members their order, and blanks go', async () => {
  const topic = await createPostTopic(daemon);
  await post(daemon, topic, '{ "b": 1.0e5,\n "a": [12345678901234567890, -0.10, 1E400], "\\u00e9": "\\/\\n" }');
  const { text } = await daemon.request('GET', `${TOPICS}/${topic.id}/events`);
  assert.ok(text.includes('"data":{"b":1.0e5,"a":[12345678901234567890,-0.10,1E400],"é":"/\\n"}'), text);
});

test('404 for topics that are not there, and for those of other publishers', async () => {
  for (const name of [UNKNOWN, 'nobody']) {
    const answer = await daemon.request('POST', `${POSTS}/${name}`, { body: {} });
    assert.equal(answer.status, 404, answer.text);
    assert.match(answer.json.errors[0].detail, new RegExp(name));
  }
  const polled = await createTopic(daemon, { url: origin.url(newPath()) });
  const answer = await post(daemon, polled, {});
  assert.equal(answer.status, 404);
  assert.match(answer.json.errors[0].detail, /publisher.*http-poller.*http-post/);
});

test('405 with Allow for every other method', async () => {
  const topic = await createPostTopic(daemon);
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await daemon.request(method, `${POSTS}/${topic.id}`);
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.allow, 'POST, OPTIONS');
  }
});

test('406 when Accept excludes JSON', async () => {
  const topic = await createPostTopic(daemon);
  for (const accept of ['text/html', 'application/xml, text/*', 'application/json;q=0', 'application/*;q=0, text/plain']) {
    assert.equal((await post(daemon, topic, {}, { headers: { Accept: accept } })).status, 406, accept);
  }
  for (const accept of ['*/*', 'application/json', 'application/*', 'text/html, */*;q=0.1']) {
    assert.equal((await post(daemon, topic, {}, { headers: { Accept: accept } })).status, 202, accept);
  }
  assert.equal((await journalOf(daemon, topic)).length, 4);
});

test('415 for what is not application/json', async () => {
  const topic = await createPostTopic(daemon);
  for (const type of ['text/plain', 'application/merge-patch+json', 'application/x-www-form-urlencoded', 'json', '']) {
    const answer = await post(daemon, topic, '{}', { headers: { 'Content-Type': type } });
    assert.equal(answer.status, 415, type);
  }
  const zipped = await post(daemon, topic, '{}', { headers: { 'Content-Encoding': 'gzip' } });
  assert.equal(zipped.status, 415);
  assert.match(zipped.json.errors[0].detail, /gzip/);
  for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
    assert.equal((await post(daemon, topic, '{}', { headers: { 'Content-Type': type } })).status, 202, type);
  }
  assert.equal((await post(daemon, topic, '{}', { headers: { 'Content-Encoding': 'identity' } })).status, 202);
});

test('400 with line and column for what is not JSON', async () => {
  const topic = await createPostTopic(daemon);
  const places = [
    ['', 1, 1], ['{"a":', 1, 6], ['{}\n{}', 2, 1], ['[1,\n  2,\n  x]', 3, 3], ["{'a':1}", 1, 2], ['[1,]', 1, 3], ['nul', 1, undefined],
    ['\ufeff{}', 1, 1], ['"\\ud800"', 1, undefined], [Buffer.from([0x22, 0xff, 0x22]), 1, undefined], ['['.repeat(600) + ']'.repeat(600), 1, undefined],
  ];
  for (const [body, line, column] of places) {
    const answer = await post(daemon, topic, body);
    assert.equal(answer.status, 400, `${body}: ${answer.text}`);
    const { meta } = answer.json.errors[0];
    assert.equal(meta.line, line, `${body}: ${answer.text}`);
    if (column !== undefined) assert.equal(meta.column, column, `${body}: ${answer.text}`);
  }
  assert.deepEqual(await journalOf(daemon, topic), []);
});

test('413 over the limit of payloads, which fit to the last byte', async () => {
  const topic = await createPostTopic(daemon);
  for (const bytes of [MIB + 1, 2 * MIB]) {
    const answer = await post(daemon, topic, textOf(bytes)).catch((error) => error);
    // Over http.maxBodyBytes the connection is closed, and a client that is still sending may not see the answer.
    if (bytes === MIB + 1 || answer.status !== undefined) assert.equal(answer.status, 413, `${bytes}`);
  }
  for (const payload of ['event', 'snapshot']) {
    const to = await createPostTopic(daemon, { payload });
    postedSeq(await post(daemon, to, textOf(MIB)), to);
    const [event] = await journalOf(daemon, to);
    assert.equal(event.data.length, MIB - 2);
  }
  const own = await startDaemon({ args: ['--payload-max-bytes', '2 KiB'] });
  try {
    const small = await createPostTopic(own);
    assert.equal((await post(own, small, textOf(2049))).status, 413);
    assert.equal((await post(own, small, textOf(2048))).status, 202);
  } finally {
    await own.stop();
  }
});

test('410 while nobody subscribes, unless the topic is alwaysOn', async (t) => {
  const topic = await createPostTopic(daemon, { alwaysOn: false });
  const nobody = await post(daemon, topic, { n: 0 });
  assert.equal(nobody.status, 410);
  assert.match(nobody.json.errors[0].detail, /nobody subscribes/);
  const stream = await follow(t, daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).loopsWithChannels === 1, 'the owner to know of the channel');
  postedSeq(await post(daemon, topic, { n: 1 }), topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { n: 1 });
  stream.close();
  await eventually(async () => (await post(daemon, topic, { n: 2 })).status === 410, 'the subscriber to be gone');
  await change(topic, { publisher: { alwaysOn: true } });
  assert.equal((await post(daemon, topic, { n: 3 })).status, 202);
  await change(topic, { publisher: { alwaysOn: false } });
  assert.equal((await post(daemon, topic, { n: 4 })).status, 410);
  assert.deepEqual((await journalOf(daemon, topic)).at(-1).data, { n: 3 });
});

test('410 for the id of a deleted topic, until it is made again', async () => {
  const topic = await createPostTopic(daemon);
  await remove(topic);
  // Connections of their own, on both loops in all likelihood.
  for (let i = 0; i < 8; i++) assert.equal((await post(daemon, topic, {})).status, 410);
  assert.equal((await daemon.request('POST', `${POSTS}/${encodeURIComponent(topic.name)}`, { body: {} })).status, 404);
  const again = await daemon.request('PUT', `${TOPICS}/${topic.id}`, { body: { name: topic.name, publisher: { type: 'http-post', alwaysOn: true } } });
  assert.equal(again.status, 201, again.text);
  assert.equal((await post(daemon, topic, {})).status, 202);
  await remove(topic);
  const others = async (count) => Promise.all(Array.from({ length: count }, async () => remove(await createPostTopic(daemon))));
  await others(999);
  assert.equal((await post(daemon, topic, {})).status, 410);
  await others(1);
  assert.equal((await post(daemon, topic, {})).status, 404, 'the last thousand are remembered');
});

// ---- documents ----

test('posted documents give patches; an equal one gives no event', async (t) => {
  const topic = await createPostTopic(daemon, { payload: 'snapshot' });
  const stream = await follow(t, daemon, topic);
  const documentOf = (n) => ({ version: n, items: Array.from({ length: 20 }, (_, i) => ({ id: i, price: i === n ? 0 : 100 + i })) });
  assert.equal(postedSeq(await post(daemon, topic, documentOf(1)), topic), 1);
  const first = await stream.next(isEvent);
  assert.equal(first.event, 'snapshot');
  let replica = JSON.parse(first.data);
  const same = await post(daemon, topic, JSON.stringify(documentOf(1)).replace('"version":1', '"version":1.0'));
  assert.equal(same.status, 202);
  assert.equal(same.headers['x-axway-streams-event-id'], undefined);
  for (let n = 2; n < 8; n++) {
    assert.equal(postedSeq(await post(daemon, topic, documentOf(n)), topic), n);
    const frame = await stream.next(isEvent);
    assert.deepEqual([frame.event, seqOf(frame)], ['patch', n]);
    replica = jsonpatch.applyPatch(replica, JSON.parse(frame.data), true).newDocument;
    assert.deepEqual(replica, documentOf(n));
  }
  const { json, headers } = await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`);
  assert.deepEqual(json, documentOf(7));
  assert.equal(headers.etag, '"7"');
});

test('what was posted is what the next post is compared with, also after a restart', async () => {
  let own = await startDaemon();
  const topic = await createPostTopic(own, { payload: 'snapshot' });
  for (let n = 1; n <= 3; n++) postedSeq(await post(own, topic, { n, pad: 'x'.repeat(100) }), topic);
  await own.stop();
  own = await startDaemon({ data: own.data });
  const same = await post(own, topic, { pad: 'x'.repeat(100), n: 3 });
  assert.equal(same.status, 202);
  assert.equal(same.headers['x-axway-streams-event-id'], undefined);
  assert.equal(postedSeq(await post(own, topic, { n: 4, pad: 'x'.repeat(100) }), topic), 4);
  assert.equal((await journalOf(own, topic)).at(-1).type, 'patch');
  await own.stop();
});

// ---- the line ----

// Posters with a connection each, which do not wait for each other; what each was answered, in its order.
function postAll(on, topics, posters, count, bodyOf) {
  return Promise.all(Array.from({ length: posters }, async (_, who) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const topic = topics[who % topics.length];
    const answers = [];
    for (let n = 0; n < count; n++) answers.push(postedSeq(await post(on, topic, bodyOf(who, n), { agent }), topic));
    agent.destroy();
    return answers;
  }));
}

test('many posters at a time: every document once, each poster\'s in its order, committed together', async (t) => {
  const topics = [await createPostTopic(daemon), await createPostTopic(daemon), await createPostTopic(daemon)];
  const streams = [];
  for (const topic of topics) streams.push(await follow(t, daemon, topic), await follow(t, daemon, topic));
  const groups = await metric(daemon, 'store_groups_total');
  const answered = await postAll(daemon, topics, 30, 40, (who, n) => ({ who, n }));
  assert.ok(await metric(daemon, 'store_groups_total') - groups < 30 * 40 * 0.9, 'one commit for several posts');
  for (const [i, topic] of topics.entries()) {
    const journal = await journalOf(daemon, topic);
    assert.deepEqual(journal.map(({ id }) => Number(id.split('#')[1])), Array.from({ length: 400 }, (_, k) => k + 1));
    for (const [who, seqs] of answered.entries()) {
      if (who % topics.length !== i) continue;
      assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
      for (const [n, seq] of seqs.entries()) assert.deepEqual(journal[seq - 1].data, { who, n });
    }
    for (const stream of streams.slice(2 * i, 2 * i + 2)) {
      for (const event of journal) {
        const frame = await stream.next(isEvent);
        assert.deepEqual([frame.event, frame.id, JSON.parse(frame.data)], ['event', event.id, event.data]);
      }
    }
  }
});

test('many posters of whole documents: the patches give the last', async (t) => {
  const topic = await createPostTopic(daemon, { payload: 'snapshot' });
  const stream = await follow(t, daemon, topic);
  const answered = await postAll(daemon, [topic], 8, 25, (who, n) => ({ who, n, pad: 'x'.repeat(60) }));
  const last = Math.max(...answered.flat());
  assert.equal(last, 200);
  let replica;
  for (let seq = 1; seq <= last; seq++) {
    const frame = await stream.next(isEvent);
    assert.equal(seqOf(frame), seq);
    replica = frame.event === 'snapshot' ? JSON.parse(frame.data) : jsonpatch.applyPatch(replica, JSON.parse(frame.data), true).newDocument;
    const who = answered.findIndex((seqs) => seqs.includes(seq));
    assert.deepEqual(replica, { who, n: answered[who].indexOf(seq), pad: 'x'.repeat(60) });
  }
});

test('a full line is answered 429, and a topic that is deleted lets those in it go with 410', async (t) => {
  if (!canHoldStore()) return t.skip('needs the program sqlite3');
  const topic = await createPostTopic(daemon);
  const big = textOf(1000 * 1000);
  const store = await holdStore(t, daemon);
  const first = post(daemon, topic, { first: true });
  await eventually(async () => (await debugOf(daemon, topic)).committing, 'the first to be on its way');
  const waiting = Array.from({ length: 16 }, () => post(daemon, topic, big));
  await eventually(async () => (await debugOf(daemon, topic)).postsWaiting === 16, 'a line');
  const over = await post(daemon, topic, big);
  assert.equal(over.status, 429, over.text);
  assert.equal(over.headers['retry-after'], '1');
  const small = post(daemon, topic, { small: true }); // there is room for this one
  await eventually(async () => (await debugOf(daemon, topic)).postsWaiting === 17, 'it to wait');
  await store.release();
  const answers = await Promise.all([first, ...waiting, small]);
  assert.deepEqual(answers.map((answer) => answer.status), Array(18).fill(202));
  assert.equal((await journalOf(daemon, topic)).length, 18);

  const again = await holdStore(t, daemon);
  const held = [];
  for (const seconds of ['one', 'two', 'three']) {
    held.push(post(daemon, topic, { seconds }));
    await eventually(async () => {
      const debug = await debugOf(daemon, topic);
      return debug.committing && debug.postsWaiting === held.length - 1;
    }, 'it to wait');
  }
  const removed = remove(topic);
  await again.release();
  await removed;
  const statuses = (await Promise.all(held)).map((answer) => answer.status);
  // The first was with the store before the deletion; the others came too late, or just in time.
  assert.equal(statuses[0], 202);
  for (const status of statuses) assert.ok([202, 410].includes(status), `${statuses}`);
});

test('the number of documents that wait is bounded, too', async (t) => {
  if (!canHoldStore()) return t.skip('needs the program sqlite3');
  const topic = await createPostTopic(daemon);
  const refused = await metric(daemon, 'posts_failed_total');
  const store = await holdStore(t, daemon);
  const first = post(daemon, topic, 0);
  await eventually(async () => (await debugOf(daemon, topic)).committing, 'the first to be on its way');
  const rest = Array.from({ length: 1010 }, (_, i) => post(daemon, topic, i));
  await eventually(async () => await metric(daemon, 'posts_failed_total') === refused + 10, 'ten to be refused');
  assert.equal((await debugOf(daemon, topic)).postsWaiting, 1000);
  await store.release();
  const statuses = (await Promise.all([first, ...rest])).map((answer) => answer.status);
  assert.equal(statuses.filter((status) => status === 202).length, 1001);
  assert.equal(statuses.filter((status) => status === 429).length, 10);
  assert.equal((await journalOf(daemon, topic)).length, 1001);
});

test('a client that leaves does not take what it posted with it', async (t) => {
  if (!canHoldStore()) return t.skip('needs the program sqlite3');
  const topic = await createPostTopic(daemon);
  const store = await holdStore(t, daemon);
  const waiting = (count) => eventually(async () => {
    const debug = await debugOf(daemon, topic);
    return debug.committing && debug.postsWaiting === count;
  }, `${count} to wait`);
  const agent = new http.Agent({ keepAlive: true });
  const gone = [post(daemon, topic, 1, { agent })];
  await waiting(0);
  gone.push(post(daemon, topic, 2, { agent }));
  await waiting(1);
  agent.destroy();
  for (const end of await Promise.allSettled(gone)) assert.equal(end.status, 'rejected');
  const third = post(daemon, topic, 3);
  await waiting(2);
  await store.release();
  postedSeq(await third, topic);
  assert.deepEqual((await journalOf(daemon, topic)).map((e) => e.data), [1, 2, 3]);
});

test('the metrics count posts', async () => {
  const names = ['posts_total', 'posts_unchanged_total', 'posts_failed_total'];
  const before = await Promise.all(names.map((name) => metric(daemon, name)));
  const topic = await createPostTopic(daemon, { payload: 'snapshot', alwaysOn: false });
  await post(daemon, topic, {}); // 410
  await change(topic, { publisher: { alwaysOn: true } });
  for (const document of [[1], [1], [2]]) await post(daemon, topic, document);
  const after = await Promise.all(names.map((name) => metric(daemon, name)));
  assert.deepEqual(after.map((n, i) => n - before[i]), [3, 1, 1]);
});

// ---- kill -9 ----

test('what was answered 202 is in the journal once and in order, however often the server is killed', { timeout: 120_000 }, async (t) => {
  const POSTERS = 5;
  const EACH = 200;
  const KILLS = 20;
  let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
  t.diagnostic(`SEED=${seed}`);
  const rand = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const args = ['--loops', '2', '--drain', 'PT0S'];
  let own = await startDaemon({ args });
  t.after(() => own.stop());
  const topic = await createPostTopic(own);
  const acknowledged = Array.from({ length: POSTERS }, () => []); // [n, seq]
  let done = 0;
  let restarted = Promise.resolve();

  const posters = Array.from({ length: POSTERS }, async (_, who) => {
    let agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let n = 0; n < EACH; n++, done++) {
      await restarted;
      try {
        acknowledged[who].push([n, postedSeq(await post(own, topic, { who, n }, { agent }), topic)]);
      } catch (error) {
        if (!error.code) throw error; // an answer that is not 202
        agent.destroy();
        agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      }
    }
    agent.destroy();
  });
  const all = Promise.all(posters);
  for (let kill = 1; kill <= KILLS; kill++) {
    const at = kill * POSTERS * EACH / (KILLS + 1);
    while (done < at) await Promise.race([all, new Promise((resolve) => setImmediate(resolve))]);
    // Anywhere in the course of the next post: on its way, at the store, on its way back.
    const until = process.hrtime.bigint() + BigInt(rand(3000)) * 1000n;
    while (process.hrtime.bigint() < until) await new Promise((resolve) => setImmediate(resolve));
    restarted = (async () => {
      await own.kill();
      own = await startDaemon({ data: own.data, args });
    })();
    await restarted;
  }
  await all;

  const journal = await journalOf(own, topic);
  const seqOfPost = new Map(); // "who n" → seq
  for (const { id, data } of journal) {
    const key = `${data.who} ${data.n}`;
    assert.ok(!seqOfPost.has(key), `${key} is there twice`);
    seqOfPost.set(key, Number(id.split('#')[1]));
  }
  const seqs = [...seqOfPost.values()];
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
  for (const [who, list] of acknowledged.entries()) {
    for (const [n, seq] of list) assert.equal(seqOfPost.get(`${who} ${n}`), seq, `${who} ${n}`);
    const own = Array.from({ length: EACH }, (_, n) => seqOfPost.get(`${who} ${n}`)).filter(Boolean);
    assert.deepEqual(own, [...own].sort((a, b) => a - b), `the order of poster ${who}`);
  }
  const count = acknowledged.flat().length;
  assert.ok(count >= POSTERS * (EACH - KILLS), `${count} were acknowledged`);
  t.diagnostic(`${count} acknowledged, ${journal.length} in the journal`);
});
