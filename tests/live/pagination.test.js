// Sources that answer page by page: what each mode asks for, how the next page is found, what all pages are together, and
// what ends a cycle that would not end by itself.
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import zlib from 'node:zlib';

import { startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { ARGS, daemon, FAST_RETRIES, newPath, origin, PERIOD, pollOnce, queryOf, rig } from './lib/rig.js';
import { createTopic, debugOf, eventually, follow, isEvent, nextError, patchConfig, pollNow, seqOf, TOPICS } from './lib/topics.js';

let other;

rig({}, async () => {
  other = await startOrigin();
});
after(() => other.close());

const queries = (at, on = origin) => on.requests(at).map((r) => r.url.slice(at.length));

const inBody = (type, pointer = '/next') => ({ location: 'body', type, pointer });
const inHeader = { location: 'header' };
const byCursor = (nextReference, more = {}) => ({ mode: 'cursor', nextReference, ...more });

async function documentOf(topic, on = daemon) {
  const answer = await on.request('GET', `${TOPICS}/${topic.id}/snapshot`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

// The payload of a topic with this config after one poll, which must succeed.
async function payloadOf(config) {
  const topic = await createTopic(daemon, { retryMaxAttempts: 0, ...config });
  const outcome = await pollOnce(topic);
  assert.equal(outcome.exit, 'ok', JSON.stringify((await debugOf(daemon, topic)).error));
  return documentOf(topic);
}

// Answers the pages, an array, by the value of a parameter: the first where it is absent, else the one of that number.
// A page is a value, or a function of the response that writes one.
function servePages(at, pages, { on = origin, name = 'cursor' } = {}) {
  on.on(at, (req, res) => {
    const page = pages[Number(queryOf(req).get(name) ?? 1) - 1];
    if (typeof page === 'function') page(res, req);
    else res.end(typeof page === 'string' ? page : JSON.stringify(page));
  });
}

// ---- modes ----

describe('modes and where the next reference is:', { concurrency: 6 }, () => {
  const items = [{ id: 10 }, { id: 11 }, { id: 12 }, { id: 13 }, { id: 14 }];
  const SIZE = 2;
  const ODD = 'a&b=c+d/é %';
  // How the source cuts: for the value of the parameter (null: absent) the index of the first item; for an index the value.
  const modes = {
    page: {
      config: { page: { parameterName: 'p', initial: 0 }, pageSize: { parameterName: 'size', value: SIZE } },
      name: 'p', size: 'size', start: (value) => Number(value) * SIZE, value: (i) => i / SIZE,
      asked: ['?p=0&size=2', '?p=1&size=2', '?p=2&size=2'],
    },
    offset: {
      config: { offset: { parameterName: 'skip', initial: 0 }, limit: { parameterName: 'top', value: SIZE } },
      name: 'skip', size: 'top', start: (value) => Number(value), value: (i) => i,
      asked: ['?skip=0&top=2', '?skip=2&top=2', '?skip=4&top=2'],
    },
    keyset: {
      config: { key: { parameterName: 'after' }, pageSize: { parameterName: 'size', value: SIZE } },
      name: 'after', size: 'size', start: (value) => (value === null ? 0 : Number(value) - 9), value: (i) => 9 + i,
      asked: ['?size=2', '?size=2&after=11', '?size=2&after=13'],
    },
    cursor: {
      config: { cursor: { parameterName: 'c' }, pageSize: { parameterName: 'size', value: SIZE } },
      name: 'c', size: 'size', start: (value) => (value === null ? 0 : Number(value.slice(ODD.length))), value: (i) => `${ODD}${i}`,
      asked: ['?size=2', '?size=2&c=a%26b%3Dc%2Bd/%C3%A9%20%252', '?size=2&c=a%26b%3Dc%2Bd/%C3%A9%20%254'],
    },
  };
  const places = {
    'a value in the body': { next: inBody('value', '/meta/next'), write: (mode, i) => ({ body: { meta: { next: mode.value(i) } } }) },
    'a relative URI in the body': {
      next: inBody('uri', '/meta/next'),
      write: (mode, i) => ({ body: { meta: { next: `?${mode.size}=${SIZE}&${mode.name}=${encodeURIComponent(mode.value(i))}` } } }),
    },
    'an absolute URI in the body': {
      next: inBody('uri', '/meta/next'),
      write: (mode, i, at) => ({ body: { meta: { next: `${origin.url(at)}?${mode.size}=${SIZE}&${mode.name}=${encodeURIComponent(mode.value(i))}` } } }),
    },
    'the Link field': {
      next: inHeader,
      write: (mode, i, at) => ({
        links: [
          '</first>; rel=first; title="a, b; rel=\\"next\\""',
          `<${at}?${mode.size}=${SIZE}&${mode.name}=${encodeURIComponent(mode.value(i))}>; title*=UTF-8''n; REL="last  Next", </x>; rel=next`,
        ],
      }),
    },
  };
  const decoded = (list) => list.map((query) => [...new URLSearchParams(query)].sort());

  for (const [name, mode] of Object.entries(modes)) {
    for (const [place, { next, write }] of Object.entries(places)) {
      it(`${name}, ${place}`, async () => {
        const at = newPath();
        origin.on(at, (req, res) => {
          const i = mode.start(queryOf(req).get(mode.name));
          const end = i + SIZE;
          const { body = {}, links } = end < items.length ? write(mode, end, at) : {};
          if (links) res.setHeader('Link', links);
          res.end(JSON.stringify({ items: items.slice(i, end), ...body }));
        });
        const payload = await payloadOf({
          url: origin.url(at), payloadPointer: '/items', pagination: { mode: name, ...mode.config, nextReference: next },
        });
        assert.deepEqual(payload, items);
        // The source's own URIs are sent as it wrote them; what they say is the same.
        if (next.type === 'value') assert.deepEqual(queries(at), mode.asked);
        else assert.deepEqual(decoded(queries(at)), decoded(mode.asked));
      });
    }
  }

  for (const [name, asked] of Object.entries({ page: '?page=1&pageSize=100', offset: '?offset=1&limit=100', keyset: '?pageSize=100', cursor: '?pageSize=100' })) {
    it(`${name}, all names and numbers by default`, async () => {
      const at = newPath();
      const parameter = { page: 'page', offset: 'offset', keyset: 'since_key', cursor: 'cursor' }[name];
      origin.on(at, (req, res, n) => res.end(JSON.stringify({ n, next: n === 1 ? 77 : null })));
      await payloadOf({ url: origin.url(at), pagination: { mode: name, nextReference: inBody('value') } });
      const [first, second] = queries(at);
      assert.equal(first, asked);
      assert.deepEqual(new URLSearchParams(second).get(parameter), '77');
    });
  }
});

test('parameters that are in the url already give way, the others stay', async () => {
  const at = newPath();
  origin.on(at, (req, res, n) => res.end(JSON.stringify({ next: n < 3 ? n + 1 : '' })));
  await payloadOf({ url: `${origin.url(at)}?page=7&x=a%20b&%70age=8&pageSize=3&y`, pagination: { mode: 'page', nextReference: inBody('value') } });
  assert.deepEqual(queries(at), ['?page=1&x=a%20b&pageSize=100&y', '?page=2&x=a%20b&pageSize=100&y', '?page=3&x=a%20b&pageSize=100&y']);
});

// ---- merging ----

describe('pages are merged:', { concurrency: 6 }, () => {
  const link = (n) => (res) => res.setHeader('Link', `<?cursor=${n}>; rel="next"`);
  const cases = [
    ['bodies that are arrays', {}, inHeader, [[1, 2], [], [[3]], [{ a: null }]], [1, 2, [3], { a: null }]],
    ['arrays that payloadPointer selects', { payloadPointer: '/data/rows' }, inBody('value'),
      [{ data: { rows: [1] }, next: 2 }, { data: { rows: [] }, next: 3 }, { data: { rows: [2, 2] } }], [1, 2, 2]],
    ['objects member by member', {}, inBody('value', '/links/next'), [
      { total: 3, rows: [1], meta: { at: 1, seen: ['a'] }, links: { self: 'p1', next: 2 }, only: 1 },
      { total: 4, rows: [2], meta: { at: 2, seen: ['b'] }, links: { self: 'p2', next: 3 }, late: [{}] },
      { total: 5, rows: [3], meta: { at: 3, seen: [] }, links: { self: 'p3' } },
    ], { total: 5, rows: [1, 2, 3], meta: { at: 3, seen: ['a', 'b'] }, links: { self: 'p3' }, only: 1, late: [{}] }],
    ['objects that payloadPointer selects', { payloadPointer: '/data' }, inBody('value', '/next'),
      [{ data: { a: [1], next: 'stays' }, next: 2 }, { data: { a: [2], next: 'stays, too' } }], { a: [1, 2], next: 'stays, too' }],
    ['the reference within what payloadPointer selects', { payloadPointer: '/data' }, inBody('value', '/data/next'),
      [{ data: { a: [1], next: 2 } }, { data: { a: [2], next: null } }], { a: [1, 2] }],
    ['objects by the Link field, of which nothing is left out', {}, inHeader, [{ next: 2, a: [1] }, { next: 3, a: [2] }], { next: 3, a: [1, 2] }],
    ['a page alone stays as it is', {}, inBody('value'), [{ a: [1], next: null }], { a: [1], next: null }],
    ['names with slashes and tildes', {}, inBody('value', '/a~1b/c~0d'), [{ 'a/b': { 'c~d': 2 }, x: [1] }, { x: [2] }], { 'a/b': {}, x: [1, 2] }],
  ];
  for (const [name, config, nextReference, pages, expected] of cases) {
    it(name, async () => {
      const at = newPath();
      servePages(at, pages.map((page, i) => (res) => {
        if (nextReference === inHeader && i + 1 < pages.length) link(i + 2)(res);
        res.end(JSON.stringify(page));
      }));
      assert.deepEqual(await payloadOf({ url: origin.url(at), ...config, pagination: byCursor(nextReference) }), expected);
      assert.equal(origin.requests(at).length, pages.length);
    });
  }

  it('numbers keep their text', async () => {
    const at = newPath();
    servePages(at, ['{"a":[1.0],"n":12345678901234567890,"next":2}', '{"a":[1e2],"n":0.10}']);
    const topic = await createTopic(daemon, { url: origin.url(at), pagination: byCursor(inBody('value')) });
    await pollOnce(topic);
    const { text } = await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`);
    assert.equal(text.trim(), '{"a":[1.0,1e2],"n":0.10}');
  });

  it('compressed pages and plain ones', async () => {
    const at = newPath();
    const encoded = (coding, encode, value) => (res) => {
      res.setHeader('Content-Encoding', coding);
      res.end(encode(JSON.stringify(value)));
    };
    servePages(at, [encoded('gzip', zlib.gzipSync, { a: [1], next: 2 }), { a: [2], next: 3 }, encoded('deflate', zlib.deflateSync, { a: [3] })]);
    assert.deepEqual(await payloadOf({ url: origin.url(at), payloadPointer: '/a', pagination: byCursor(inBody('value')) }), [1, 2, 3]);
  });
});

describe('the end is there where the next reference is', { concurrency: 6 }, () => {
  for (const [name, last] of Object.entries({
    absent: { a: [2] }, null: { a: [2], next: null }, empty: { a: [2], next: '' }, 'of a place that cannot be': { a: [2], next: null, x: 1 },
  })) {
    for (const type of ['uri', 'value']) {
      it(`${name}, ${type}`, async () => {
        const at = newPath();
        servePages(at, [{ a: [1], next: type === 'uri' ? '?cursor=2' : 2 }, last]);
        const pagination = byCursor(inBody(type, name.startsWith('of') ? '/next/x/0' : '/next'));
        const payload = await payloadOf({ url: origin.url(at), payloadPointer: '/a', pagination });
        assert.deepEqual(payload, name.startsWith('of') ? [1] : [1, 2]);
      });
    }
  }
  for (const [name, field] of Object.entries({ 'no Link field': [], 'no rel next': ['<?x>; rel="prev nextish"', '<?y>; rev=next', '<?z>'] })) {
    it(name, async () => {
      const at = newPath();
      servePages(at, [(res) => { res.setHeader('Link', '<?cursor=2>; rel=next'); res.end('[1]'); }, (res) => { res.setHeader('Link', field); res.end('[2]'); }]);
      assert.deepEqual(await payloadOf({ url: origin.url(at), pagination: byCursor(inHeader) }), [1, 2]);
    });
  }
});

// ---- guards ----

describe('guards:', { concurrency: 4 }, () => {
  const long = 'x'.repeat(1_000_000);
  const rows = (n) => Array.from({ length: n }, (_, i) => `row ${i} ${'y'.repeat(100)}`);
  const to = (next) => ({ a: [1], next });
  const uri = inBody('uri');
  const value = inBody('value');
  // [what, pagination, payload of each page (by number), code, words of the message, requests of a cycle]
  const cases = [
    ['next to itself, by a URI', byCursor(uri), () => to('?pageSize=100'), 70012, /page 2 would be page 1 again/, 1],
    ['next to itself, by a fragment', byCursor(uri), () => to('#more'), 70012, /page 2 would be page 1 again/, 1],
    ['next to itself, by a value', byCursor(value), () => to('again'), 70012, /page 3 would be page 2 again/, 2],
    ['next to itself, by the Link field', byCursor(inHeader), () => ({ link: '<?pageSize=100>; rel=next' }), 70012, /page 1 again/, 1],
    ['a circle of three', byCursor(value), (n) => to(n % 3 + 1), 70012, /page 5 would be page 2 again.*circle/, 4],
    ['a circle of three back to the first', byCursor(uri), (n) => to(['?cursor=2', '?cursor=3', '?pageSize=100'][n - 1]), 70012, /page 4 would be page 1 again/, 3],
    ['more pages than maxPages', byCursor(value, { maxPages: 3 }), (n) => to(n + 1), 70012, /after 3 pages.*maxPages/, 3],
    ['one page and no more', byCursor(value, { maxPages: 1 }), (n) => to(n + 1), 70012, /after 1 pages.*maxPages/, 1],
    ['another origin, by its port', byCursor(uri), () => to(other.url('/there')), 70012, /another origin.*allowOtherOrigin/, 1],
    ['another origin, by its name', byCursor(uri), () => to(`http://localhost:${origin.port}/x?key=hush`), 70012, /another origin \(http:\/\/localhost:\d+\/x\)/, 1],
    ['another origin, by its scheme', byCursor(uri), () => to(`https://127.0.0.1:${origin.port}/x`), 70012, /another origin/, 1],
    ['another origin, without a scheme', byCursor(uri), () => to(`//127.0.0.2:${origin.port}/x`), 70012, /another origin/, 1],
    ['another origin, by the Link field', byCursor(inHeader), () => ({ link: `<${other.url('/there')}>; rel="next"` }), 70012, /another origin/, 1],
    ['a file', byCursor(uri, { allowOtherOrigin: true }), () => to('file:///etc/passwd'), 70016, /cannot be used.*file/, 1],
    ['a script', byCursor(uri, { allowOtherOrigin: true }), () => to('javascript:alert(1)'), 70016, /cannot be used/, 1],
    ['user information', byCursor(uri, { allowOtherOrigin: true }), () => to('http://a:hush@127.0.0.1/'), 70016, /cannot be used/, 1],
    ['1 MB of a URL', byCursor(uri), () => to(`?x=${long}`), 70016, /cannot be used.*most allowed are 8192/, 1],
    ['1 MB of a Link field', byCursor(inHeader), () => ({ link: `<?x=${long}>; rel=next` }), 70015, /response header is too large/, 1],
    ['1 MB of a value', byCursor(value), () => to(long), 70016, /cannot be used.*8192 bytes/, 1],
    ['a reference that is true', byCursor(value), () => to(true), 70016, /at "\/next" is of type/, 1],
    ['a reference that is an object', byCursor(uri), () => to({ href: '?x' }), 70016, /at "\/next" is of type/, 1],
    ['a URI that is a number', byCursor(uri), () => to(2), 70016, /expected a string that is a URI/, 1],
    ['a page of another shape', byCursor(value), (n) => (n === 1 ? to(2) : [1]), 70016, /page 2/, 2],
    ['a page that is no JSON', byCursor(value), (n) => (n === 1 ? to(2) : '{"a":'), 70016, /page 2/, 2],
    ['together over the size limit', byCursor(value), (n) => ({ a: rows(4000), next: n < 4 ? n + 1 : null }), 70015, /1048576|1 MiB/, 3],
    ['one over the size limit', byCursor(value), (n) => (n === 1 ? to(2) : { a: rows(10_000) }), 70015, /page 2/, 2],
  ];
  for (const [name, pagination, page, code, words, requests] of cases) {
    it(name, async (t) => {
      const at = newPath();
      const headers = { 'X-Api-Key': 'secret-of-mine' };
      servePages(at, [{ a: ['good'], next: null }]);
      const topic = await createTopic(daemon, { url: origin.url(at), headers, pollingPeriod: PERIOD, retryMaxAttempts: 0, pagination });
      const stream = await follow(t, daemon, topic);
      const first = await stream.next(isEvent);
      assert.equal(first.event, 'snapshot');
      const cycles = []; // how many requests each has made; only the first page has no cursor
      origin.on(at, (req, res) => {
        const n = Number(queryOf(req).get('cursor') ?? 1);
        if (!queryOf(req).has('cursor')) cycles.push(0);
        cycles[cycles.length - 1]++;
        const value = page(n);
        if (value.link) res.setHeader('Link', value.link);
        res.end(typeof value === 'string' ? value : JSON.stringify(value));
      });
      const error = await nextError(stream);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /hush|secret-of-mine/);
      assert.ok(error.message.length < 600, `${error.message.length}`);
      assert.deepEqual(await documentOf(topic), JSON.parse(first.data));
      // Polling goes on, nothing of it gets out, and what is well again is published.
      await eventually(async () => cycles.length > 3, 'further polls');
      assert.deepEqual(cycles.slice(0, 3), Array(3).fill(requests));
      servePages(at, [{ a: ['well'], next: 2 }, { a: ['again'], next: null }].map((value, i) => (res) => {
        if (pagination.nextReference.type === 'uri') value.next &&= '?cursor=2';
        if (pagination.nextReference === inHeader && i === 0) res.setHeader('Link', '<?cursor=2>; rel=next');
        if (pagination.maxPages === 1) value.next = null;
        res.end(JSON.stringify(value));
      }));
      // A cycle under way may have met half of each.
      const frame = await stream.next((f) => f.event === 'patch' || f.event === 'snapshot');
      assert.equal(seqOf(frame), seqOf(first) + 1);
      assert.equal((await debugOf(daemon, topic)).error, null);
    });
  }

  it('the deadline of all pages together', async (t) => {
    const own = await startDaemon({ args: [...ARGS, '--poll-deadline', 'PT0.5S'] });
    t.after(() => own.stop());
    const at = newPath();
    // Each page is in good time; they are too many.
    origin.on(at, (req, res, n) => { setTimeout(() => res.end(JSON.stringify({ next: n + 1 })), 100); });
    const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD, retryMaxAttempts: 3, ...FAST_RETRIES, pagination: byCursor(inBody('value')) });
    const stream = await follow(t, own, topic);
    const error = await nextError(stream);
    assert.equal(error.code, 70013, error.message);
    assert.match(error.message, /^page [345]: .*ended by the guard poll\.deadline/);
    const took = (await debugOf(own, topic)).lastPolls.at(-1);
    assert.match(took.took, /^PT0\.[56]/);
  });
});

test('a next page at another origin that is allowed gets no credentials, and the way back has them', async () => {
  const at = newPath();
  const headers = { Authorization: 'Bearer hush', Cookie: 'a=hush', 'X-Api-Key': 'hush', 'X-Own': 'hush' };
  other.on('/second', (req, res) => res.end(JSON.stringify({ a: [2], next: '/third' }))); // relative to there
  other.on('/third', (req, res) => res.end(JSON.stringify({ a: [3], next: origin.url(`${at}?cursor=2`) })));
  servePages(at, [{ a: [1], next: other.url('/second') }, { a: [4] }]);
  const payload = await payloadOf({
    url: origin.url(at), headers, payloadPointer: '/a', pagination: byCursor(inBody('uri'), { allowOtherOrigin: true }),
  });
  assert.deepEqual(payload, [1, 2, 3, 4]);
  for (const request of [...other.requests('/second'), ...other.requests('/third')]) {
    assert.equal(JSON.stringify(request.rawHeaders).includes('hush'), false, request.rawHeaders.join());
  }
  assert.deepEqual(origin.requests(at).map((r) => [r.headers.authorization, r.headers.cookie, r.headers['x-api-key'], r.headers['x-own']]),
    Array(2).fill(Object.values(headers)));
});

test('configured headers go along with each page, validators with none', async () => {
  const at = newPath();
  origin.on(at, (req, res) => {
    const n = Number(queryOf(req).get('page'));
    res.setHeader('ETag', `"${n}"`);
    res.setHeader('Last-Modified', 'Wed, 01 Jan 2025 00:00:00 GMT');
    res.end(JSON.stringify({ n: [n], next: n < 3 ? n + 1 : null }));
  });
  const topic = await createTopic(daemon, { url: origin.url(at), headers: { 'X-Own': 'mine' }, pagination: { mode: 'page', nextReference: inBody('value') } });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  assert.equal((await pollOnce(topic)).exit, 'unchanged');
  assert.deepEqual(origin.requests(at).map((r) => [r.headers['x-own'], r.headers['if-none-match'], r.headers['if-modified-since']]),
    Array(6).fill(['mine', undefined, undefined]));
});

// ---- the whole or nothing ----

test('a page that fails for good fails the cycle: nothing of it is published, and polling goes on', async (t) => {
  const at = newPath();
  let version = 1;
  let fails = false;
  const pages = [1, 2, 3, 4, 5].map((n) => (res) => {
    if (fails && n === 3) res.statusCode = 500;
    res.end(JSON.stringify({ rows: [`${n} of version ${version}`], next: n < 5 ? n + 1 : null }));
  });
  servePages(at, pages);
  const topic = await createTopic(daemon, {
    url: origin.url(at), payloadPointer: '/rows', pollingPeriod: PERIOD, retryMaxAttempts: 1, ...FAST_RETRIES, pagination: byCursor(inBody('value')),
  });
  const stream = await follow(t, daemon, topic);
  const first = await stream.next(isEvent);
  const rows = (v) => [1, 2, 3, 4, 5].map((n) => `${n} of version ${v}`);
  assert.deepEqual(JSON.parse(first.data), rows(1));
  fails = true;
  version = 2;
  const error = await nextError(stream);
  assert.equal(error.code, 70500);
  assert.match(error.message, /^page 3: .*500/);
  const before = origin.requests(at).length;
  await origin.asked(at, before + 12); // three more cycles: 1, 2, 3 and 3 again
  assert.deepEqual(await documentOf(topic), rows(1));
  assert.equal(queries(at).slice(before).filter((query) => /cursor=[45]/.test(query)).length, 0);
  assert.equal(stream.frames.filter((f) => f.event === 'patch').length, 0);
  const late = await follow(t, daemon, topic);
  assert.deepEqual(JSON.parse((await late.next(isEvent)).data), rows(1));
  assert.equal((await nextError(late)).code, 70500);
  fails = false;
  const frame = await stream.next(isEvent);
  assert.equal(seqOf(frame), seqOf(first) + 1);
  assert.deepEqual(await documentOf(topic), rows(2));
});

test('each page is retried on its own', async () => {
  const at = newPath();
  const failures = { 1: 0, 2: 2, 3: 1, 4: 2 };
  origin.on(at, (req, res) => {
    const n = Number(queryOf(req).get('page'));
    if (failures[n]-- > 0) res.statusCode = 503;
    res.end(JSON.stringify({ rows: [n], next: n < 4 ? n + 1 : null }));
  });
  const config = { url: origin.url(at), payloadPointer: '/rows', retryMaxAttempts: 2, ...FAST_RETRIES, pagination: { mode: 'page', nextReference: inBody('value') } };
  assert.deepEqual(await payloadOf(config), [1, 2, 3, 4]);
  assert.deepEqual(origin.requests(at).map((r) => queryOf(r).get('page')).join(''), '122233444');
});

test('all pages of a cycle come on one connection', async (t) => {
  const own = await startOrigin();
  t.after(() => own.close());
  const sockets = [];
  own.server.on('connection', (socket) => sockets.push(socket));
  own.on('/', (req, res) => {
    const n = Number(queryOf(req).get('page'));
    res.end(JSON.stringify({ rows: [n], next: n < 10 ? n + 1 : null }));
  });
  const topic = await createTopic(daemon, { url: own.url('/'), payloadPointer: '/rows', pagination: { mode: 'page', nextReference: inBody('value') } });
  await pollOnce(topic);
  assert.deepEqual(await documentOf(topic), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(own.requests('/').length, 10);
  assert.equal(sockets.length, 1);
});

// ---- changes ----

test('pages that are the same are no event, one that differs is a patch', async (t) => {
  const at = newPath();
  let last = 'c';
  let size = 1;
  const all = () => ['a', 'b', last].map((id) => ({ id, filler: 'x'.repeat(50) }));
  origin.on(at, (req, res) => {
    const i = Number(queryOf(req).get('offset'));
    res.end(JSON.stringify({ rows: all().slice(i, i + size), next: i + size < 3 ? i + size : null }));
  });
  const topic = await createTopic(daemon, {
    url: origin.url(at), payloadPointer: '/rows', pollingPeriod: 'PT1H', pagination: { mode: 'offset', offset: { initial: 0 }, nextReference: inBody('value') },
  });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const exits = async () => (await debugOf(daemon, topic)).lastPolls.map((p) => p.exit);
  const polled = async (n) => {
    await pollNow(daemon, topic);
    await eventually(async () => (await exits()).length === n, 'the poll');
  };
  await polled(2);
  size = 2; // cut in another way, all together the same
  await polled(3);
  last = 'd';
  await polled(4);
  assert.deepEqual(await exits(), ['ok', 'unchanged', 'unchanged', 'ok']);
  const patch = await stream.next(isEvent);
  assert.equal(patch.event, 'patch');
  assert.equal(seqOf(patch), 2);
  assert.deepEqual(await documentOf(topic), all());
});

describe('of pages that come again each change is seen:', { concurrency: 4 }, () => {
  // A source of five pages, which step(n) changes before the nth poll; its document is what all of them hold together.
  const source = (filler = '') => {
    const pages = [1, 2, 3, 4, 5].map((n) => ({ rows: [{ n, version: 1, text: 'x'.repeat(40) }], next: n < 5 ? n + 1 : null }));
    const reached = () => {
      const rows = [];
      for (let n = 1; n; n = pages[n - 1].next) rows.push(...pages[n - 1].rows);
      return rows;
    };
    const body = (n) => JSON.stringify({ rows: pages[n - 1].rows, next: pages[n - 1].next }).replace('{', `{${filler}`);
    return { pages, reached, body };
  };
  const steps = [
    ...[1, 2, 3, 4, 5].map((n) => [`in page ${n}`, ({ pages }) => { pages[n - 1].rows[0].version = 2; }]),
    ['in the first and the last', ({ pages }) => { for (const n of [1, 5]) pages[n - 1].rows[0].version = 3; }],
    ['nothing', () => {}],
    ['a page more', ({ pages }) => { pages.push({ rows: [{ n: 6 }], next: null }); pages[4].next = 6; }],
    ['nothing, again', () => {}],
    ['one in the middle is passed over', ({ pages }) => { pages[1].next = 4; }],
    ['fewer pages', ({ pages }) => { pages[3].next = null; }],
    ['all as it was', ({ pages }) => { pages[1].next = 3; pages[3].next = 5; }],
    ['an empty page', ({ pages }) => { pages[2].rows = []; }],
    ['nothing at last', () => {}],
  ];
  // One poll of a topic that goes on being polled: with its poller all that it keeps in mind would go.
  const poll = async (topic) => {
    const { poller } = await debugOf(daemon, topic);
    await pollNow(daemon, topic);
    const now = await eventually(async () => {
      const debug = await debugOf(daemon, topic);
      return debug.poller.runs > poller.runs && !debug.poller.step ? debug : undefined;
    }, 'the poll');
    return now.lastPolls.at(-1).exit;
  };
  const follows = async (t, pagination, serve, filler) => {
    const at = newPath();
    const all = source(filler);
    origin.on(at, (req, res) => serve(all, Number(queryOf(req).get('cursor') ?? 1), res));
    const topic = await createTopic(daemon, { url: origin.url(at), payloadPointer: '/rows', pollingPeriod: 'PT1H', retryMaxAttempts: 0, pagination });
    await (await follow(t, daemon, topic)).next(isEvent);
    assert.equal(await poll(topic), 'unchanged');
    for (const [what, change] of steps) {
      const before = JSON.stringify(all.reached());
      change(all);
      const asked = origin.requests(at).length;
      assert.equal(await poll(topic), JSON.stringify(all.reached()) === before ? 'unchanged' : 'ok', what);
      assert.deepEqual(await documentOf(topic), all.reached(), what);
      const chain = [1];
      while (all.pages[chain.at(-1) - 1].next) chain.push(all.pages[chain.at(-1) - 1].next);
      assert.deepEqual(queries(at).slice(asked).map((query) => Number(new URLSearchParams(query).get('cursor') ?? 1)), chain, what);
    }
  };
  const inBodies = (all, n, res) => res.end(all.body(n));
  it('the next by a value', (t) => follows(t, byCursor(inBody('value')), inBodies));
  it('the next by a URI', (t) => follows(t, byCursor(inBody('uri')), (all, n, res) => (
    res.end(all.body(n).replace(/"next":(\d+)/, '"next":"?cursor=$1"')))));
  it('the next by the Link field alone', (t) => follows(t, byCursor(inHeader), (all, n, res) => {
    const { rows, next } = all.pages[n - 1];
    if (next) res.setHeader('Link', `<?cursor=${next}>; rel=next`);
    res.end(JSON.stringify({ rows }));
  }));
  it('compressed in turn with other codings', (t) => {
    const codings = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync };
    return follows(t, byCursor(inBody('value')), (all, n, res) => {
      const coding = Object.keys(codings)[n % 3];
      res.setHeader('Content-Encoding', coding);
      res.end(codings[coding](all.body(n)));
    });
  });
  it('the same pages to another request', async (t) => {
    const at = newPath();
    servePages(at, [{ rows: [1], next: 2 }, { rows: [2], next: 3 }, { rows: [3], next: null }]);
    const topic = await createTopic(daemon, {
      url: origin.url(at), payloadPointer: '/rows', pollingPeriod: 'PT1H', pagination: byCursor(inBody('value')),
      computedQueryParameters: { since: { type: 'timestamp', useMilliseconds: true } },
    });
    await (await follow(t, daemon, topic)).next(isEvent);
    for (let n = 0; n < 3; n++) assert.equal(await poll(topic), 'unchanged');
    const moments = origin.requests(at).map((req) => queryOf(req).get('since'));
    assert.equal(moments.length, 12);
    for (let i = 0; i < 12; i += 3) assert.equal(new Set(moments.slice(i, i + 3)).size, 1, moments.join());
    assert.equal(new Set(moments).size, 4, moments.join());
  });
  it('pages whose payload was refused are looked at again', async (t) => {
    const at = newPath();
    const good = [{ rows: [1, 2, 3], next: 2 }, { rows: [4, 5, 6] }];
    const bad = [{ rows: [1], next: 2 }, { rows: [2] }];
    servePages(at, good);
    const topic = await createTopic(daemon, {
      url: origin.url(at), payloadPointer: '/rows', pollingPeriod: 'PT1H', pagination: byCursor(inBody('value')), assert: { maxShrink: 0.5 },
    });
    const stream = await follow(t, daemon, topic);
    await stream.next(isEvent);
    servePages(at, bad);
    assert.equal(await poll(topic), 'error');
    assert.equal((await nextError(stream)).code, 70016);
    for (let n = 0; n < 2; n++) assert.equal(await poll(topic), 'error');
    assert.match((await debugOf(daemon, topic)).error.message, /maxShrink/);
    assert.deepEqual((await daemon.request('GET', `${TOPICS}/${topic.id}/refused`)).json.payload, [1, 2]);
    servePages(at, good);
    for (let n = 0; n < 2; n++) assert.equal(await poll(topic), 'unchanged');
    assert.deepEqual(await documentOf(topic), [1, 2, 3, 4, 5, 6]);
  });
  it('more bytes of pages than a payload may have, most of them blanks', (t) => follows(t, byCursor(inBody('value')), inBodies, ' '.repeat(400_000)));
});

test('pagination comes and goes with the settings', async (t) => {
  const at = newPath();
  servePages(at, [{ rows: [1], next: 2 }, { rows: [2] }]);
  const topic = await createTopic(daemon, { url: origin.url(at), payloadPointer: '/rows', pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), [1]);
  const shown = await patchConfig(daemon, topic, { pagination: byCursor(inBody('value')) });
  await stream.next(isEvent);
  assert.deepEqual(await documentOf(topic), [1, 2]);
  assert.deepEqual(shown.publisher.config.pagination, {
    mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' }, maxPages: 1000, allowOtherOrigin: false,
  });
  await patchConfig(daemon, topic, { pagination: null });
  await stream.next(isEvent);
  assert.deepEqual(await documentOf(topic), [1]);
  assert.deepEqual(queries(at), ['', '?pageSize=100', '?pageSize=100&cursor=2', '']);
});

test('a topic that is deleted in the middle of its pages', async () => {
  const at = newPath();
  const waiting = new Promise((resolve) => {
    origin.on(at, (req, res, n) => (n < 3 ? res.end(JSON.stringify({ next: n })) : res.on('close', resolve)));
  });
  const topic = await createTopic(daemon, { url: origin.url(at), pagination: byCursor(inBody('value')) });
  await pollNow(daemon, topic);
  await origin.asked(at, 3);
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
  await within(5000, waiting, 'the end of the request');
  assert.equal((await daemon.request('GET', `${TOPICS}/${topic.id}`)).status, 404);
  assert.equal(origin.requests(at).length, 3);
});
