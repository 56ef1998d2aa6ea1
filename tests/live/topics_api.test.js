// The topics API as a client sees it: the real program, on two loops, with a connection for each request, so that
// requests come in on either loop whoever owns the topic.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';

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

// An answer that fails, in the one shape of all errors.
function assertErrors(answer, status, ...errors) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(Object.keys(answer.json), ['errors']);
  for (const error of answer.json.errors) {
    assert.deepEqual(Object.keys(error), ['status', 'title', 'detail', 'meta', 'source']);
    assert.equal(error.status, status);
    assert.ok(error.title.length > 0 && error.detail.length > 0);
  }
  assert.equal(answer.json.errors.length, errors.length, answer.text);
  errors.forEach((expected, i) => {
    if (expected.pointer !== undefined) assert.equal(answer.json.errors[i].source.pointer, expected.pointer);
    if (expected.parameter) assert.equal(answer.json.errors[i].source.parameter, expected.parameter);
    if (expected.says) assert.match(answer.json.errors[i].detail, expected.says);
  });
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
    subscribers: [{ type: 'sse', allowedSubscriptionModes: ['snapshot-only', 'snapshot-patch'], defaultSubscriptionMode: 'snapshot-patch' }],
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
      subscribers: [{ type: 'webhook' }],
    },
  });
  assertErrors(
    answer, 400,
    { pointer: '/name', parameter: 'name', says: /required/ },
    { pointer: '/publisher/config/url', parameter: 'config', says: /http:\/\/ or https:\/\// },
    { pointer: '/publisher/config/pollingPeriod', parameter: 'config', says: /between PT0\.5S and PT1H/ },
    { pointer: '/publisher/config/headers/Host', parameter: 'config', says: /set by the poller/ },
    { pointer: '/publisher/config/headrs', parameter: 'config', says: /did you mean "headers"/ },
    { pointer: '/subscribers/0/type', parameter: 'subscribers', says: /not offered by this version/ },
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

test('media types, methods and paths that are not offered', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
    assertErrors(await daemon.request('POST', TOPICS, { body: topic(), headers: { 'Content-Type': type } }), 415, { says: /application\/json/ });
  }
  const utf8 = await daemon.request('POST', TOPICS, { body: topic(), headers: { 'Content-Type': 'Application/JSON; charset=utf-8' } });
  assert.equal(utf8.status, 201);
  assertErrors(await daemon.request('GET', TOPICS, { headers: { Accept: 'text/html' } }), 406, { says: /application\/json/ });
  assert.equal((await daemon.request('GET', TOPICS, { headers: { Accept: 'text/html, */*;q=0.1' } })).status, 200);

  const wrong = await daemon.request('DELETE', TOPICS);
  assertErrors(wrong, 405, { says: /DELETE is not offered/ });
  assert.equal(wrong.headers.allow, 'GET, HEAD, POST, OPTIONS');
  const options = await daemon.request('OPTIONS', `${TOPICS}/x/poll`);
  assert.equal(options.status, 204);
  assert.equal(options.headers.allow, 'POST, OPTIONS');
  for (const target of ['/streams', `${TOPICS}/`, `${TOPICS}/a/b`, '/%00', '/%ff']) {
    const answer = await daemon.request('GET', target);
    assert.ok(answer.status === 404 || answer.status === 400, `${target}: ${answer.status}`);
    assertErrors(answer, answer.status, {});
  }
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
  assertErrors(await daemon.request('PATCH', target, { body: { publisher: { payload: { type: 'event' } } } }), 400, {}, { pointer: '/publisher/payload/type', says: /fixed/ });
  assertErrors(await daemon.request('PATCH', target, { body: { publisher: { type: 'http-post' } } }), 400, {}, { pointer: '/publisher/type', says: /fixed/ });
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
  assertErrors(await daemon.request('PUT', `${TOPICS}/no-uuid`, { body }), 400, { says: /UUID/ });
  assertErrors(await daemon.request('PUT', target, { body: { ...body, id: '11111111-2222-4333-8444-555555555555' } }), 400, { pointer: '/id' });
});

test('collections come in pages, sorted by name', async () => {
  const made = [];
  for (let i = 0; i < 25; i++) made.push((await create({}, { name: `zz page ${String((i * 7) % 25).padStart(2, '0')}` })).name);
  const all = [];
  let target = `${TOPICS}?page=1&pageSize=10`;
  let pages = 0;
  for (; target; pages++) {
    const { status, json, headers } = await daemon.request('GET', target);
    assert.equal(status, 200);
    assert.equal(json.links.self, target);
    assert.equal(json.links.first, `${TOPICS}?page=1&pageSize=10`);
    assert.ok(headers.link.includes(`<${json.links.last}>; rel="last"`));
    assert.equal(headers.link.includes('rel="next"'), json.links.next !== undefined);
    assert.equal(json.links.prev !== undefined, pages > 0);
    all.push(...json.items.map((t) => t.name));
    target = json.links.next;
  }
  assert.equal(pages, Math.ceil(all.length / 10));
  assert.deepEqual(all, [...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  for (const name of made) assert.equal(all.filter((n) => n === name).length, 1);
  assert.equal((await daemon.request('GET', TOPICS)).json.items.length, 20);
  const beyond = await daemon.request('GET', `${TOPICS}?page=4000000000&pageSize=1000`);
  assert.equal(beyond.status, 200);
  assert.deepEqual(beyond.json.items, []);
  assert.equal(beyond.json.links.prev, `${TOPICS}?page=1&pageSize=1000`);
  for (const query of ['page=0', 'page=x', 'page=-1', 'page=', 'pageSize=0', 'pageSize=1001', 'page=99999999999999999999', 'search=name:a', 'sort=createTimestamp,DESC']) {
    assertErrors(await daemon.request('GET', `${TOPICS}?${query}`), 400, { parameter: query.split('=')[0] });
  }
  assert.equal((await daemon.request('GET', `${TOPICS}?sort=name,ASC`)).status, 200);
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
      `POST ${TOPICS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `GET ${TOPICS}/${id}/debug HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${TOPICS}/${id}/events HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${TOPICS}/${id}/snapshot HTTP/1.1\r\nHost: x\r\n\r\n`,
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
