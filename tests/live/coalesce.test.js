// Topics that make the same request: one fetch per period for all of them, and what that must not change.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { daemon, FAST_RETRIES, newPath, origin, pollOnce, queryOf, requestCount as count, rig } from './lib/rig.js';
import { TOPICS, createTopic, debugOf, eventually, follow, isEvent, metric, patchConfig, pollNow } from './lib/topics.js';

const ARGS = ['--loops', '3', '--poll-min-period', 'PT0.1S', '--drain', 'PT0S'];
rig({ args: ARGS });

const always = { alwaysOn: true };
const outcomes = async (topic, on = daemon) => (await debugOf(on, topic)).lastPolls;
const snapshotOf = async (topic, agent) => (await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`, { agent })).json;
const remove = (...topics) => Promise.all(topics.map((topic) => daemon.request('DELETE', `${TOPICS}/${topic.id}`)));

// n topics with this config, several at a time.
async function createMany(n, config, more = always, on = daemon) {
  const topics = [];
  let started = 0;
  const worker = async () => {
    while (started < n) topics[started] = await createTopic(on, { ...config }, (started++, more));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return topics.filter(Boolean);
}

const followWhole = (t, topic) => follow(t, daemon, topic, { query: '?mode=snapshot-only' });

// Figures of the server between two moments.
async function figures(on = daemon) {
  const names = ['polls_total', 'fetch_requests_total', 'fetch_shared_total', 'polls_error_total', 'events_total'];
  const { text } = await on.request('GET', '/metrics');
  return Object.fromEntries(names.map((name) => [name, Number(new RegExp(`^pollcast_${name} (\\S+)$`, 'm').exec(text)[1])]));
}

// A source that holds its answers back until told.
function holding(at) {
  const held = [];
  origin.on(at, (req, res) => {
    held.push(res);
    res.on('close', () => held.includes(res) && held.splice(held.indexOf(res), 1));
  });
  return { held, answer(value) { for (const res of held.splice(0)) res.end(JSON.stringify(value)); } };
}

// ---- what it is for ----

test('a thousand topics with the same request make one request per period', async (t) => {
  const at = newPath();
  let value = 1;
  origin.on(at, (req, res) => {
    const etag = `"v${value}"`;
    res.writeHead(req.headers['if-none-match'] === etag ? 304 : 200, { ETag: etag });
    res.end(req.headers['if-none-match'] === etag ? undefined : JSON.stringify({ value }));
  });
  const topics = await createMany(1000, { url: origin.url(at), pollingPeriod: 'PT0.4S' });
  assert.equal(topics.length, 1000);
  t.after(() => remove(...topics));
  const loops = new Set((await Promise.all(topics.slice(0, 30).map((topic) => debugOf(daemon, topic)))).map((d) => d.loop));
  assert.equal(loops.size, 3);
  // Until all of them know the source's validators, there are two different requests.
  await eventually(async () => (await metric(daemon, 'polls_ok_total')) >= 1000, 'all first documents');
  await origin.asked(at, count(at) + 1);

  // Requests are made for polls due at least a period apart; they may start late, by this at most here.
  const late = 500;
  const before = await figures();
  const from = count(at);
  await origin.asked(at, from + 6);
  const after = await figures();
  const times = origin.requests(at).slice(from, from + 6).map((req) => req.at);
  assert.ok(times[5] - times[0] >= 2000 - late, `six requests within ${times[5] - times[0]} ms`);
  assert.ok(times[5] - times[0] <= 2000 + late, `and not in ${times[5] - times[0]} ms`);
  // All of them polled all the while, and nothing failed.
  const made = after.fetch_requests_total - before.fetch_requests_total;
  const polls = after.polls_total - before.polls_total;
  assert.ok(polls >= 4000 && polls <= 7000, `${polls} polls`);
  assert.ok(made >= 5 && made <= 7, `${made} requests`);
  assert.ok(Math.abs(polls - made - (after.fetch_shared_total - before.fetch_shared_total)) <= 200);
  assert.equal(after.polls_error_total, before.polls_error_total);

  // A change reaches all of them: with the first request after it, and then by the end of its period.
  value = 2;
  const changed = count(at);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  await eventually(async () => (await figures()).events_total - before.events_total >= 1000, 'all to see the change');
  assert.ok(count(at) - changed <= 4, `${count(at) - changed} requests until all had the change`);
  const seen = await Promise.all(topics.map((topic) => snapshotOf(topic, agent)));
  assert.ok(seen.every((snapshot) => JSON.stringify(snapshot).includes('"value":2')), JSON.stringify(seen[0]));
  const polled = (await Promise.all(topics.slice(0, 50).map((topic) => outcomes(topic)))).flat();
  assert.ok(polled.filter((p) => p.shared).length > 0.9 * polled.length);
});

test('with the setting off each topic makes its own requests', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--poll-coalesce=false'] });
  t.after(() => own.stop());
  const at = newPath();
  origin.json(at, { a: 1 });
  const topics = await createMany(5, { url: origin.url(at), pollingPeriod: 'PT1H' }, always, own);
  await origin.asked(at, 5);
  for (const topic of topics) {
    const [first] = await eventually(async () => (await outcomes(topic, own)).length && outcomes(topic, own), 'the poll');
    assert.equal(first.shared, undefined);
  }
});

// ---- what is a different request ----

test('other URLs, header fields and credentials are not shared', async (t) => {
  const at = newPath();
  origin.on(at, (req, res) => res.end(JSON.stringify({ as: req.headers.authorization ?? req.headers['x-api-key'] ?? req.headers.accept })));
  const url = origin.url(at);
  const configs = [
    { url },
    { url: `${url}?a=1` },
    { url, headers: { 'X-Api-Key': 'one' } },
    { url, headers: { 'X-Api-Key': 'two' } },
    { url, headers: { Accept: 'one' } },
    { url, authorization: { type: 'basic', username: 'u', password: 'p' } },
    { url, authorization: { type: 'basic', username: 'u', password: 'q' } },
    { url, authorization: { type: 'bearer', token: 't1' } },
    { url, authorization: { type: 'bearer', token: 't2' } },
    { url, headers: { Authorization: 'Bearer t1' } },
  ];
  const topics = [];
  for (const config of configs) {
    for (let i = 0; i < 3; i++) topics.push(await createTopic(daemon, { ...config, pollingPeriod: 'PT1H' }, always));
  }
  t.after(() => remove(...topics));
  const documents = await Promise.all(topics.map((topic) => eventually(() => snapshotOf(topic), 'a document')));
  // The first of each three was alone when it polled.
  assert.equal(count(at), 2 * configs.length);
  const asked = origin.requests(at).map((req) => `${req.url} ${JSON.stringify([req.headers.authorization, req.headers['x-api-key'], req.headers.accept])}`);
  assert.equal(new Set(asked).size, configs.length - 1); // the last two bearers look the same on the wire
  for (let i = 0; i < configs.length; i++) {
    const texts = documents.slice(3 * i, 3 * i + 3).map((d) => JSON.stringify(d));
    const secret = ['one', 'two'].find((word) => JSON.stringify(configs[i]).includes(`"${word}"`));
    if (secret) assert.ok(texts.every((text) => text.includes(secret)), texts[0]);
  }
});

// ---- asked for by somebody ----

test('a poll that somebody asks for is a request of its own, and serves the others', async (t) => {
  const at = newPath();
  let value = 1;
  origin.on(at, (req, res) => res.end(JSON.stringify({ value })));
  const config = { url: origin.url(at), pollingPeriod: 'PT1H' };
  const a = await createTopic(daemon, config);
  const b = await createTopic(daemon, config);
  t.after(() => remove(a, b));
  assert.equal((await pollOnce(a)).shared, undefined);
  value = 2;
  assert.equal((await pollOnce(a)).shared, undefined);
  assert.equal((await pollOnce(b)).shared, undefined);
  assert.equal(count(at), 3);

  value = 3;
  const c = await createTopic(daemon, config, always);
  t.after(() => remove(c));
  assert.match(JSON.stringify(await eventually(() => snapshotOf(c), 'a document')), /"value":2/);
  assert.equal((await outcomes(c))[0].shared, true);
  await pollNow(daemon, c);
  await eventually(async () => /"value":3/.test(JSON.stringify(await snapshotOf(c))), 'the new document');
  assert.equal(count(at), 4);
  // No topic goes back behind what it has seen, and what others fetched since is good for it.
  const stream = await followWhole(t, a);
  await stream.next((f) => f.event === 'snapshot' && /"value":3/.test(f.data));
  assert.equal(count(at), 4);
});

test('a trial shares nothing with others', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const config = { url: origin.url(at), pollingPeriod: 'PT1H' };
  const topics = await createMany(2, config);
  t.after(() => remove(...topics));
  await Promise.all(topics.map((topic) => eventually(() => snapshotOf(topic), 'a document')));
  const n = count(at);
  for (const body of [{ name: 'other' }, { id: topics[0].id, name: topics[0].name }]) {
    const answer = await daemon.request('POST', `${TOPICS}:test`, { body: { ...body, publisher: { type: 'http-poller', config } } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.requests[0].status, 200);
  }
  assert.equal(count(at), n + 2);
  for (const topic of topics) assert.equal((await debugOf(daemon, topic)).poller.runs, 1);
});

// ---- sources that fail ----

test('a source that fails gets each attempt once per period, however many topics there are', async (t) => {
  const at = newPath();
  origin.status(at, 500);
  const config = { url: origin.url(at), pollingPeriod: 'PT0.5S', retryMaxAttempts: 2, ...FAST_RETRIES };
  const topics = await createMany(200, config);
  t.after(() => remove(...topics));
  await origin.asked(at, 3);
  const periods = 3;
  const from = count(at);
  const errors = await metric(daemon, 'polls_error_total');
  const began = performance.now();
  await eventually(async () => (await metric(daemon, 'polls_error_total')) >= errors + periods * 200, 'all to fail');
  const took = performance.now() - began;
  // One period more at each border.
  const most = 3 * (Math.ceil(took / 500) + 1);
  assert.ok(count(at) - from <= most, `${count(at) - from} requests in ${took} ms, at most ${most}`);
  assert.ok(count(at) - from >= 3 * (periods - 1));

  origin.json(at, { a: 1 });
  await Promise.all(topics.map((topic) => eventually(() => snapshotOf(topic), 'a document')));
});

test('all topics hear Retry-After', async (t) => {
  const at = newPath();
  origin.status(at, 503, { 'Retry-After': '60' });
  const topics = await createMany(20, { url: origin.url(at), pollingPeriod: 'PT2S', retryMaxAttempts: 1, ...FAST_RETRIES });
  t.after(() => remove(...topics));
  for (const topic of topics) {
    await eventually(async () => (await debugOf(daemon, topic)).poller.askedToWait, 'the wait');
  }
  assert.ok(count(at) <= 2, `${count(at)} requests`);
});

// ---- topics that go while others wait ----

for (const [what, go] of [
  ['deleted', (topic) => remove(topic)],
  ['changed', (topic) => patchConfig(daemon, topic, { url: origin.url('/elsewhere') })],
]) {
  test(`the topic whose poll made the request is ${what}`, async (t) => {
    const at = newPath();
    const source = holding(at);
    const config = { url: origin.url(at), pollingPeriod: 'PT1H' };
    const others = await createMany(5, config, {});
    const maker = await createTopic(daemon, config, always);
    t.after(() => remove(...others));
    await origin.asked(at, 1);
    const streams = await Promise.all(others.map((topic) => follow(t, daemon, topic)));
    for (const topic of others) await eventually(async () => (await debugOf(daemon, topic)).poller.step === 'requesting', 'the poll');
    await go(maker);
    await debugOf(daemon, others[0]);
    source.answer({ a: 1 });
    for (const stream of streams) assert.match((await stream.next(isEvent)).data, /"a":1/);
    assert.equal(count(at), 1);
    if (what === 'changed') await remove(maker);
  });
}

test('a request for which nobody waits any more ends', async (t) => {
  const at = newPath();
  const source = holding(at);
  const topics = await createMany(6, { url: origin.url(at), pollingPeriod: 'PT1H' }, {});
  const streams = await Promise.all(topics.map((topic) => follow(t, daemon, topic)));
  await origin.asked(at, 1);
  for (const topic of topics) await eventually(async () => (await debugOf(daemon, topic)).poller.step === 'requesting', 'the poll');
  for (const stream of streams.slice(1)) stream.close();
  await debugOf(daemon, topics[0]);
  assert.equal(source.held.length, 1);
  await remove(...topics);
  await eventually(() => source.held.length === 0, 'the request to end');
  assert.equal(count(at), 1);
});

// ---- over several periods: each of these only waits ----

describe('at the same time', { concurrency: true }, () => {
  test('topics of different periods share too: the shortest decides', async (t) => {
    const at = newPath();
    origin.json(at, { a: 1 });
    const quick = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT0.2S' }, always);
    const slow = await createMany(20, { url: origin.url(at), pollingPeriod: 'PT0.5S' });
    t.after(() => remove(quick, ...slow));
    const from = count(at);
    await origin.asked(at, from + 6);
    const times = origin.requests(at).slice(from, from + 6).map((req) => req.at);
    assert.ok(times[5] - times[0] >= 1000 - 300, `six requests within ${times[5] - times[0]} ms`);
    for (const topic of slow) assert.ok((await outcomes(topic)).some((p) => p.shared && p.exit !== 'error'));
  });

  test('one OAuth client is one identity, whoever holds its token', async (t) => {
    const at = newPath();
    const tokenAt = newPath();
    let refused;
    origin.on(tokenAt, (req, res, n) => {
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ access_token: `tok${n}`, token_type: 'bearer', expires_in: 3600 }));
    });
    origin.on(at, (req, res) => {
      res.statusCode = req.headers.authorization === refused ? 401 : 200;
      res.end(JSON.stringify({ as: req.headers.authorization }));
    });
    const authorization = (clientSecret) => ({ type: 'oauth2', provider: origin.url(tokenAt), clientId: 'c', clientSecret });
    const config = { url: origin.url(at), pollingPeriod: 'PT0.2S' };
    const ones = await createMany(10, { ...config, authorization: authorization('one') });
    const twos = await createMany(10, { ...config, pollingPeriod: 'PT1H', authorization: authorization('two') });
    t.after(() => remove(...ones, ...twos));
    await Promise.all([...ones, ...twos].map((topic) => eventually(() => snapshotOf(topic), 'a document')));
    assert.equal(count(tokenAt), 2);
    const by = (token) => origin.requests(at).filter((req) => req.headers.authorization === `Bearer ${token}`).length;
    assert.ok(by('tok2') <= 2); // the first of them was alone when it polled

    // The token is withdrawn: it is renewed once for all, and nobody fails.
    refused = 'Bearer tok1';
    await eventually(() => by('tok3') >= 3, 'requests with the new token');
    assert.equal(count(tokenAt), 3);
    for (const topic of ones) assert.ok((await outcomes(topic)).every((p) => p.exit !== 'error'));
  });

  test('the time of the last success is that of the request, not of the poll it served', async (t) => {
    const at = newPath();
    const starts = [];
    origin.on(at, (req, res) => {
      starts.push({ since: Number(queryOf(req).get('since')), at: Date.now() });
      res.end(JSON.stringify(starts.length));
    });
    const config = {
      url: origin.url(at),
      pollingPeriod: 'PT0.3S',
      computedQueryParameters: { since: { reference: 'last-success', type: 'timestamp', useMilliseconds: true, initialValue: 0 } },
    };
    const topics = await createMany(20, config);
    t.after(() => remove(...topics));
    await origin.asked(at, 8);
    // What changed at the source after it was asked is asked for again by whoever the answer served: each time that is sent
    // is that of an earlier request, which took a moment to arrive, and never a later one.
    const times = new Set(starts.map((s) => s.since).filter((since) => since > 0));
    assert.ok(times.size > 3);
    for (const since of times) {
      assert.ok(starts.some((s) => since <= s.at && s.at - since < 150), `${since} is no request's`);
    }
    // So those that one request served ask the same the next time too.
    const all = (await Promise.all(topics.map((topic) => outcomes(topic)))).flat();
    const shared = all.filter((p) => p.shared).length;
    assert.ok(shared > all.length / 2, `${shared} of ${all.length} polls shared a request`);
  });

  test('the pages of a cycle are of one round', async (t) => {
    const at = newPath();
    let rounds = 0;
    const pages = [];
    // Each round finds one item more at the front, so that all the others move on.
    origin.on(at, (req, res) => {
      const page = Number(queryOf(req).get('page'));
      const send = () => {
        const all = Array.from({ length: 40 + rounds }, (_, i) => 40 + rounds - i);
        res.setHeader('Content-Type', 'application/json');
        if (page < 4) res.setHeader('Link', `<${origin.url(at)}?page=${page + 1}&pageSize=20>; rel="next"`);
        res.end(JSON.stringify(all.slice(20 * (page - 1), page < 4 ? 20 * page : undefined)));
      };
      pages.push(page);
      if (page > 1) {
        send();
        return;
      }
      // So slow that several topics wait for it, and any of them may be the first to ask for the next page.
      rounds++;
      setTimeout(send, 150);
    });
    const config = {
      url: origin.url(at),
      pollingPeriod: 'PT0.4S',
      pagination: { mode: 'page', pageSize: { value: 20 }, nextReference: { location: 'header' } },
    };
    const topics = await createMany(12, config, {});
    t.after(() => remove(...topics));
    const streams = await Promise.all(topics.map((topic) => followWhole(t, topic)));
    for (const stream of streams) {
      for (let i = 0; i < 4; i++) {
        const items = JSON.parse((await stream.next((f) => f.event === 'snapshot')).data);
        // As of a topic that polls alone: an item may be seen twice while it moves on, but none is left out.
        assert.ok(items[0] > 40);
        assert.deepEqual([...new Set(items)], Array.from({ length: items[0] }, (_, k) => items[0] - k));
      }
    }
    assert.ok(pages.length <= 4 * rounds, `${pages.length} requests in ${rounds} rounds`);
    assert.ok((await outcomes(topics[3])).some((p) => p.shared));
  });
});

// ---- the end ----

for (const end of ['stop', 'kill']) {
  test(`${end} while a shared request is under way`, async (t) => {
    const at = newPath();
    const source = holding(at);
    const own = await startDaemon({ args: ARGS });
    const topics = await createMany(30, { url: origin.url(at), pollingPeriod: 'PT1H' }, always, own);
    await origin.asked(at, 1);
    await own[end]();
    await eventually(() => source.held.length === 0, 'the request to end');
    const n = count(at);
    assert.ok(n <= 2, `${n} requests`); // the first topic was alone for a moment
    const again = await startDaemon({ args: ARGS, data: own.data });
    t.after(() => again.stop());
    await origin.asked(at, n + 1);
    source.answer({ a: 1 });
    for (const topic of topics) {
      await eventually(async () => (await outcomes(topic, again)).some((p) => p.exit === 'ok'), 'the document');
    }
    assert.equal(count(at), n + 1);
  });
}
