// The topics API as a client sees it: the real program, on two loops, with a connection for each request, so that
// requests come in on either loop whoever owns the topic.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { assertErrors } from './lib/api.js';
import { startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { debugOf } from './lib/topics.js';

const TOPICS = '/streams/hub/api/v1/topics';
const MASK = '********';
let daemon;
let origin;

before(async () => {
  origin = await startOrigin();
  daemon = await startDaemon({ args: ['--loops', '2'] });
});
after(async () => {
  await daemon.stop();
  await origin.close();
});

let unique = 0;
function topic(config = {}, more = {}) {
  const { publisher = {}, ...rest } = more;
  return {
    name: `topic ${++unique}`,
    publisher: { type: 'http-poller', config: { url: origin.url('/nothing'), ...config }, ...publisher },
    ...rest,
  };
}

async function create(...args) {
  const answer = await daemon.request('POST', TOPICS, { body: topic(...args) });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

test('a topic is created, shown by id and by name, and deleted', async () => {
  const body = topic({ pollingPeriod: 'PT60S', headers: { 'X-A': '1' } }, { name: 'näme with ?&#% all' });
  const made = await daemon.request('POST', TOPICS, { body });
  assert.equal(made.status, 201);
  assert.equal(made.headers.location, `${TOPICS}/${made.json.id}`);
  assert.match(made.json.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(made.json.createTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(made.json.modifyTimestamp, made.json.createTimestamp);
  assert.deepEqual(made.json, {
    id: made.json.id,
    name: body.name,
    publisher: {
      type: 'http-poller',
      config: {
        url: origin.url('/nothing'), pollingPeriod: 'PT60S', headers: { 'X-A': '1' }, retryOnHttpCodes: [500, 503, 504],
        retryMaxAttempts: 3, retryBackOffInitialDuration: 'PT1S', retryBackOffMaxDuration: 'PT10S',
        retryBackOffFactor: 0.5, allowMove: false,
      },
      payload: { type: 'snapshot' },
      alwaysOn: false,
    },
    subscribers: [{ type: 'sse', allowedSubscriptionModes: made.json.subscribers[0].allowedSubscriptionModes, defaultSubscriptionMode: 'snapshot-patch' }],
    createTimestamp: made.json.createTimestamp,
    modifyTimestamp: made.json.modifyTimestamp,
  });
  const byName = `${TOPICS}/${encodeURIComponent(body.name)}`;
  for (const target of [made.headers.location, byName]) {
    const got = await daemon.request('GET', target);
    assert.equal(got.status, 200);
    assert.deepEqual(got.json, made.json);
    const head = await daemon.request('HEAD', target);
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-length'], String(Buffer.byteLength(got.text)));
  }
  const gone = await daemon.request('DELETE', byName);
  assert.equal(gone.status, 204);
  assert.equal(gone.text, '');
  for (const [method, target] of [['GET', made.headers.location], ['GET', byName], ['DELETE', made.headers.location]]) {
    assertErrors(await daemon.request(method, target), 404, { says: /no topic has the id or name/ });
  }
});

test('all faults are told at once, each with its pointer', async () => {
  const answer = await daemon.request('POST', TOPICS, {
    body: {
      publisher: { type: 'http-poller', config: { url: 'ftp://x', pollingPeriod: 'PT0.1S', headrs: {}, headers: { Host: 'x' } } },
      subscribers: [{ type: 'pigeon' }],
    },
  });
  assertErrors(
    answer, 400,
    { pointer: '/name', parameter: 'name', says: /required/ },
    { pointer: '/publisher/config/url', parameter: 'config', says: /http:\/\/ or https:\/\// },
    { pointer: '/publisher/config/pollingPeriod', parameter: 'config', says: /between PT0\.5S and PT1H/ },
    { pointer: '/publisher/config/headers/Host', parameter: 'config', says: /set by the (poller|server)/ },
    { pointer: '/publisher/config/headrs', parameter: 'config', says: /did you mean "headers"/ },
    { pointer: '/subscribers/0/type', parameter: 'subscribers', says: /"sse"/ },
  );
  assert.equal(answer.json.errors[0].title, 'Validation error: Topic');
  assert.equal(answer.json.errors[1].title, 'Validation error: Publisher config');
});

test('bodies that are no JSON are refused with the place', async () => {
  const cases = [
    ['{\n  "name": "a",\n  "publisher": }', 3, 16],
    ['{"name": "a"', 1],
    ['', 1],
    ['{"a":1} {"b":2}', 1],
    ["{'a': 1}", 1, 2],
    ['{"a": 01}', 1],
    ['[1,]', 1],
    ['\ufeff{}', 1],
  ];
  for (const [body, line, column] of cases) {
    const answer = await daemon.request('POST', TOPICS, { body });
    assertErrors(answer, 400, {});
    assert.equal(answer.json.errors[0].meta.line, line, `${body}: ${answer.text}`);
    if (column) assert.equal(answer.json.errors[0].meta.column, column, `${body}: ${answer.text}`);
  }
  for (const body of [Buffer.from([0x22, 0xff, 0x22]), Buffer.from('"\xed\xa0\x80"', 'latin1'), '['.repeat(10_000), `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`]) {
    assertErrors(await daemon.request('POST', TOPICS, { body }), 400, {});
  }
  const big = JSON.stringify(topic({ payloadPointer: `/${'a'.repeat(300_000)}` }));
  assertErrors(await daemon.request('POST', TOPICS, { body: big }), 413, { says: /262144/ });
});

test('a repeated member counts once, the last; huge numbers are no trouble', async () => {
  const text = JSON.stringify(topic()).replace('"name":', '"name":"first","name":');
  const made = await daemon.request('POST', TOPICS, { body: text });
  assert.equal(made.status, 201, made.text);
  assert.notEqual(made.json.name, 'first');
  const huge = JSON.stringify(topic()).replace('"url"', `"retryMaxAttempts":1${'0'.repeat(5000)},"url"`);
  assertErrors(await daemon.request('POST', TOPICS, { body: huge }), 400, { pointer: '/publisher/config/retryMaxAttempts', says: /a long number/ });
});

test('paths that are not text, and parts that are missing', async () => {
  for (const target of ['/%00', '/%ff', `${TOPICS}/%2F`, `${TOPICS}/..`]) assertErrors(await daemon.request('GET', target), 400, {});
  for (const target of ['/streams', `${TOPICS}/`, `${TOPICS}//poll`]) assertErrors(await daemon.request('GET', target), 404, {});
});

test('names are unique', async () => {
  const a = await create();
  const b = await create();
  const taken = await daemon.request('POST', TOPICS, { body: topic({}, { name: a.name }) });
  assertErrors(taken, 409, { pointer: '/name', says: /names are unique/ });
  assertErrors(await daemon.request('PATCH', `${TOPICS}/${b.id}`, { body: { name: a.name } }), 409, { pointer: '/name' });
  const renamed = await daemon.request('PATCH', `${TOPICS}/${a.id}`, { body: { name: `${a.name} (old)` } });
  assert.equal(renamed.status, 200);
  assert.equal((await daemon.request('PATCH', `${TOPICS}/${b.id}`, { body: { name: a.name } })).status, 200);
  assert.equal((await daemon.request('GET', `${TOPICS}/${encodeURIComponent(a.name)}`)).json.id, b.id);
  const race = await Promise.all(Array.from({ length: 10 }, () => daemon.request('POST', TOPICS, { body: topic({}, { name: 'wanted by all' }) })));
  assert.deepEqual(race.map((r) => r.status).sort(), [201, ...Array(9).fill(409)]);
});

test('PATCH merges, null removes, fixed attributes stay', async () => {
  const made = await create({ headers: { 'X-A': '1', 'X-B': '2' }, payloadPointer: '/a' });
  const target = `${TOPICS}/${made.id}`;
  const patched = await daemon.request('PATCH', target, {
    body: { publisher: { config: { headers: { 'X-A': null, 'X-C': '3' }, payloadPointer: null, pollingPeriod: 'PT7S' }, alwaysOn: true } },
    headers: { 'Content-Type': 'application/merge-patch+json' },
  });
  assert.equal(patched.status, 200, patched.text);
  assert.deepEqual(patched.json.publisher.config.headers, { 'X-B': '2', 'X-C': '3' });
  assert.equal(patched.json.publisher.config.payloadPointer, undefined);
  assert.equal(patched.json.publisher.config.pollingPeriod, 'PT7S');
  assert.equal(patched.json.publisher.alwaysOn, true);
  assert.equal(patched.json.createTimestamp, made.createTimestamp);
  assert.deepEqual((await daemon.request('GET', target)).json, patched.json);

  assertErrors(await daemon.request('PATCH', target, { body: { id: '11111111-2222-4333-8444-555555555555' } }), 400, { pointer: '/id', says: /fixed/ });
  assertErrors(await daemon.request('PATCH', target, { body: { publisher: { payload: { type: 'event' } } } }), 400, { pointer: '/publisher/payload/type', says: /fixed/ });
  assertErrors(await daemon.request('PATCH', target, { body: { publisher: { type: 'http-post' } } }), 400, { pointer: '/publisher/type', says: /fixed/ });
  assertErrors(await daemon.request('PATCH', target, { body: { name: null } }), 400, { pointer: '/name' });
  assertErrors(await daemon.request('PATCH', target, { body: [] }), 400, { pointer: '' });
  assert.deepEqual((await daemon.request('GET', target)).json, patched.json);
  const same = await daemon.request('PATCH', target, { body: {} });
  assert.deepEqual(same.json, patched.json);
  assertErrors(await daemon.request('PATCH', `${TOPICS}/nobody`, { body: {} }), 404, {});
});

test('changes made at the same time are all kept', async () => {
  const made = await create();
  const names = Array.from({ length: 40 }, (_, i) => `X-${String(i).padStart(2, '0')}`);
  const answers = await Promise.all(names.map((name) => daemon.request('PATCH', `${TOPICS}/${made.id}`, { body: { publisher: { config: { headers: { [name]: name } } } } })));
  assert.deepEqual(answers.map((a) => a.status), names.map(() => 200), answers.map((a) => a.text).join());
  const { publisher } = (await daemon.request('GET', `${TOPICS}/${made.id}`)).json;
  assert.deepEqual(Object.keys(publisher.config.headers).sort(), names);
});

test('of changes to one attribute at the same time the last stays, and nobody is refused', async () => {
  const made = await create({ headers: { 'X-A': '1' } });
  const target = `${TOPICS}/${made.id}`;
  const answers = await Promise.all(Array.from({ length: 150 }, (_, i) => daemon.request('PATCH', target, { body: i % 2 ? { publisher: { config: { payloadPointer: `/${i}` } } } : { publisher: { config: { headers: { 'X-B': `${i}` } } } } })));
  assert.deepEqual(answers.filter((a) => a.status !== 200).map((a) => a.text), []);
  const { config } = (await daemon.request('GET', target)).json.publisher;
  // What each saw holds what all before it made: only one of each kind can have been last.
  const last = answers.filter((a) => a.json.publisher.config.payloadPointer === config.payloadPointer && a.json.publisher.config.headers['X-B'] === config.headers['X-B']);
  assert.ok(last.length >= 1);
  assert.equal(config.headers['X-A'], '1');
  assert.match(config.payloadPointer, /^\/\d+$/);
});

test('secrets are not shown, and the mask that comes back keeps them', async () => {
  origin.json('/secret', { a: 1 });
  const made = await create({ url: origin.url('/secret'), headers: { Authorization: 'Bearer hush-1', 'X-Api-Key': 'hush-2', Accept: 'application/json' } });
  assert.deepEqual(made.publisher.config.headers, { Authorization: MASK, 'X-Api-Key': MASK, Accept: 'application/json' });
  const target = `${TOPICS}/${made.id}`;
  const back = await daemon.request('PUT', target, { body: { ...made, name: `${made.name}!` } });
  assert.equal(back.status, 200, back.text);
  await daemon.request('PATCH', target, { body: { publisher: { config: { headers: { 'X-Api-Key': MASK, Authorization: 'Bearer hush-3' } } } } });
  const before = origin.requests('/secret').length;
  await daemon.request('POST', `${target}/poll`);
  const asked = await origin.asked('/secret', before + 1);
  assert.equal(asked.headers.authorization, 'Bearer hush-3');
  assert.equal(asked.headers['x-api-key'], 'hush-2');
  assertErrors(await daemon.request('PATCH', target, { body: { publisher: { config: { headers: { Cookie: MASK } } } } }), 400, { says: /none is stored here/ });
  const shown = [daemon.log.join('\n')];
  for (const path of [target, TOPICS, `${target}/debug`, '/metrics']) shown.push((await daemon.request('GET', path)).text);
  assert.ok(!shown.join('\n').includes('hush-'));
});

test('PUT creates at a UUID, replaces, and repeats without effect', async () => {
  const id = 'ABCDEF00-2222-4333-8444-555555555555';
  const target = `${TOPICS}/${id.toLowerCase()}`;
  const body = topic({ headers: { 'X-A': '1' } });
  const made = await daemon.request('PUT', `${TOPICS}/${id}`, { body });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.location, target);
  for (const one of [target, `${TOPICS}/${id}`]) assert.deepEqual((await daemon.request('GET', one)).json, made.json);
  assert.equal((await daemon.request('PUT', `${TOPICS}/${id}`, { body })).status, 200);
  const again = await daemon.request('PUT', target, { body });
  assert.equal(again.status, 200);
  assert.deepEqual(again.json, made.json);
  const other = await daemon.request('PUT', target, { body: { ...body, publisher: { ...body.publisher, config: { url: origin.url('/b') } } } });
  assert.equal(other.status, 200);
  assert.equal(other.json.publisher.config.headers, undefined);
  assert.equal(other.json.createTimestamp, made.json.createTimestamp);
  const fresh = '11111111-2222-4333-8444-555555555556';
  const race = await Promise.all(Array.from({ length: 10 }, (_, i) => daemon.request('PUT', `${TOPICS}/${fresh}`, { body: topic({}, { name: `put ${i}` }) })));
  assert.deepEqual(race.map((r) => r.status).sort(), [...Array(9).fill(200), 201]);
  assertErrors(await daemon.request('PUT', `${TOPICS}/no-uuid`, { body }), 400, { says: /UUID, found "no-uuid"$/ });
  assertErrors(await daemon.request('PUT', `${TOPICS}/${encodeURIComponent(body.name)}`, { body }), 400, { says: new RegExp(`UUID, found "${body.name}"; the topic of this name has the id ${made.json.id}$`) });
  const named = topic({}, { name: '11111111-2222-4333-8444-555555555557' });
  const first = await daemon.request('POST', TOPICS, { body: named });
  const second = await daemon.request('PUT', `${TOPICS}/${named.name}`, { body: topic() });
  assert.equal(second.status, 201, 'the name of a topic is no id of one');
  assert.notEqual(second.json.id, first.json.id);
  assertErrors(await daemon.request('PUT', target, { body: { ...body, id: '11111111-2222-4333-8444-555555555555' } }), 400, { pointer: '/id' });
});

test('fixed attributes and servers own: PUT as PATCH', async () => {
  const body = topic();
  const made = await create({}, { name: body.name });
  const target = `${TOPICS}/${made.id}`;
  assertErrors(await daemon.request('PUT', target, { body: { ...body, publisher: { type: 'http-post', config: {} } } }), 400, { pointer: '/publisher/type', parameter: 'publisher', says: /fixed/ });
  assertErrors(await daemon.request('PUT', target, { body: { ...body, publisher: { ...body.publisher, payload: { type: 'event' } } } }), 400, { pointer: '/publisher/payload/type', parameter: 'publisher', says: /fixed/ });
  const later = { ...body, createTimestamp: '2000-01-01T00:00:00.000Z', modifyTimestamp: 'x', id: made.id.toUpperCase() };
  const put = await daemon.request('PUT', target, { body: later });
  assert.equal(put.status, 200, put.text);
  assert.deepEqual([put.json.id, put.json.createTimestamp], [made.id, made.createTimestamp]);
});

test('subscribers: an array or a map by type; a map in a PATCH changes its types only', async () => {
  const sse = (topic) => topic.subscribers.find((one) => one.type === 'sse');
  const all = sse(await create()).allowedSubscriptionModes;
  for (const mode of ['snapshot-only', 'snapshot-patch']) assert.ok(all.includes(mode));
  assert.ok(!all.includes('event'));
  for (const subscribers of [undefined, [], {}, [{ type: 'sse' }], { sse: {} }, { sse: { type: 'sse' } }]) {
    const made = await create({}, { subscribers });
    assert.deepEqual(sse(made), { type: 'sse', allowedSubscriptionModes: all, defaultSubscriptionMode: 'snapshot-patch' });
  }
  for (const subscribers of [[{ type: 'sse', allowedSubscriptionModes: ['snapshot-only'] }], { sse: { allowedSubscriptionModes: ['snapshot-only'] } }]) {
    const made = await create({}, { subscribers });
    assert.equal(sse(made).defaultSubscriptionMode, 'snapshot-only');
    const patch = (body) => daemon.request('PATCH', `${TOPICS}/${made.id}`, { body: { subscribers: body } });
    const wider = await patch({ sse: { allowedSubscriptionModes: all } });
    assert.equal(wider.status, 200, wider.text);
    assert.deepEqual(sse(wider.json).allowedSubscriptionModes, all);
    const chosen = await patch({ sse: { defaultSubscriptionMode: 'snapshot-only' } });
    assert.deepEqual(sse(chosen.json), { type: 'sse', allowedSubscriptionModes: all, defaultSubscriptionMode: 'snapshot-only' });
    const reset = await patch([{ type: 'sse' }]);
    assert.deepEqual(sse(reset.json), { type: 'sse', allowedSubscriptionModes: all, defaultSubscriptionMode: 'snapshot-patch' });
    assertErrors(await patch({ pigeon: {} }), 400, { pointer: '/subscribers/pigeon', parameter: 'subscribers' });
    assertErrors(await patch({ sse: { type: 'webhook' } }), 400, { pointer: '/subscribers/sse' });
    assertErrors(await patch({ sse: { allowedSubscriptionModes: ['event'] } }), 400, { parameter: 'subscribers' });
  }
});

test('a change that is not of the publisher leaves its poll alone', async () => {
  const asked = [];
  origin.on('/slow', (req, res) => asked.push(res));
  const made = await create({ url: origin.url('/slow'), pollingPeriod: 'PT1H' }, { publisher: { alwaysOn: true } });
  const target = `${TOPICS}/${made.id}`;
  const patch = async (body) => assert.equal((await daemon.request('PATCH', target, { body })).status, 200);
  const polls = async () => (await debugOf(daemon, made)).lastPolls.map((poll) => poll.exit);
  await until(() => asked.length === 1);

  await patch({ name: `${made.name}, renamed` });
  await patch({ subscribers: { sse: { allowedSubscriptionModes: ['snapshot-only'] } } });
  await daemon.request('PUT', target, { body: { ...made, name: `${made.name}, put` } });
  asked[0].writeHead(429, { 'Retry-After': '100' }).end();
  await until(async () => (await polls()).length === 1);
  assert.deepEqual(await polls(), ['error']);
  assert.equal(asked.length, 1);
  assert.ok((await debugOf(daemon, made)).poller.askedToWait);

  await patch({ name: `${made.name}, again` });
  await patch({ publisher: { alwaysOn: false } });
  await patch({ publisher: { alwaysOn: true } });
  await patch({ publisher: { config: { pollingPeriod: 'PT1H' } } });
  assert.ok((await debugOf(daemon, made)).poller.askedToWait);
  assert.equal(asked.length, 1);

  await patch({ publisher: { config: { headers: { 'X-A': '1' } } } });
  await until(() => asked.length === 2);
  assert.equal((await debugOf(daemon, made)).poller.askedToWait, undefined);
  await patch({ publisher: { config: { headers: { 'X-A': '2' } } } });
  await until(() => asked.length === 3);
  assert.deepEqual(await polls(), ['error', 'cancelled']);
  asked[2].writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  await until(async () => (await polls()).length === 3);
  assert.deepEqual(await polls(), ['error', 'cancelled', 'ok']);
});

test('snapshot, events and poll, whichever loop is asked', async () => {
  const topics = await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    origin.json(`/data${i}`, { version: 0, big: 12345678901234567890n.toString(), list: [1, 2, 3] });
    return create({ url: origin.url(`/data${i}`) });
  }));
  await Promise.all(topics.map(async ({ id }, i) => {
    const target = `${TOPICS}/${id}`;
    assertErrors(await daemon.request('GET', `${target}/snapshot`), 404, { says: /no document yet/ });
    assert.deepEqual((await daemon.request('GET', `${target}/events`)).json, { items: [], exact: true, more: false, last: 0 });
    for (let version = 1; version <= 3; version++) {
      origin.json(`/data${i}`, { version, text: 'é☃'.repeat(100), list: [1, 2, 3] });
      const accepted = await daemon.request('POST', `${target}/poll`);
      assert.equal(accepted.status, 202, accepted.text);
      await until(async () => {
        const got = await daemon.request('GET', `${target}/snapshot`);
        return got.status === 200 && got.json.version === version;
      });
    }
    const got = await daemon.request('GET', `${target}/snapshot`);
    assert.equal(got.headers.etag, '"3"');
    assert.deepEqual(got.json, { version: 3, text: 'é☃'.repeat(100), list: [1, 2, 3] });
    const same = await daemon.request('GET', `${target}/snapshot`, { headers: { 'If-None-Match': '"1", W/"3"' } });
    assert.equal(same.status, 304);
    assert.equal(same.text, '');
    assert.equal(same.headers.etag, '"3"');
    assert.equal((await daemon.request('GET', `${target}/snapshot`, { headers: { 'If-None-Match': '"2"' } })).status, 200);

    const events = (await daemon.request('GET', `${target}/events`)).json;
    assert.deepEqual(events.items.map((e) => [e.id, e.type]), [[`${id}#1`, 'snapshot'], [`${id}#2`, 'patch'], [`${id}#3`, 'patch']]);
    assert.equal(events.items[0].data.version, 1);
    assert.deepEqual(events.items[2].data, [{ op: 'replace', path: '/version', value: 3 }]);
    assert.ok(Date.parse(events.items[0].time) <= Date.parse(events.items[2].time));
    assert.deepEqual([events.exact, events.more, events.last], [true, false, 3]);
    const part = (await daemon.request('GET', `${target}/events?after=1&limit=1`)).json;
    assert.deepEqual([part.items.map((e) => e.id), part.exact, part.more, part.last], [[`${id}#2`], true, true, 3]);
    const none = (await daemon.request('GET', `${target}/events?after=3`)).json;
    assert.deepEqual([none.items, none.exact], [[], true]);
    assert.equal((await daemon.request('GET', `${target}/events?after=99`)).json.exact, false);
    for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=1001']) {
      assertErrors(await daemon.request('GET', `${target}/events?${query}`), 400, { parameter: query.split('=')[0] });
    }
  }));
  for (const [method, part] of [['GET', 'snapshot'], ['GET', 'events'], ['POST', 'poll'], ['GET', 'debug']]) {
    assertErrors(await daemon.request(method, `${TOPICS}/nobody/${part}`), 404, { says: /nobody/ });
  }
});

test('a topic that does not poll cannot be polled now: 409', async () => {
  const made = await daemon.request('POST', TOPICS, { body: { name: `posted ${++unique}`, publisher: { type: 'http-post', config: {} } } });
  assert.equal(made.status, 201, made.text);
  assertErrors(await daemon.request('POST', `${TOPICS}/${made.json.id}/poll`), 409, { says: /does not poll/ });
});

// Asks until the answer is true.
function until(check, ms = 15_000) {
  let late = false;
  return within(ms, (async () => {
    while (!late && !(await check())) await new Promise((resolve) => setImmediate(resolve));
  })(), String(check)).finally(() => { late = true; });
}

test('debug tells the state of a topic and its last polls', async () => {
  origin.json('/debug', { a: 1 });
  const { id, name } = await create({ url: origin.url('/debug'), retryMaxAttempts: 0 });
  const debug = async () => (await daemon.request('GET', `${TOPICS}/${id}/debug`)).json;
  const fresh = await debug();
  assert.equal(fresh.name, name);
  assert.deepEqual([fresh.sequence, fresh.changed, fresh.error, fresh.lastPolls], [0, null, null, []]);
  assert.equal(fresh.poller.running, false);
  await daemon.request('POST', `${TOPICS}/${id}/poll`);
  await until(async () => (await debug()).lastPolls.length === 1);
  origin.status('/debug', 418);
  await daemon.request('POST', `${TOPICS}/${id}/poll`);
  await until(async () => (await debug()).lastPolls.length === 2);
  const now = await debug();
  assert.equal(now.sequence, 1);
  assert.deepEqual(now.lastPolls.map((p) => [p.exit, p.status]), [['ok', 200], ['error', 418]]);
  assert.equal(now.error.code, 70012);
});

test('health, metrics and the list of routes', async () => {
  assert.deepEqual((await daemon.request('GET', '/health/live')).json, { status: 'live' });
  assert.deepEqual((await daemon.request('GET', '/health/ready')).json, { status: 'ready' });
  const metrics = await daemon.request('GET', '/metrics');
  assert.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.text, /^pollcast_topics \d+$/m);
  const index = await daemon.request('GET', '/', { headers: { Accept: 'text/html' } });
  assert.equal(index.status, 200);
  for (const path of [TOPICS, '/metrics', '/streams/subscribers/sse']) assert.ok(index.text.includes(path));
});

test('clients that leave before the answer do no harm', async () => {
  const { id } = await create();
  const { hostname, port } = new URL(daemon.url);
  for (let i = 0; i < 50; i++) {
    const body = JSON.stringify(topic({}, { name: `left ${i}` }));
    const requests = [
      `POST ${TOPICS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `GET ${TOPICS}/${id}/debug HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET ${TOPICS}/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET ${TOPICS}/${id}/snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    ];
    await new Promise((resolve, reject) => {
      const socket = net.connect(Number(port), hostname, () => socket.write(requests[i % 4], () => socket.resetAndDestroy()));
      socket.on('close', resolve);
      socket.on('error', reject);
    });
  }
  assert.equal((await daemon.request('GET', '/health/live')).status, 200);
  assert.equal((await daemon.request('GET', `${TOPICS}/${id}/debug`)).status, 200);
});

test('topics outlive an orderly stop and a kill -9', async (t) => {
  let own = await startDaemon();
  t.after(() => own.stop());
  const data = own.data;
  const bodies = [topic({ headers: { Cookie: 'hush' } }), topic({ arrayKey: 'id', allowMove: true }, { publisher: { alwaysOn: true } })];
  const made = [];
  for (const body of bodies) made.push((await own.request('POST', TOPICS, { body })).json);
  await own.stop();
  own = await startDaemon({ data });
  for (const one of made) assert.deepEqual((await own.request('GET', `${TOPICS}/${one.id}`)).json, one);
  const changed = await own.request('PATCH', `${TOPICS}/${made[0].id}`, { body: { name: 'renamed' } });
  assert.equal(changed.status, 200);
  await own.request('DELETE', `${TOPICS}/${made[1].id}`);
  await own.kill();
  own = await startDaemon({ data });
  assert.deepEqual((await own.request('GET', TOPICS)).json.items, [changed.json]);
});
