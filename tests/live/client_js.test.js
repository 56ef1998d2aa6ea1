// The JavaScript client, clients/js, in Node: its patches, its reading of streams, and what it makes of a real server that
// is killed, of sources that fail, and of connections that are tampered with.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, test } from 'node:test';

import { readFrames } from '../../clients/js/frames.js';
import * as client from '../../clients/js/index.js';
import { startDaemon, tempFolder, within } from './lib/daemon.js';
import { changeRandomly, random } from './lib/documents.js';
import { root, scratch } from './lib/program.js';
import { startRelay } from './lib/relay.js';
import { ARGS, daemon, newPath, origin, rig } from './lib/rig.js';
import { SSE, TOPICS, createPostTopic, createTopic, pollNow, post, postedSeq } from './lib/topics.js';

const { applyPatch, follow, FollowError } = client;
const require = createRequire(import.meta.url);
const folder = path.join(root, 'clients', 'js');
const HEARTBEAT = ['--sse-heartbeat', 'PT0.3S'];
const FAST = { retry: 50, staleAfter: 1000 };

rig({ args: [...ARGS, ...HEARTBEAT] });

// ---- patches ----

const deepFreeze = (value) => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
};

for (const name of ['tests.json', 'spec_tests.json']) {
  const records = require(`json-patch-test-suite/${name}`).filter((r) => !r.disabled && r.doc !== undefined && r.patch);
  test(`patches of the public suite, ${name}`, () => {
    assert.ok(records.length > 10);
    for (const { doc, patch, expected, error, comment } of records) {
      const apply = () => applyPatch(deepFreeze(doc), deepFreeze(patch));
      if (error !== undefined) assert.throws(apply, client.PatchError, comment ?? error);
      else if (expected !== undefined) assert.deepEqual(apply(), expected, comment);
      else apply();
    }
  });
}

test('a patch leaves the document before it as it was, and shares what it did not touch', () => {
  const before = deepFreeze({ items: [{ id: 1, tags: ['a'] }, { id: 2, tags: ['b'] }], meta: { n: 1 } });
  const after = applyPatch(before, [
    { op: 'replace', path: '/items/1/id', value: 3 },
    { op: 'add', path: '/items/1/tags/-', value: 'c' },
    { op: 'copy', from: '/items/1', path: '/items/-' },
    { op: 'add', path: '/items/2/tags/0', value: 'of the copy alone' },
  ]);
  assert.deepEqual(after.items, [{ id: 1, tags: ['a'] }, { id: 3, tags: ['b', 'c'] }, { id: 3, tags: ['of the copy alone', 'b', 'c'] }]);
  assert.equal(after.items[0], before.items[0]);
  assert.equal(after.meta, before.meta);
});

test('a value of a patch that is changed by the same patch stays as it was in the patch', () => {
  const patch = deepFreeze([{ op: 'add', path: '/a', value: { b: [] } }, { op: 'add', path: '/a/b/-', value: 1 }]);
  assert.deepEqual(applyPatch({}, patch), { a: { b: [1] } });
});

test('members with names of JavaScript are members like all others', () => {
  const add = (at, value) => `{"op":"add","path":"/${at}","value":${value}}`;
  const text = `[${add('__proto__', '{"a":1}')},${add('__proto__/b', 2)},${add('constructor', 3)}]`;
  const after = applyPatch({}, JSON.parse(text));
  assert.equal(JSON.stringify(after), '{"__proto__":{"a":1,"b":2},"constructor":3}');
  assert.equal({}.b, undefined);
  for (const op of ['remove', 'replace', 'test']) {
    assert.throws(() => applyPatch({}, [{ op, path: '/toString', value: 1 }]), /there is no member "toString"/);
  }
  assert.throws(() => applyPatch([1], [{ op: 'test', path: '/length', value: 1 }]), client.PatchError);
});

test('what is no patch', () => {
  for (const patch of [null, {}, 'x', [null], [1], [{}], [{ op: 'add', path: 'a', value: 1 }], [{ op: 'add', path: '/~2', value: 1 }],
    [{ op: 'move', path: '/a/b', from: '/a' }], [{ op: 'remove', path: '' }]]) {
    assert.throws(() => applyPatch({ a: {} }, patch), client.PatchError, JSON.stringify(patch));
  }
});

// ---- streams ----

async function framesOf(bytes, size) {
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
  const body = new ReadableStream({ pull: (c) => (parts.length ? c.enqueue(parts.shift()) : c.close()) });
  const frames = [];
  let heard = 0;
  for await (const frame of readFrames(body, { heard: () => { heard++; } })) frames.push(frame);
  assert.equal(heard, Math.ceil(bytes.length / size));
  return frames;
}

test('frames, wherever the bytes are cut, with each end of line', async () => {
  const lines = ['\ufeff: hello', 'id: a#1', 'event: snapshot', 'data: {"é":"☃ 🎈"}', '', ':', 'data:a', 'data', 'data:  b: c', 'retry: 10',
    '', '', 'id', '', 'data: never finished'];
  const expected = [{ comment: 'hello' }, { id: 'a#1', event: 'snapshot', data: '{"é":"☃ 🎈"}' }, { comment: '' },
    { data: 'a\n\n b: c', retry: '10' }, { id: '' }];
  for (const end of ['\n', '\r\n', '\r']) {
    const bytes = Buffer.from(lines.join(end) + end);
    for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(await framesOf(bytes, size), expected, `${JSON.stringify(end)} by ${size}`);
  }
});

// ---- following ----

// Follows until the test ends; what was told is kept in .told. until(look): looks at each event until it gives something.
function start(t, source, options = {}) {
  const doc = follow(source, { ...FAST, ...options });
  t.after(() => doc.close());
  doc.told = [];
  doc.of = (name) => doc.told.filter((event) => event.name === name).map(({ detail }) => detail);
  const waiting = new Set();
  doc.until = (look, what = String(look)) => within(15_000, new Promise((resolve) => {
    const attempt = () => {
      const found = look();
      if (!found) return;
      waiting.delete(attempt);
      resolve(found);
    };
    waiting.add(attempt);
    attempt();
  }), what).catch((error) => {
    const last = JSON.stringify(doc.told.slice(-5)).slice(0, 500);
    throw new Error(`${error.message}; ${doc.state} ${doc.id} ${doc.error} ${last}`);
  });
  for (const name of ['change', 'error', 'state', 'check']) {
    doc.addEventListener(name, ({ detail }) => {
      doc.told.push({ name, detail });
      for (const attempt of waiting) attempt();
    });
  }
  return doc;
}

const same = (a, b) => { try { assert.deepEqual(a, b); return true; } catch { return false; } };
const stateOf = (doc, state) => doc.until(() => doc.state === state, `state ${state}`);
const documentOf = (doc, value) => doc.until(() => same(doc.document, value), 'the document');

// A topic that is posted to, and one that is polled by hand.
const posted = (on = daemon, more = {}) => createPostTopic(on, { payload: 'snapshot', ...more });
async function polled(value, pollingPeriod = 'PT1H') {
  const at = newPath();
  origin.json(at, value);
  return { ...(await createTopic(daemon, { url: origin.url(at), pollingPeriod, retryOnHttpCodes: [] })), at };
}
const filler = 'so that patches are shorter than the whole'.repeat(20);

// Mostly they wait: several at a time.
describe('following:', { concurrency: 6 }, () => {
  test('follows by name, by id and by URL; tells the document, its id and where it stands', async (t) => {
    const topic = await posted(daemon, { name: 'a name with äöü #?%' });
    const seq = postedSeq(await post(daemon, topic, { n: 1, filler }), topic);
    const url = `${daemon.url}${SSE}/${topic.id}`;
    const docs = [{ server: daemon.url, topic: topic.name }, { server: `${daemon.url}/`, topic: topic.id }, new URL(url), url]
      .map((source) => start(t, source));
    for (const doc of docs) assert.deepEqual([doc.state, doc.document, doc.id], ['connecting', undefined, undefined]);
    for (const doc of docs) {
      assert.deepEqual(await doc.ready, { n: 1, filler });
      assert.equal(doc.state, 'live');
      assert.equal(doc.id, `${topic.id}#${seq}`);
    }
    await post(daemon, topic, { n: 2, filler });
    for (const doc of docs) {
      await documentOf(doc, { n: 2, filler });
      const [first, second] = doc.of('change');
      assert.deepEqual(first, { type: 'snapshot', id: `${topic.id}#${seq}`, document: { n: 1, filler }, previous: undefined });
      assert.deepEqual(second, {
        type: 'patch', id: `${topic.id}#${seq + 1}`, document: { n: 2, filler }, previous: { n: 1, filler },
        patch: [{ op: 'replace', path: '/n', value: 2 }],
      });
      assert.equal(second.previous, first.document);
      assert.deepEqual(doc.of('state'), [{ state: 'live', previous: 'connecting' }]);
      doc.close();
      assert.equal(doc.state, 'closed');
    }
    for (const wrong of [undefined, 1, {}, { server: daemon.url }]) assert.throws(() => follow(wrong), TypeError);
  });

  test('mode snapshot-only has no patches; mode changes has no document', async (t) => {
    const allowedSubscriptionModes = ['snapshot-patch', 'snapshot-only', 'changes'];
    const topic = await posted(daemon, { subscribers: [{ type: 'sse', allowedSubscriptionModes }] });
    await post(daemon, topic, { items: [{ id: 1 }], filler });
    const source = { server: daemon.url, topic: topic.id };
    const whole = start(t, source, { mode: 'snapshot-only' });
    const changes = start(t, source, { mode: 'changes' });
    await Promise.all([whole.ready, changes.ready]);
    await post(daemon, topic, { items: [{ id: 1 }, { id: 2 }], filler });
    await documentOf(whole, { items: [{ id: 1 }, { id: 2 }], filler });
    assert.deepEqual(whole.of('change').map(({ type }) => type), ['snapshot', 'snapshot']);
    const [, { type, data }] = await changes.until(() => changes.of('change').length === 2 && changes.of('change'));
    assert.equal(type, 'changes');
    assert.deepEqual(data, [{ op: 'created', pointer: '/items', keyAt: '/id', key: 2, after: { id: 2 } }]);
    assert.equal(changes.document, undefined);
  });

  test('the document is that of the source after many changes, with the server killed and restarted meanwhile', async (t) => {
    const data = tempFolder();
    let own = await startDaemon({ data, args: [...ARGS, ...HEARTBEAT] });
    const listen = ['--listen', new URL(own.url).host];
    t.after(() => own.kill());
    const pick = random(Number(process.env.SEED ?? 1));
    const at = newPath();
    let value = { items: [], text: filler };
    origin.json(at, value);
    const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: 'PT1H' });
    const doc = start(t, { server: own.url, topic: topic.id });
    await doc.ready;
    const inIteration = (async () => {
      let last;
      for await (const change of doc) last = change.document;
      return last;
    })();
    for (let i = 0; i < 200; i++) {
      value = changeRandomly(value, pick);
      origin.json(at, value);
      if (i % 50 === 25) {
        await own.kill();
        own = await startDaemon({ data, args: [...ARGS, ...HEARTBEAT, ...listen] });
      }
      await pollNow(own, topic);
      await documentOf(doc, value);
    }
    assert.ok(doc.of('change').filter(({ type }) => type === 'patch').length > 100);
    assert.equal(doc.of('state').filter(({ state }) => state === 'connecting').length, 4);
    assert.equal(doc.of('change').filter(({ previous }) => previous === undefined).length, 1);
    doc.close();
    assert.deepEqual(await inIteration, value);
  });

  test('comes back by the id of its last event, and misses nothing', async (t) => {
    const topic = await posted();
    const relay = await startRelay(t, daemon.url);
    await post(daemon, topic, { n: 0, filler });
    const doc = start(t, { server: relay.url, topic: topic.id });
    await doc.ready;
    const { id } = doc;
    relay.server.closeAllConnections();
    relay.target = 'http://127.0.0.1:1';
    await doc.until(() => doc.of('error').length > 0);
    assert.equal(doc.state, 'connecting');
    for (let n = 1; n <= 3; n++) await post(daemon, topic, { n, filler });
    relay.target = daemon.url;
    await documentOf(doc, { n: 3, filler });
    assert.deepEqual(doc.of('change').map(({ type, document }) => [type, document.n]), [['snapshot', 0], ['patch', 1], ['patch', 2], ['patch', 3]]);
    assert.equal(relay.headers[0]['last-event-id'], undefined);
    assert.equal(relay.headers.at(-1)['last-event-id'], id);
    assert.ok(doc.of('error').every((error) => error instanceof FollowError && !error.final));
  });

  test('goes on from a document that was kept', async (t) => {
    const topic = await posted();
    const seq = postedSeq(await post(daemon, topic, { n: 0, filler }), topic);
    await post(daemon, topic, { n: 1, filler });
    const doc = start(t, { server: daemon.url, topic: topic.id }, { document: { n: 0, filler }, lastEventId: `${topic.id}#${seq}` });
    assert.deepEqual(await doc.ready, { n: 0, filler });
    await documentOf(doc, { n: 1, filler });
    assert.deepEqual(doc.of('change').map(({ type }) => type), ['patch']);
  });

  test('a lost event, and a patch that does not apply, are healed by a snapshot', async (t) => {
    const topic = await posted();
    const relay = await startRelay(t, daemon.url);
    await post(daemon, topic, { n: 0, filler });
    const doc = start(t, { server: relay.url, topic: topic.id });
    await doc.ready;
    for (const [n, edit] of [
      [1, (text) => (/"value":1\b/.test(text) ? undefined : text)],
      [3, (text) => text.replace('"path":"/n","value":3', '"path":"/none","value":3')],
      [5, (text) => text.replace('"value":5}', '"value":')],
    ]) {
      relay.edit = edit;
      const before = doc.document;
      await post(daemon, topic, { n, filler });
      const next = await post(daemon, topic, { n: n + 1, filler });
      await documentOf(doc, { n: n + 1, filler });
      assert.deepEqual([doc.of('change').at(-1).type, doc.of('change').at(-1).previous], ['snapshot', before]);
      assert.match(doc.error.message, /^asking for the document again: /);
      assert.equal(doc.id, next.headers['x-axway-streams-event-id']);
      relay.edit = (text) => text;
      await post(daemon, topic, { n: n + 1, filler, more: n });
      await documentOf(doc, { n: n + 1, filler, more: n });
      assert.equal(doc.of('change').at(-1).type, 'patch');
      assert.equal(relay.headers.at(-1)['last-event-id'], undefined);
    }
    assert.equal(doc.of('error').length, 3);
  });

  test('silence makes it stale, and connects anew when it lasts', async (t) => {
    const topic = await posted();
    const relay = await startRelay(t, daemon.url);
    await post(daemon, topic, { n: 0, filler });
    const stale = [];
    const doc = start(t, { server: relay.url, topic: topic.id }, { staleAfter: 700, onStale: (detail) => stale.push(detail) });
    await doc.ready;
    relay.mute = true;
    const since = performance.now();
    await stateOf(doc, 'stale');
    assert.ok(performance.now() - since > 350); // a heartbeat may have come 300 ms before
    assert.deepEqual(stale, [{ state: 'stale', previous: 'live' }]);
    await post(daemon, topic, { n: 1, filler });
    relay.mute = false;
    await stateOf(doc, 'live');
    await doc.until(() => doc.document.n === 1);
    // Muted for long: the connection is given up, and the next one resumes.
    relay.mute = true;
    await doc.until(() => doc.of('error').some(({ message }) => /^nothing came for \d+ ms$/.test(message)));
    relay.mute = false;
    await stateOf(doc, 'live');
    await post(daemon, topic, { n: 2, filler });
    await documentOf(doc, { n: 2, filler });
    assert.equal(stale.length, 2);
  });

  test('heartbeats tell when the source was last asked', async (t) => {
    const topic = await polled({ a: 1 }, 'PT0.5S');
    const checks = [];
    const doc = start(t, { server: daemon.url, topic: topic.id }, { onCheck: (check) => checks.push(check) });
    await doc.until(() => doc.checked);
    assert.ok(doc.checked >= doc.since && Math.abs(Date.now() - doc.checked) < 60_000);
    const { checked, since } = doc;
    await doc.until(() => doc.checked > checked);
    assert.deepEqual(doc.since, since);
    assert.deepEqual(checks.at(-1), { since: doc.since, checked: doc.checked });
    assert.equal(doc.of('change').length, 1);
  });

  test('a failing source is told; a newer document heals it, and so does a newer check', async (t) => {
    const topic = await polled({ a: 1 });
    const errors = [];
    const doc = start(t, { server: daemon.url, topic: topic.id }, { onError: (error) => errors.push(error) });
    await doc.until(() => doc.checked);
    for (const healed of [{ a: 2 }, { a: 2 }]) {
      origin.status(topic.at, 503);
      await pollNow(daemon, topic);
      await stateOf(doc, 'failing');
      const error = errors.at(-1);
      assert.deepEqual([error.code, error.category, error.final], [70503, 'publication', false]);
      assert.ok(doc.document.a > 0);
      origin.json(topic.at, healed);
      await pollNow(daemon, topic);
      await stateOf(doc, 'live');
      assert.deepEqual(doc.document, healed);
    }
    assert.equal(errors.length, 2);
    assert.equal(doc.of('change').length, 2);
  });

  // ---- iterations ----

  // Posts {n, filler} for n from 0, many at a time; to {n, seq} in the order that they got.
  async function postMany(on, topic, total) {
    const all = [];
    for (let n = 0; n < total; n += 100) {
      const batch = Array.from({ length: 100 }, async (_, k) => ({ n: n + k, seq: postedSeq(await post(on, topic, { n: n + k }), topic) }));
      all.push(...(await Promise.all(batch)));
    }
    return all.sort((a, b) => a.seq - b.seq);
  }

  test('messages come in order, none left out, to an iteration that is slow, over restarts', async (t) => {
    const data = tempFolder();
    let own = await startDaemon({ data, args: [...ARGS, ...HEARTBEAT] });
    t.after(() => own.kill());
    const { url } = own;
    const topic = await createPostTopic(own);
    const doc = start(t, { server: url, topic: topic.id }, { mode: 'event', staleAfter: 700 });
    await stateOf(doc, 'live');
    const iteration = doc[Symbol.asyncIterator]();
    const first = iteration.next();
    const total = 2500; // more than an iteration may be behind
    const expected = (await postMany(own, topic, total)).map(({ n }) => n);
    assert.equal((await first).value.data.n, expected.shift());
    await own.kill();
    own = await startDaemon({ data, args: [...ARGS, ...HEARTBEAT, '--listen', new URL(url).host] });
    await post(own, topic, { n: total });
    for (const n of [...expected, total]) {
      const { value } = await within(15_000, iteration.next(), `message ${n}`);
      assert.deepEqual([value.type, value.data], ['event', { n }]);
    }
    assert.equal(doc.document, undefined);
    await iteration.return();
  });

  test('an iteration of documents begins with today and is never far behind', async (t) => {
    const topic = await posted();
    await post(daemon, topic, { n: 0, filler });
    const doc = start(t, { server: daemon.url, topic: topic.id });
    await doc.ready;
    const iteration = doc[Symbol.asyncIterator]();
    assert.deepEqual((await iteration.next()).value, { type: 'snapshot', id: doc.id, document: { n: 0, filler }, previous: undefined });
    const total = 1100;
    const last = (await postMany(daemon, topic, total)).at(-1);
    await doc.until(() => doc.document.n === last.n);
    let count = 0;
    for (let seq = 0; seq < last.seq; count++) {
      const { value } = await within(5000, iteration.next(), 'a change');
      const next = Number(value.id.split('#')[1]);
      assert.ok(next > seq);
      seq = next;
    }
    assert.ok(count < 1000, `${count} changes`);
    await iteration.return();
  });

  test('an iteration ends with close() and with its signal, and throws what ended it', async (t) => {
    const topic = await posted();
    await post(daemon, topic, { n: 0 });
    const source = { server: daemon.url, topic: topic.id };
    const controller = new AbortController();
    const types = async (doc) => {
      const seen = [];
      for await (const { type } of doc) seen.push(type);
      return seen;
    };
    const [byClose, bySignal, byDelete] = [start(t, source), start(t, source, { signal: controller.signal }), start(t, source)];
    const ends = [byClose, bySignal, byDelete].map(types);
    ends[2].catch(() => {});
    await Promise.all([byClose.ready, bySignal.ready, byDelete.ready]);
    for await (const { document } of byDelete) {
      assert.deepEqual(document, { n: 0 });
      break;
    }
    byClose.close();
    controller.abort();
    assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
    assert.deepEqual(await within(5000, ends[0], 'the end'), ['snapshot']);
    assert.deepEqual(await within(5000, ends[1], 'the end'), ['snapshot']);
    await assert.rejects(within(5000, ends[2], 'the end'), { name: 'FollowError', code: 40404, category: 'subscription', final: true });
    assert.deepEqual([byClose, bySignal, byDelete].map(({ state }) => state), ['closed', 'closed', 'closed']);
    const never = start(t, source, { signal: AbortSignal.abort() });
    assert.equal(never.state, 'closed');
    await assert.rejects(never.ready, /^FollowError: closed$/);
  });

  // ---- refusals and waiting ----

  test('what another attempt will not change ends it, with what the server says', async (t) => {
    const topic = await posted();
    for (const [source, options, status, says] of [
      [{ server: daemon.url, topic: 'none' }, {}, 404, /none/],
      [{ server: daemon.url, topic: topic.id }, { mode: 'event' }, 406, /offered/],
      [`${daemon.url}/none`, {}, 404, /none/],
    ]) {
      const doc = start(t, source, options);
      await assert.rejects(doc.ready, { name: 'FollowError', status, final: true, message: says });
      assert.equal(doc.state, 'closed');
      assert.equal(doc.of('error').length, 1);
    }
  });

  test('the server has other data under the same name: begins anew', async (t) => {
    const make = async (extra, value) => {
      const own = await startDaemon({ args: [...ARGS, ...HEARTBEAT, ...extra] });
      t.after(() => own.kill());
      await post(own, await posted(own, { name: 'the name' }), value);
      return own;
    };
    const one = await make([], { of: 'one' });
    const doc = start(t, { server: one.url, topic: 'the name' });
    assert.deepEqual(await doc.ready, { of: 'one' });
    await one.kill();
    // It may be asked before the topic is made there: that ends it, so the connection is kept away until then.
    doc.close();
    const other = await make([], { of: 'other' });
    const again = start(t, { server: other.url, topic: 'the name' }, { document: doc.document, lastEventId: doc.id });
    await documentOf(again, { of: 'other' });
    assert.deepEqual(again.of('error').map(({ status, final }) => [status, final]), [[400, false]]);
  });

  // A server of the test's own: answers are what the functions do, the last one for good.
  function scripted(...answers) {
    const at = newPath();
    const times = [];
    origin.on(at, (req, res, n) => {
      times.push(performance.now());
      answers[Math.min(n, answers.length) - 1](res, req);
    });
    return { url: origin.url(at), at, gap: (i) => times[i] - times[i - 1] };
  }
  const streaming = (text) => (res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.end(text);
  };
  const refusing = (status, headers = {}) => (res) => res.writeHead(status, headers).end();
  const snapshot = 'id: t#1\nevent: snapshot\ndata: {"a":1}\n\n';

  test('waits longer and longer, as long as the server says, and not for ever', async (t) => {
    const bad = scripted(refusing(500), refusing(502), (res) => res.destroy(), streaming('retry: 400\n\n'), refusing(503, { 'Retry-After': '1' }),
      (res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'), streaming(snapshot));
    const doc = start(t, bad.url, { retry: 60, maxRetry: 200 });
    await doc.ready;
    for (const [i, least, most] of [[1, 60, 90], [2, 120, 180], [3, 200, 300], [4, 400, 600], [5, 1000, 1500], [6, 120, 180]]) {
      assert.ok(bad.gap(i) > least - 2 && bad.gap(i) < most + 1000, `${i}: ${bad.gap(i)}`);
    }
    assert.deepEqual(doc.of('error').map(({ status }) => status), [500, 502, undefined, 503, 200]);
    assert.equal(doc.id, 't#1');
  });

  test('a wish to come back after years is waited for', async (t) => {
    const far = scripted(streaming('retry: 99999999999999\n\n'));
    const doc = start(t, far.url);
    await stateOf(doc, 'live');
    await stateOf(doc, 'connecting');
    await new Promise((resolve) => setTimeout(resolve, 200)); // in which a timer that overflows would fire
    assert.equal(origin.requests(far.at).length, 1);
  });

  test('header fields, made for each attempt; 401 is tried again with them', async (t) => {
    const guarded = scripted(refusing(401), streaming(snapshot), refusing(401), (res) => streaming(snapshot.replace('#1', '#2'))(res));
    let n = 0;
    const doc = start(t, guarded.url, { mode: 'snapshot-only', headers: async () => ({ Authorization: `Bearer ${++n}` }) });
    await doc.until(() => doc.id === 't#2');
    const fields = origin.requests(guarded.at).map(({ headers }) => headers);
    assert.deepEqual(fields.slice(0, 4).map(({ authorization }) => authorization), ['Bearer 1', 'Bearer 2', 'Bearer 3', 'Bearer 4']);
    assert.deepEqual(fields.slice(0, 4).map((field) => field['last-event-id']), [undefined, undefined, 't#1', 't#1']);
    assert.equal(fields[0].accept, 'application/vnd.axway.streams+snapshot-only');
    doc.close();
    const fixed = start(t, scripted(refusing(401)).url, { headers: { Authorization: 'x' } });
    await assert.rejects(fixed.ready, { status: 401, final: true });
  });

  test('another fetch can be given', async (t) => {
    const asked = [];
    const doc = start(t, 'http://nowhere.invalid/x', {
      fetch: async (url, init) => {
        asked.push([url, init.cache]);
        return new Response(snapshot, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
      },
    });
    assert.deepEqual(await doc.ready, { a: 1 });
    assert.deepEqual(asked[0], ['http://nowhere.invalid/x', 'no-store']);
  });

  test('an answer that never comes is given up', async (t) => {
    const dead = scripted(() => {}, streaming(snapshot));
    const doc = start(t, dead.url, { staleAfter: 300 });
    assert.deepEqual(await doc.ready, { a: 1 });
    assert.deepEqual(doc.of('state').map(({ state }) => state).slice(0, 2), ['stale', 'live']);
  });
});

// ---- the package ----

describe('the package', () => {
  test('holds exactly what is meant', (t) => {
    const env = { ...process.env, npm_config_cache: scratch(t) };
    const run = spawnSync('npm', ['pack', '--dry-run', '--json', '--offline'], { cwd: folder, encoding: 'utf8', env });
    assert.equal(run.status, 0, run.stderr);
    const [{ name, files }] = JSON.parse(run.stdout);
    assert.equal(name, 'pollcast-client');
    const expected = ['LICENSE', 'README.md', 'frames.js', 'index.d.ts', 'index.js', 'package.json', 'patch.js'];
    assert.deepEqual(files.map((file) => file.path).sort(), expected);
  });

  test('is found by its name, needs nothing, and its types name what it exports', async (t) => {
    const description = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
    assert.equal(description.dependencies, undefined);
    assert.equal(fs.readFileSync(path.join(folder, 'LICENSE'), 'utf8'), fs.readFileSync(path.join(root, 'LICENSE'), 'utf8'));
    const dir = scratch(t);
    fs.mkdirSync(path.join(dir, 'node_modules'));
    fs.symlinkSync(folder, path.join(dir, 'node_modules', 'pollcast-client'));
    const script = "import('pollcast-client').then((all) => console.log(Object.keys(all).sort().join()))";
    const run = spawnSync(process.execPath, ['-e', script], { cwd: dir, encoding: 'utf8' });
    assert.equal(run.stdout.trim(), Object.keys(client).sort().join(), run.stderr);
    const types = fs.readFileSync(path.join(folder, 'index.d.ts'), 'utf8');
    const named = [...types.matchAll(/^export (?:declare )?(?:class|function) (\w+)/gm)].map((match) => match[1]);
    assert.deepEqual(named.sort(), Object.keys(client).sort());
  });
});
