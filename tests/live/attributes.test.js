// The attributes of an http-poller as their source documents them, each seen by the origin or by a subscriber: the examples
// of the document as they stand there, with the addresses of this test in place of theirs, and what no other test looks at.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';

import { daemon, newPath, origin, pollOnce, queryOf, rig } from './lib/rig.js';
import { createTopic, follow, isEvent, patchConfig, pollNow, TOPICS } from './lib/topics.js';

rig();

const urls = (at) => origin.requests(at).map((req) => req.url.slice(at.length));
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/;
// A text in UTC without a zone, between two moments given in ms.
function between(text, from, to) {
  assert.match(text, SECONDS);
  const at = Date.parse(`${text}Z`);
  assert.ok(at >= from - 1000 && at <= to, `${text} is not in ${new Date(from).toISOString()} … ${new Date(to).toISOString()}`);
}

// A token endpoint that gives `token`, and keeps what it was asked.
function provide(token) {
  const at = newPath();
  const asked = [];
  origin.on(at, (req, res) => {
    let body = '';
    req.on('data', (part) => { body += part; });
    req.on('end', () => {
      asked.push({ method: req.method, type: req.headers['content-type'], authorization: req.headers.authorization, form: Object.fromEntries(new URLSearchParams(body)) });
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }));
    });
  });
  return { provider: origin.url(at), asked };
}

// Pages of one item each; the next by /links/next.
function servePages(at, parameter, names) {
  origin.on(at, (req, res) => {
    const n = Number(queryOf(req).get(parameter) ?? 1);
    const next = n < names.length ? `${at}?${parameter}=${n + 1}` : null;
    res.end(JSON.stringify({ items: [{ name: names[n - 1] }], links: { first: at, next } }));
  });
}

// ---- the examples of the document ----

test('all attributes together', async (t) => {
  const at = newPath();
  servePages(at, 'page', ['one', 'two', 'three']);
  const { provider, asked } = provide('token-1');
  const from = Date.now();
  const topic = await createTopic(daemon, {
    url: origin.url(at),
    pollingPeriod: 'PT5S',
    payloadPointer: '/items',
    headers: { CustomHeader: 'value', CustomHeader2: 'value1,value2' },
    authorization: { type: 'oauth2', clientId: 'myclientId', clientSecret: 'myclientSecret', provider, scope: 'READ,WRITE', mode: 'body' },
    retryOnHttpCodes: [500, 503, 504],
    retryMaxAttempts: 3,
    retryBackOffInitialDuration: 'PT1S',
    retryBackOffMaxDuration: 'PT10S',
    retryBackOffFactor: 0.5,
    computedQueryParameters: {
      computedQueryParam1: { type: 'date-time', reference: 'last-success', pattern: "yyyy-MM-dd'T'HH:mm:ss" },
      computedQueryParam2: { type: 'timestamp', reference: 'last-success', useMilliseconds: true, initialValue: 1641224429000 },
    },
    pagination: {
      mode: 'page',
      page: { parameterName: 'page', initial: 1 },
      pageSize: { parameterName: 'pageSize', value: 1 },
      nextReference: { location: 'body', type: 'uri', pointer: '/links/next' },
    },
  });
  const stream = await follow(t, daemon, topic);
  const frame = await stream.next(isEvent);
  const to = Date.now();
  assert.deepEqual([frame.event, JSON.parse(frame.data)], ['snapshot', [{ name: 'one' }, { name: 'two' }, { name: 'three' }]]);
  assert.deepEqual(asked, [{
    method: 'POST', type: 'application/x-www-form-urlencoded', authorization: undefined,
    form: { grant_type: 'client_credentials', client_id: 'myclientId', client_secret: 'myclientSecret', scope: 'READ,WRITE' },
  }]);
  const [first, ...others] = urls(at);
  const [, moment] = /^\?computedQueryParam1=([^&]+)&computedQueryParam2=1641224429000&page=1&pageSize=1$/.exec(first);
  between(moment, from - 5000, to - 5000);
  assert.deepEqual(others, ['?page=2', '?page=3']); // as the source wrote them
  for (const { method, headers } of origin.requests(at)) {
    assert.deepEqual([method, headers.customheader, headers.customheader2, headers.authorization], ['GET', 'value', 'value1,value2', 'Bearer token-1']);
  }
  // The next cycle: both are the start of this one.
  await pollNow(daemon, topic);
  const query = queryOf(await origin.asked(at, 4));
  const success = Number(query.get('computedQueryParam2'));
  assert.ok(success >= from && success <= to, `${success}`);
  assert.equal(Date.parse(`${query.get('computedQueryParam1')}Z`), Math.floor(success / 1000) * 1000);
});

test('the example of date-time', async () => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, {
    url: origin.url(at), pollingPeriod: 'PT1M',
    computedQueryParameters: { from: { type: 'date-time', reference: 'last-success', pattern: "yyyy-MM-dd'T'HH:mm:ss", initialValue: '2021-09-22T09:56:09' } },
  });
  const { from, to } = await pollOnce(topic);
  await pollOnce(topic);
  const [first, second] = urls(at);
  assert.equal(first, '?from=2021-09-22T09:56:09');
  assert.match(second, /^\?from=[^&%]*$/);
  between(second.slice('?from='.length), from, to);
});

test('the example of timestamp', async () => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, {
    url: origin.url(at), pollingPeriod: 'PT60S',
    computedQueryParameters: { from: { type: 'timestamp', reference: 'last-success', initialValue: 1641290851 } },
  });
  const { from, to } = await pollOnce(topic);
  await pollOnce(topic);
  const [first, second] = urls(at);
  assert.equal(first, '?from=1641290851');
  const [, seconds] = /^\?from=(\d{10})$/.exec(second);
  assert.ok(Number(seconds) >= Math.floor(from / 1000) && Number(seconds) <= to / 1000, second);
});

test('date-time and timestamp with nothing but their type', async () => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), computedQueryParameters: { d: { type: 'date-time' }, t: { type: 'timestamp' } } });
  const { from, to } = await pollOnce(topic);
  const [, date, seconds] = /^\?d=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z&t=(\d{10})$/.exec(urls(at)[0]);
  between(date, from - 5000, to - 5000); // the default period
  assert.equal(Date.parse(`${date}Z`), Number(seconds) * 1000);
});

describe('the examples of authorization, and less:', () => {
  const basic = `Basic ${Buffer.from('myclientId:myclientSecret').toString('base64')}`;
  const secrets = { client_id: 'myclientId', client_secret: 'myclientSecret' };
  for (const [name, more, authorization, form] of [
    ['mode header', { mode: 'header', scope: 'READ' }, basic, { scope: 'READ' }],
    ['no mode: header', { scope: 'READ' }, basic, { scope: 'READ' }],
    ['mode body', { mode: 'body', scope: 'READ WRITE' }, undefined, { scope: 'READ WRITE', ...secrets }],
    ['no scope', { mode: 'header' }, basic, {}],
    ['no scope, mode body', { mode: 'body' }, undefined, secrets],
  ]) {
    it(name, async () => {
      const at = newPath();
      origin.json(at, { a: 1 });
      const { provider, asked } = provide(`of ${name}`.replaceAll(/\W/g, '-'));
      const config = { url: origin.url(at), authorization: { type: 'oauth2', clientId: 'myclientId', clientSecret: 'myclientSecret', provider, ...more } };
      assert.equal((await pollOnce(await createTopic(daemon, config))).exit, 'ok');
      assert.deepEqual(asked.map((a) => [a.authorization, a.form]), [[authorization, { grant_type: 'client_credentials', ...form }]]);
      assert.match(origin.requests(at)[0].headers.authorization, /^Bearer of-[-\w]+$/);
    });
  }
});

describe('the examples of pagination:', () => {
  const nextReference = { location: 'body', type: 'uri', pointer: '/links/next' };
  const pageSize = { parameterName: 'pageSize', value: 100 };
  for (const [name, pagination, parameter, first] of [
    ['page', { mode: 'page', page: { parameterName: 'page', initial: 1 }, pageSize, nextReference }, 'page', '?page=1&pageSize=100'],
    ['offset', { mode: 'offset', offset: { parameterName: 'offset', initial: 1 }, limit: { parameterName: 'limit', value: 100 }, nextReference }, 'offset', '?offset=1&limit=100'],
    ['keyset', { mode: 'keyset', key: { parameterName: 'sinceKey' }, pageSize, nextReference }, 'sinceKey', '?pageSize=100'],
    ['cursor', { mode: 'cursor', cursor: { parameterName: 'cursor' }, pageSize, nextReference }, 'cursor', '?pageSize=100'],
  ]) {
    it(name, async () => {
      const at = newPath();
      servePages(at, parameter, ['one', 'two']);
      const topic = await createTopic(daemon, { url: origin.url(at), payloadPointer: '/items', pagination });
      assert.equal((await pollOnce(topic)).exit, 'ok');
      assert.deepEqual(urls(at), [first, `?${parameter}=2`]);
      assert.deepEqual((await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`)).json, [{ name: 'one' }, { name: 'two' }]);
    });
  }
  it('the Link field', async () => {
    const at = newPath();
    origin.on(at, (req, res, n) => {
      if (n === 1) res.setHeader('Link', `<${origin.url(at)}?per_page=2&page=2>; rel="next", <${origin.url(at)}?per_page=2&page=36>; rel="last"`);
      res.end(JSON.stringify([n]));
    });
    const topic = await createTopic(daemon, { url: origin.url(at), pagination: { mode: 'page', nextReference: { location: 'header' } } });
    assert.equal((await pollOnce(topic)).exit, 'ok');
    assert.deepEqual(urls(at), ['?page=1&pageSize=100', '?per_page=2&page=2']);
    assert.deepEqual((await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`)).json, [1, 2]);
  });
});

test('null removes a header', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', headers: { CustomHeader: 'value', CustomHeader2: 'value1,value2' } });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  await patchConfig(daemon, topic, { headers: { CustomHeader: null } });
  const [one, two] = [await origin.asked(at, 1), await origin.asked(at, 2)].map(({ headers }) => [headers.customheader, headers.customheader2]);
  assert.deepEqual([one, two], [['value', 'value1,value2'], [undefined, 'value1,value2']]);
});

// ---- what is not in the examples ----

test('names of computed parameters: all that is unreserved', async () => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const names = ['AZaz09', 'a-b_c.d~e', "f!g*h'i(j)"];
  const parameter = { type: 'timestamp', initialValue: 7 };
  await pollOnce(await createTopic(daemon, { url: origin.url(at), computedQueryParameters: Object.fromEntries(names.map((name) => [name, parameter])) }));
  assert.deepEqual([...queryOf(origin.requests(at)[0])], names.map((name) => [name, '7']));
  assert.match(urls(at)[0], /^\?AZaz09=7&a-b_c\.d~e=7&/);
});

// The operations of the patch from one list to the other, and how large it is.
async function patchOf(t, config, before, after) {
  const at = newPath();
  origin.json(at, before);
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', ...config });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  origin.json(at, after);
  await pollNow(daemon, topic);
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'patch');
  return { operations: JSON.parse(frame.data), bytes: frame.data.length };
}
const trip = (tripId, late) => ({ tripId, stop: { code: `s${tripId}` }, text: 'x'.repeat(100), late });
const trips = (...of) => of.map(([tripId, late]) => trip(tripId, late));
const departures = [trips(['a', 1], ['b', 2], ['c', 3], ['d', 4]), trips(['n', 0], ['a', 1], ['b', 9], ['d', 8])];

for (const arrayKey of ['tripId', '/stop/code']) {
  test(`arrayKey ${arrayKey}: patches name what changed of an element, wherever it has moved to`, async (t) => {
    const keyed = await patchOf(t, { arrayKey }, ...departures);
    const at = (op, path) => keyed.operations.filter((o) => o.op === op && path.test(o.path)).length;
    assert.deepEqual([at('add', /^\/\d$/), at('remove', /^\/\d$/), at('replace', /^\/\d\/late$/)], [1, 1, 2], JSON.stringify(keyed.operations));
    assert.equal(keyed.operations.length, 4);
    const other = await patchOf(t, { arrayKey: 'nothing' }, ...departures);
    assert.ok(other.bytes > keyed.bytes, `${other.bytes}, ${keyed.bytes}`);
  });
}

test('allowMove: elements are moved, which nobody gets who does not ask for it', async (t) => {
  const lists = [trips(['a', 1], ['b', 2], ['c', 3], ['d', 4]), trips(['d', 4], ['a', 1], ['b', 2], ['c', 3])];
  const moved = await patchOf(t, { arrayKey: 'tripId', allowMove: true }, ...lists);
  assert.deepEqual(moved.operations, [{ op: 'move', from: '/3', path: '/0' }]);
  const plain = await patchOf(t, { arrayKey: 'tripId' }, ...lists);
  assert.deepEqual(plain.operations.map((o) => o.op).sort(), ['add', 'remove']);
});
