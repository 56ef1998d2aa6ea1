// Query parameters computed from the last success: what the source is asked for, when that moves, and that it is never
// ahead of what was published, whatever happens to the server (page_kills.test.js: at any moment).
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, FAST_RETRIES, newPath, origin, PERIOD, pollOnce, queryOf, rig } from './lib/rig.js';
import { createTopic, debugOf, eventually, follow, isEvent, nextError, patchConfig, pollNow, TOPICS } from './lib/topics.js';

const MILLISECONDS = { since: { type: 'timestamp', reference: 'last-success', useMilliseconds: true } };

rig();

const sinceOf = (req) => Number(queryOf(req).get('since'));

// An origin's path that answers by script(req, n), and keeps when each request came by the clock on the wall.
function scripted(at, script) {
  const came = [];
  origin.on(at, (req, res, n) => {
    came.push(Date.now());
    const value = script(req, n);
    if (value === undefined) return;
    res.statusCode = typeof value === 'number' ? value : 200;
    res.end(typeof value === 'number' ? '' : JSON.stringify(value));
  });
  return came;
}

const between = (value, from, to, what = '') => assert.ok(value >= from && value <= to, `${what} ${value} is not in ${from} … ${to}`);

// ---- what is sent ----

test('before the first success: one period ago, or the initial value as it was given', async () => {
  const at = newPath();
  scripted(at, () => 500);
  const topic = await createTopic(daemon, {
    url: `${origin.url(at)}?zone=keep&from=old&x=%20`, pollingPeriod: 'PT10S', retryMaxAttempts: 0,
    computedQueryParameters: {
      ...MILLISECONDS,
      seconds: { type: 'timestamp' },
      late: { type: 'timestamp', overlap: 'PT1H' },
      text: { type: 'date-time' },
      from: { type: 'date-time', pattern: "yyyy-MM-dd'T'HH:mmxx", zone: 'Europe/Berlin', initialValue: '2024-07-01T00:00+0200' },
      number: { type: 'timestamp', initialValue: '-5' },
      zero: { type: 'timestamp', useMilliseconds: true, initialValue: 0 },
    },
  });
  for (let n = 0; n < 2; n++) {
    const { from, to, exit } = await pollOnce(topic);
    assert.equal(exit, 'error');
    const request = origin.requests(at)[n];
    const query = queryOf(request);
    between(sinceOf(request), from - 10_000, to - 10_000, 'since');
    between(Number(query.get('seconds')), Math.floor(from / 1000) - 10, to / 1000 - 10, 'seconds');
    between(Number(query.get('late')), Math.floor(from / 1000) - 3610, to / 1000 - 3610, 'late');
    assert.match(query.get('text'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    between(Date.parse(query.get('text')), from - 11_000, to - 10_000, 'text');
    // The rest of the query is as it was, a parameter takes the place of its name, and "+" is no blank.
    assert.match(request.url, /\?zone=keep&from=2024-07-01T00:00%2B0200&x=%20&since=\d{13}&seconds=\d{10}&late=\d{10}&text=[^&]*Z&number=-5&zero=0$/);
  }
});

test('after a success: the start of its first request, in each type and zone', async () => {
  const at = newPath();
  scripted(at, () => ({ a: 1 }));
  const topic = await createTopic(daemon, {
    url: origin.url(at),
    computedQueryParameters: {
      ...MILLISECONDS,
      seconds: { type: 'timestamp', initialValue: 1 },
      early: { type: 'timestamp', useMilliseconds: true, overlap: 'PT1M', initialValue: 1 },
      berlin: { type: 'date-time', pattern: "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", zone: 'Europe/Berlin', initialValue: '2024-07-01T00:00:00.000+02:00' },
      india: { type: 'date-time', pattern: "yyyy-MM-dd'T'HH:mm:ss.SSSxxx", zone: 'Asia/Kolkata' },
      words: { type: 'date-time', pattern: "EEEE, d MMMM yyyy 'at' h:mm a '& more'" },
    },
  });
  const first = await pollOnce(topic);
  const second = await pollOnce(topic);
  assert.deepEqual([first.exit, second.exit], ['ok', 'unchanged']);
  assert.equal(queryOf(origin.requests(at)[0]).get('seconds'), '1');
  const query = queryOf(origin.requests(at)[1]);
  const since = Number(query.get('since'));
  between(since, first.from, first.to, 'since');
  assert.equal(Number(query.get('seconds')), Math.floor(since / 1000));
  assert.equal(Number(query.get('early')), since - 60_000);
  assert.equal(Date.parse(query.get('berlin')), since);
  assert.match(query.get('berlin'), /\+0[12]:00$/);
  assert.equal(Date.parse(query.get('india')), since);
  assert.match(query.get('india'), /\+05:30$/);
  assert.match(query.get('words'), /^\w+day, \d{1,2} [A-Z][a-z]+ 20\d\d at \d{1,2}:\d\d [AP]M & more$/);
  assert.match(origin.requests(at)[1].url, /%2B05:30/);
});

// ---- when it moves ----

describe('the moment moves only with success:', { concurrency: 6 }, () => {
  // Polls that fail in the way of fails(req, n), after one that succeeded.
  const cases = {
    'a status': { answer: () => 500 },
    'what is no JSON': { answer: (res) => { res.end('{"a":'); } },
    'a pointer into nothing': { answer: (res) => { res.end('{"b":1}'); } },
    'a connection that breaks': { answer: (res) => { res.destroy(); } },
    'a second page that fails': { paged: true, answer: (res, req) => {
      if (queryOf(req).has('cursor')) return 404;
      res.end(JSON.stringify({ a: [1], next: 2 }));
      return undefined;
    } },
    'pages in a circle': { paged: true, answer: (res) => { res.end(JSON.stringify({ a: [1], next: 2 })); } },
  };
  for (const [name, { answer, paged }] of Object.entries(cases)) {
    it(name, async () => {
      const at = newPath();
      const firsts = [];
      let fails = false;
      origin.on(at, (req, res) => {
        if (!queryOf(req).has('cursor')) firsts.push(sinceOf(req));
        if (!fails) {
          res.end(JSON.stringify({ a: [firsts.length] }));
          return;
        }
        const status = answer(res, req);
        if (status) {
          res.statusCode = status;
          res.end();
        }
      });
      const topic = await createTopic(daemon, {
        url: origin.url(at), payloadPointer: '/a', retryMaxAttempts: 0, computedQueryParameters: MILLISECONDS,
        ...(paged && { pagination: { mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' } } }),
      });
      const success = await pollOnce(topic);
      assert.equal(success.exit, 'ok');
      fails = true;
      for (let n = 0; n < 2; n++) assert.equal((await pollOnce(topic)).exit, 'error');
      fails = false;
      const again = await pollOnce(topic);
      await pollOnce(topic);
      // The last poll that failed may ask again on a connection that broke; the moment is the same.
      const [, ...moments] = firsts;
      const last = moments.pop();
      assert.equal(new Set(moments).size, 1, moments.join());
      between(moments[0], success.from, success.to);
      between(last, again.from, again.to);
    });
  }
});

test('it is when the first request was sent: not an answer, a retry, a later page', async () => {
  const at = newPath();
  const came = [];
  origin.on(at, (req, res, n) => {
    came.push(Date.now());
    // Page 1: 503, then an answer after a while; page 2.
    if (n === 1) res.statusCode = 503;
    const body = JSON.stringify({ a: [n], next: queryOf(req).has('cursor') ? null : 2 });
    if (n === 2) setTimeout(() => res.end(body), 300);
    else res.end(body);
  });
  const topic = await createTopic(daemon, {
    url: origin.url(at), payloadPointer: '/a', retryBackOffInitialDuration: 'PT0.2S', retryBackOffFactor: 0, computedQueryParameters: MILLISECONDS,
    pagination: { mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' } },
  });
  const { exit, from } = await pollOnce(topic);
  assert.equal(exit, 'ok');
  assert.equal(came.length, 3);
  assert.ok(came[2] - came[0] > 450, came.join());
  await pollOnce(topic);
  between(sinceOf(origin.requests(at)[3]), from, came[0]);
  // Within a cycle all pages have the same moment, which is of the one before.
  const moments = origin.requests(at).map(sinceOf);
  assert.equal(new Set(moments.slice(0, 3)).size, 1, moments.join());
  assert.equal(moments[3], moments[4]);
});

test('the initial value is sent until the first success, and never again', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const at = newPath();
  let status = 503;
  scripted(at, (req, n) => (status === 200 ? { n } : status));
  const topic = await createTopic(own, {
    url: origin.url(at), retryMaxAttempts: 1, ...FAST_RETRIES,
    computedQueryParameters: { since: { ...MILLISECONDS.since, initialValue: 17 } },
  });
  await pollOnce(topic, own);
  await patchConfig(own, topic, { headers: { 'X-Who': 'me' } });
  await pollOnce(topic, own);
  await own.kill();
  own = await startDaemon({ args: ARGS, data: own.data });
  await pollOnce(topic, own);
  assert.deepEqual(origin.requests(at).map(sinceOf), Array(6).fill(17)); // each with its retry
  status = 200;
  const { from, to } = await pollOnce(topic, own);
  assert.equal(sinceOf(origin.requests(at)[6]), 17);
  status = 503;
  await pollOnce(topic, own);
  await patchConfig(own, topic, { computedQueryParameters: { since: { initialValue: 18, overlap: 'PT1S' } } });
  await pollOnce(topic, own);
  await own.stop();
  own = await startDaemon({ args: ARGS, data: own.data });
  await pollOnce(topic, own);
  const [one, two, ...later] = origin.requests(at).slice(7).map(sinceOf);
  assert.equal(one, two);
  between(one, from, to);
  assert.deepEqual(later, Array(4).fill(one - 1000));
});

test('parameters come and go with the settings, and are shown as they are', async (t) => {
  const at = newPath();
  scripted(at, () => ({ a: 1 }));
  const parameters = { since: { type: 'timestamp', initialValue: 1234567890123456 }, d: { type: 'date-time', pattern: 'yyyy', initialValue: '1999' } };
  const topic = await createTopic(daemon, { url: `${origin.url(at)}?since=never`, pollingPeriod: 'PT1H', retryMaxAttempts: 0, computedQueryParameters: parameters });
  assert.deepEqual(topic.publisher.config.computedQueryParameters, parameters);
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const shown = await patchConfig(daemon, topic, { computedQueryParameters: { since: null } });
  assert.deepEqual(shown.publisher.config.computedQueryParameters, { d: parameters.d });
  await origin.asked(at, 2);
  await patchConfig(daemon, topic, { computedQueryParameters: null });
  await origin.asked(at, 3);
  const urls = origin.requests(at).map((r) => r.url.slice(at.length));
  assert.match(urls[0], /^\?since=1234567890123456&d=1999$/);
  assert.match(urls[1], /^\?since=never&d=20\d\d$/);
  assert.equal(urls[2], '?since=never');
});

test('faults are refused, each with its place', async () => {
  const config = {
    url: 'http://h/', pollingPeriod: 'PT5S',
    computedQueryParameters: {
      'a b': { type: 'timestamp' },
      open: { type: 'date-time', pattern: "yyyy-MM-dd'T" },
      letter: { type: 'date-time', pattern: 'yyyy-rr' },
      initial: { type: 'date-time', pattern: 'yyyy-MM-dd', initialValue: '01.02.2024' },
      zone: { type: 'date-time', zone: 'Middle/Earth' },
      other: { type: 'timestamp', reference: 'last-failure' },
    },
    pagination: { mode: 'cursor', nextReference: { location: 'body' } },
  };
  const answer = await daemon.request('POST', TOPICS, { body: { name: 'faulty', publisher: { type: 'http-poller', config } } });
  assert.equal(answer.status, 400, answer.text);
  const at = '/publisher/config/';
  assert.deepEqual(answer.json.errors.map((e) => e.source.pointer).sort(), [
    `${at}computedQueryParameters/a b`, `${at}computedQueryParameters/initial/initialValue`, `${at}computedQueryParameters/letter/pattern`,
    `${at}computedQueryParameters/open/pattern`, `${at}computedQueryParameters/other/reference`, `${at}computedQueryParameters/zone/zone`,
    `${at}pagination/nextReference/pointer`, `${at}pagination/nextReference/type`,
  ]);
});

test('a URL that gets too long is an error of the settings', async (t) => {
  const at = newPath();
  scripted(at, () => ({ a: 1 }));
  const url = `${origin.url(at)}?x=`;
  const topic = await createTopic(daemon, { url: url + 'x'.repeat(8190 - url.length), pollingPeriod: PERIOD, computedQueryParameters: MILLISECONDS });
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70001, error.message);
  assert.match(error.message, /"since".*8192 bytes/);
  await eventually(async () => (await debugOf(daemon, topic)).poller.runs > 2, 'further polls');
  assert.equal(origin.requests(at).length, 0);
});

// ---- durable ----

test('it survives a stop, also after polls that found nothing new', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const at = newPath();
  scripted(at, () => ({ a: 1 }));
  const topic = await createTopic(own, { url: origin.url(at), computedQueryParameters: MILLISECONDS });
  assert.equal((await pollOnce(topic, own)).exit, 'ok');
  const last = await pollOnce(topic, own);
  assert.equal(last.exit, 'unchanged');
  await own.stop();
  own = await startDaemon({ args: ARGS, data: own.data });
  await pollOnce(topic, own);
  between(sinceOf(origin.requests(at)[2]), last.from, last.to);
});

test('kill -9: it is what was committed with the last event, or later, but never of a cycle that was not', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const at = newPath();
  const held = [];
  let hold = false;
  origin.on(at, (req, res, n) => {
    if (hold) held.push(res);
    else res.end(JSON.stringify({ n: Math.min(n, 2) }));
  });
  const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: 'PT1H', computedQueryParameters: MILLISECONDS });
  const stream = await follow(t, own, topic);
  await stream.next(isEvent);
  const from = Date.now();
  await pollNow(own, topic);
  await stream.next(isEvent); // it is out, so it is durable
  const to = Date.now();
  await own.kill();
  own = await startDaemon({ args: ARGS, data: own.data });
  const unchanged = await pollOnce(topic, own);
  assert.equal(unchanged.exit, 'unchanged');
  between(sinceOf(origin.requests(at)[2]), from, to);
  await own.kill(); // what it learnt is written lazily: either is right
  own = await startDaemon({ args: ARGS, data: own.data });
  hold = true;
  await pollNow(own, topic);
  const since = sinceOf(await origin.asked(at, 4));
  assert.ok((since >= from && since <= to) || (since >= unchanged.from && since <= unchanged.to), `${since}`);
  await own.kill(); // in the middle of a cycle
  hold = false;
  own = await startDaemon({ args: ARGS, data: own.data });
  await pollOnce(topic, own);
  assert.equal(sinceOf(origin.requests(at)[4]), since);
});
