// Query parameters computed from the last success: what the source is asked for, when that moves, and that it is never
// ahead of what was published, whatever happens to the server.
//
// KILLS in the environment makes the last test shorter or longer, SEED repeats it.
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';

import jsonpatch from 'fast-json-patch';

import { startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { openStream } from './lib/sse.js';
import { createTopic, debugOf, eventually, follow, isEvent, nextError, patchConfig, pollNow, seqOf, SSE, TOPICS } from './lib/topics.js';

const PERIOD = 'PT0.1S';
const ARGS = ['--loops', '2', '--poll-min-period', PERIOD, '--drain', 'PT0S'];
const FAST_RETRIES = { retryBackOffInitialDuration: 'PT0.02S', retryBackOffMaxDuration: 'PT0.05S' };
const MILLISECONDS = { since: { type: 'timestamp', reference: 'last-success', useMilliseconds: true } };
let daemon;
let origin;

before(async () => {
  origin = await startOrigin();
  daemon = await startDaemon({ args: ARGS });
});
after(async () => {
  await daemon.stop();
  await origin.close();
});

let unique = 0;
const newPath = () => `/source${++unique}`;
const queryOf = (req) => new URL(req.url, 'http://h').searchParams;
const sinceOf = (req) => Number(queryOf(req).get('since'));

// One poll that nobody follows: {exit, from, to}, from before it was asked for to when it had ended.
async function pollOnce(topic, on = daemon) {
  const { poller } = await debugOf(on, topic);
  const from = Date.now();
  await pollNow(on, topic);
  const now = await eventually(async () => {
    const debug = await debugOf(on, topic);
    return debug.poller.runs > poller.runs && !debug.poller.step && !debug.poller.running ? debug : undefined;
  }, 'the poll');
  return { ...now.lastPolls.at(-1), from, to: Date.now() };
}

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

// ---- kill -9 at random moments of cycles of pages ----

const KILLS = Number(process.env.KILLS ?? 20);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

// A source of what happened since a moment, cut into pages. What a cycle is given is fixed when it begins.
class Happenings {
  all = []; // {id, t}
  given = new Set(); // all pages of each cycle, as text
  calm = false; // nothing happens any more
  onStep = () => {}; // a request came, or its answer went
  gate = () => undefined; // awaited before the first answer of a cycle
  #cycles = new Map();
  #next = 0;

  happen() {
    this.all.push({ id: this.all.length, t: Date.now() });
  }

  async handle(req, res) {
    this.onStep();
    const query = queryOf(req);
    const since = sinceOf(req);
    let cursor = query.get('cursor');
    if (cursor === null) {
      await this.gate(since);
      cursor = `${++this.#next}.0`;
      this.#cycles.set(this.#next, this.all.filter((item) => item.t >= since));
      this.given.add(JSON.stringify(this.#cycles.get(this.#next)));
    }
    const [cycle, start] = cursor.split('.').map(Number);
    const items = this.#cycles.get(cycle);
    const end = start + 3;
    // Things go on happening while the pages are fetched.
    if (!this.calm && rand(2)) this.happen();
    res.end(JSON.stringify({ items: items.slice(start, end), next: end < items.length ? `${cycle}.${end}` : null }), () => this.onStep());
  }
}

const idsOf = (documents) => new Set(documents.flatMap((d) => d.document.map((item) => item.id)));

// All documents that the journal holds, in order: what any subscriber could have had.
async function journalOf(own, topic) {
  const documents = [];
  let document;
  for (let after = 0, more = true; more;) {
    const { status, text, json } = await own.request('GET', `${TOPICS}/${topic.id}/events?after=${after}&limit=1000`);
    assert.equal(status, 200, text);
    for (const event of json.items) {
      const seq = seqOf(event);
      assert.ok(seq > after, `${event.id} after ${after}`);
      after = seq;
      document = event.type === 'snapshot' ? event.data : jsonpatch.applyPatch(structuredClone(document), event.data, true).newDocument;
      documents.push({ seq, document });
    }
    more = json.more;
  }
  return documents;
}

test('kill -9 at random moments of cycles of pages: nothing is lost, nothing comes twice', { timeout: 600_000 }, async (t) => {
  console.log(`params: SEED=${seed} KILLS=${KILLS}`);
  const source = new Happenings();
  const at = newPath();
  origin.on(at, (req, res) => source.handle(req, res));
  for (let i = 0; i < 10; i++) source.happen();
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createTopic(own, {
    url: origin.url(at), payloadPointer: '/items', pollingPeriod: PERIOD, ...FAST_RETRIES,
    computedQueryParameters: { since: { ...MILLISECONDS.since, initialValue: 0 } },
    pagination: { mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' } },
  }, { alwaysOn: true });

  // A subscriber that goes on from its last id; every document it had, by number.
  const had = new Map();
  let lastId;
  let document;
  const take = (frame) => {
    const seq = seqOf(frame);
    assert.ok(!had.has(seq) && seq > (lastId ? seqOf({ id: lastId }) : 0), `${frame.id} after ${lastId}`);
    lastId = frame.id;
    document = frame.event === 'snapshot' ? JSON.parse(frame.data) : jsonpatch.applyPatch(structuredClone(document), JSON.parse(frame.data), true).newDocument;
    had.set(seq, document);
  };
  const connect = async () => {
    const stream = await openStream(own.url, `${SSE}/${topic.id}`, { headers: lastId ? { 'Last-Event-ID': lastId } : {} });
    assert.equal(stream.status, 200);
    return stream;
  };
  const drain = (stream) => stream.frames.filter((f) => f.event === 'snapshot' || f.event === 'patch').forEach(take);

  const checkNothingMissed = async (on, since) => {
    const published = idsOf(await journalOf(on, topic));
    assert.deepEqual(source.all.filter((item) => item.t < since && !published.has(item.id)), [], `asked since ${since}`);
  };

  let steps = 0;
  for (let kills = 0; kills < KILLS; kills++) {
    const stream = await connect();
    // After so many requests and answers, and a moment in which the server goes on.
    const wanted = 1 + rand(20);
    await within(20_000, new Promise((resolve) => {
      let left = wanted;
      source.onStep = () => {
        if (rand(3) === 0) source.happen();
        if (--left === 0) resolve();
      };
    }), 'the steps');
    steps += wanted;
    const until = process.hrtime.bigint() + BigInt(rand(3000)) * 1000n;
    while (rand(2) && process.hrtime.bigint() < until) await new Promise((resolve) => setImmediate(resolve));
    await own.kill();
    source.onStep = () => {};
    await stream.end();
    drain(stream);
    stream.close();

    // The next cycle asks for what happened since a moment: all before must have been published.
    const ready = startDaemon({ args: ARGS, data: own.data });
    const checked = new Promise((resolve, reject) => {
      source.gate = (since) => {
        source.gate = () => undefined;
        return ready.then((on) => checkNothingMissed(on, since)).then(resolve, reject);
      };
    });
    own = await ready;
    await within(20_000, checked, 'the first request after the restart');
  }

  // What happened last comes out, too.
  source.calm = true;
  const stream = await connect();
  const last = source.all.length - 1;
  await eventually(async () => (await journalOf(own, topic)).some((d) => d.document.some((item) => item.id === last)), 'the last one');
  const documents = await journalOf(own, topic);
  await eventually(() => stream.frames.some((f) => f.id !== undefined && isEvent(f) && seqOf(f) >= documents.at(-1).seq), 'the last event');
  drain(stream);
  stream.close();
  assert.equal(idsOf(documents).size, source.all.length);
  // Each document is all pages of one cycle, no less and no more; and what was read is what was written.
  const bySeq = new Map(documents.map((d) => [d.seq, d.document]));
  for (const { document: items } of documents) assert.ok(source.given.has(JSON.stringify(items)), JSON.stringify(items));
  for (const [seq, items] of had) if (bySeq.has(seq)) assert.deepEqual(items, bySeq.get(seq));
  console.log(`params: ${documents.length} events of ${source.all.length} happenings, ${KILLS} kills after ${steps} steps, ${had.size} events read`);
});
