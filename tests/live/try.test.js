// One cycle of a configuration that is not stored: POST topics:test, and `pollcast try`. Two loops and a connection for
// each request, so that requests come in on either loop.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { startOidc } from './lib/oidc.js';
import { startOrigin } from './lib/origin.js';
import { program, Running, run, scratch, start } from './lib/program.js';
import { FAST_RETRIES, PERIOD, daemon, newPath, origin, pollOnce, requestCount, rig } from './lib/rig.js';
import { TOPICS, createTopic, debugOf, eventually, metric } from './lib/topics.js';

const TRY = `${TOPICS}:test`;
const SECRET = 'sesame-0123456789';
rig({ env: { TRY_SECRET: SECRET } });

const body = (config, more = {}) => ({ name: 'a trial', publisher: { type: 'http-poller', config }, ...more });
const ask = (config, more, on = daemon) => on.request('POST', TRY, { body: body(config, more) });

async function trial(config, more, on) {
  const answer = await ask(config, more, on);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

const names = async (on = daemon) => (await on.request('GET', TOPICS)).json.items.map((topic) => topic.name);
const outcome = ({ result }) => [result.outcome, result.code];
const at = (more = {}) => {
  const place = newPath();
  return { place, url: origin.url(place), ...more };
};

// ---- one request ----

test('a single request, as sent and as answered', async () => {
  const { place, url } = at();
  origin.json(place, { items: [{ id: 1 }, { id: 2.50 }], total: 2 }, { headers: { 'X-Many': ['a', 'b'], 'Set-Cookie': 'c=d' } });
  const answer = await trial({ url: `${url}?q=1`, payloadPointer: '/items', headers: { 'X-Api-Key': SECRET, 'X-Plain': 'yes' } });
  assert.equal(answer.comparedWith, null);
  assert.equal(answer.requests.length, 1);
  const [request] = answer.requests;
  const [seen] = origin.requests(place);
  assert.deepEqual(Object.entries(request.headers).flat(), seen.rawHeaders.map((text) => text.replace(SECRET, '********')));
  assert.equal(seen.headers['x-api-key'], SECRET);
  const { timing, responseHeaders } = request;
  assert.deepEqual([request.kind, request.method, request.url, request.page, request.attempt], ['poll', 'GET', `${url}?q=1`, 1, 1]);
  assert.deepEqual([request.status, request.httpVersion, request.bytes], [200, '1.1', 41]);
  assert.deepEqual([request.redirects, request.error], [[], null]);
  assert.deepEqual([responseHeaders['X-Many'], responseHeaders['Set-Cookie']], ['a, b', '********']);
  assert.ok(timing.totalMs >= timing.firstByteMs && timing.firstByteMs >= timing.connectMs && timing.queueMs >= 0);
  assert.deepEqual(answer.pages, [{ page: 1, url: `${url}?q=1`, type: 'array', items: 2, bytes: 21, next: null, error: null }]);
  assert.deepEqual(answer.payload, [{ id: 1 }, { id: 2.5 }]);
  assert.deepEqual([answer.payloadBytes, answer.gate], [21, null]);
  assert.deepEqual(answer.result, { outcome: 'snapshot', code: null, message: null, event: { type: 'snapshot', bytes: 21 } });
  assert.ok(answer.durationMs >= timing.totalMs);
});

test('nothing is stored, published or counted', async (t) => {
  const own = await startDaemon({ args: ['--loops', '2', '--drain', 'PT0S', '--trace', 'all'] });
  t.after(() => own.kill());
  const { place, url } = at();
  origin.on(place, (req, res) => res.end(JSON.stringify({ a: SECRET.length })));
  const figures = ['polls_total', 'polls_ok_total', 'polls_error_total', 'events_total', 'store_commits_total', 'topics', 'topics_failing'];
  const all = () => Promise.all(figures.map((name) => metric(own, name)));
  const before = await all();
  for (let i = 0; i < 6; i++) assert.equal((await trial({ url, headers: { Authorization: `Bearer ${SECRET}` } }, {}, own)).result.outcome, 'snapshot');
  assert.equal((await trial({ url: `${url}x`, headers: { Authorization: `Bearer ${SECRET}` } }, {}, own)).result.outcome, 'error');
  assert.deepEqual(await all(), before);
  assert.deepEqual(await names(own), []);
  await own.stop();
  for (const file of fs.readdirSync(own.data)) {
    const text = fs.readFileSync(path.join(own.data, file), 'latin1');
    assert.ok(!text.includes('a trial') && !text.includes(url), file);
  }
  assert.ok(!own.log.join('\n').includes(SECRET));
});

test('a failing status, with the beginning of what came, and no secret in it', async () => {
  const { place, url } = at();
  origin.on(place, (req, res) => res.writeHead(404, { 'Content-Type': 'text/plain' }).end(`nothing for ${req.headers['x-token']}${'.'.repeat(5000)}`));
  const answer = await trial({ url, headers: { 'X-Token': SECRET } });
  assert.deepEqual(outcome(answer), ['error', 70404]);
  assert.match(answer.result.message, /404 Not Found/);
  assert.equal(answer.result.message, answer.requests[0].error);
  assert.match(answer.requests[0].excerpt, /^nothing for \*{8}\.+$/);
  assert.ok(answer.requests[0].excerpt.length < 1100);
  assert.deepEqual([answer.pages, answer.payload, answer.result.event], [[], null, null]);
  assert.ok(!JSON.stringify(answer).includes(SECRET));
});

test('what is no JSON, and a pointer that selects nothing', async () => {
  const { place, url } = at();
  origin.on(place, (req, res) => res.end('<html>oh</html>'));
  const html = await trial({ url });
  assert.deepEqual(outcome(html), ['error', 70016]);
  assert.equal(html.requests[0].error, null);
  assert.equal(html.pages[0].excerpt, '<html>oh</html>');
  assert.equal(html.pages[0].error, html.result.message);
  origin.json(place, { items: [] });
  const pointer = await trial({ url, payloadPointer: '/itemz' });
  assert.deepEqual(outcome(pointer), ['error', 70016]);
  assert.match(pointer.result.message, /"\/itemz" selects nothing/);
  assert.equal(pointer.pages[0].excerpt, '{"items":[]}');
});

test('a retried 503', async () => {
  const { place, url } = at();
  origin.on(place, (req, res, n) => (n < 3 ? res.writeHead(503).end('busy') : res.end('{}')));
  const before = await metric(daemon, 'polls_retried_total');
  const answer = await trial({ url, ...FAST_RETRIES });
  assert.deepEqual(answer.requests.map(({ attempt, status, excerpt }) => [attempt, status, excerpt]), [[1, 503, 'busy'], [2, 503, 'busy'], [3, 200, undefined]]);
  assert.ok(answer.requests[1].timing.startMs >= 20 && answer.requests[2].timing.startMs > answer.requests[1].timing.startMs);
  assert.deepEqual(outcome(answer), ['snapshot', null]);
  assert.equal(await metric(daemon, 'polls_retried_total'), before);
});

test('no connection', async () => {
  const gone = await startOrigin();
  const url = gone.url('/');
  await gone.close();
  const answer = await trial({ url, retryMaxAttempts: 1, ...FAST_RETRIES });
  assert.deepEqual(outcome(answer), ['error', 70013]);
  assert.deepEqual(answer.requests.map(({ status, headers }) => [status, headers]), [[null, {}], [null, {}]]);
  assert.match(answer.requests[0].error, /no connection/);
});

test('redirects, which get no credentials elsewhere', async (t) => {
  const other = await startOrigin();
  t.after(() => other.close());
  other.json('/there', [1]);
  const { place, url } = at();
  origin.status(place, 307, { Location: other.url('/there') });
  const answer = await trial({ url, headers: { 'X-Api-Key': SECRET } });
  const [{ headers, redirects, status }] = answer.requests;
  assert.equal(headers['X-Api-Key'], '********');
  assert.equal(status, 200);
  assert.deepEqual(redirects.map((hop) => [hop.status, hop.url, hop.headers['X-Api-Key']]), [[307, other.url('/there'), undefined]]);
  assert.deepEqual(answer.payload, [1]);
});

test('the rules of egress hold', async (t) => {
  const open = await startDaemon({ args: ['--listen', '127.0.0.1:0', '--loops', '1', '--drain', 'PT0S'] });
  t.after(() => open.stop());
  const answer = await trial({ url: 'http://169.254.169.254/latest', retryMaxAttempts: 0 }, {}, open);
  assert.deepEqual(outcome(answer), ['error', 70013]);
  assert.match(answer.result.message, /169\.254/);
  assert.deepEqual(answer.requests[0].headers, {});
});

// ---- pages ----

test('pages: each with what it gave and what came next', async () => {
  const { place, url } = at();
  origin.on(place, (req, res) => {
    const page = Number(new URL(req.url, 'http://h').searchParams.get('page'));
    res.end(JSON.stringify({ items: [page, page * 10], next: page < 3 ? `?page=${page + 1}&pageSize=2` : null }));
  });
  const pagination = { mode: 'page', pageSize: { value: 2 }, nextReference: { location: 'body', type: 'uri', pointer: '/next' } };
  const answer = await trial({ url, payloadPointer: '/items', pagination });
  assert.deepEqual(answer.requests.map(({ page, attempt }) => [page, attempt]), [[1, 1], [2, 1], [3, 1]]);
  const urls = [1, 2, 3].map((n) => `${url}?page=${n}&pageSize=2`);
  assert.deepEqual(answer.pages.map((page) => page.url), urls);
  assert.deepEqual(answer.pages.map((page) => page.next), [urls[1], urls[2], null]);
  assert.deepEqual(answer.pages.map((page) => page.items), [2, 2, 2]);
  assert.deepEqual(answer.payload, [1, 10, 2, 20, 3, 30]);
});

test('pages: a bad one; and of very many the first and the last', async () => {
  const { place, url } = at();
  let last = 3;
  origin.on(place, (req, res) => {
    const page = Number(new URL(req.url, 'http://h').searchParams.get('page'));
    res.end(page < last ? JSON.stringify({ items: [page], next: page + 1 }) : '{"items":[],"next":{}}');
  });
  const pagination = { mode: 'page', nextReference: { location: 'body', type: 'value', pointer: '/next' } };
  const bad = await trial({ url, payloadPointer: '/items', pagination });
  assert.deepEqual(outcome(bad), ['error', 70016]);
  assert.match(bad.result.message, /^page 3: the next reference/);
  assert.deepEqual(bad.pages.map(({ items, error }) => [items, error !== null]), [[1, false], [1, false], [0, true]]);
  last = 250;
  const many = await trial({ url, payloadPointer: '/items', pagination });
  assert.deepEqual([many.requests.length, many.requestsLeftOut, many.pages.length, many.pagesLeftOut], [100, 150, 100, 150]);
  assert.deepEqual([0, 49, 50, 99].map((i) => many.requests[i].page), [1, 50, 201, 250]);
});

// ---- authorization ----

test('OAuth 2.0: the request for a token is shown, and neither secret nor token', async (t) => {
  const oidc = await startOidc();
  t.after(() => oidc.close());
  oidc.value = { items: [1] };
  for (const mode of ['header', 'body']) {
    const authorization = { type: 'oauth2', provider: oidc.provider, ...oidc.clients[mode] };
    const answer = await trial({ url: oidc.api('/x'), authorization });
    const { token } = oidc.calls.at(-1);
    assert.deepEqual(answer.requests.map(({ kind, method, url, status }) => [kind, method, url, status]),
      [['token', 'POST', oidc.provider, 200], ['poll', 'GET', oidc.api('/x'), 200]]);
    assert.ok(answer.requests[0].timing.totalMs > 0);
    assert.equal(answer.requests[1].headers.Authorization, '********');
    assert.deepEqual(answer.payload, { items: [1] });
    for (const secret of [oidc.clients[mode].clientSecret, token]) assert.ok(!JSON.stringify(answer).includes(secret));
    // A token that is there already is not asked for.
    assert.deepEqual((await trial({ url: oidc.api('/x'), authorization })).requests.map(({ kind }) => kind), ['poll']);
  }
  const wrong = { type: 'oauth2', provider: oidc.provider, ...oidc.clients.body, clientSecret: SECRET };
  const answer = await trial({ url: oidc.api('/x'), authorization: wrong });
  assert.deepEqual(outcome(answer), ['error', 70401]);
  assert.deepEqual(answer.requests.map(({ kind, status }) => [kind, status]), [['token', 401]]);
  assert.match(answer.result.message, /invalid_client/);
  assert.ok(!JSON.stringify(answer).includes(SECRET));
});

test('basic, bearer and references: sent, and masked', async () => {
  const basic = Buffer.from(`me:${SECRET}`).toString('base64');
  const cases = [
    [{ authorization: { type: 'basic', username: 'me', password: SECRET } }, 'authorization', `Basic ${basic}`],
    [{ authorization: { type: 'bearer', token: SECRET } }, 'authorization', `Bearer ${SECRET}`],
    [{ headers: { 'X-Any': 'is ${env:TRY_SECRET}' } }, 'x-any', `is ${SECRET}`],
  ];
  for (const [config, field, value] of cases) {
    const { place, url } = at();
    origin.on(place, (req, res) => res.writeHead(400, { 'X-Echo': req.headers[field] }).end(JSON.stringify(req.headers)));
    const answer = await trial({ url, ...config });
    assert.equal(origin.requests(place)[0].headers[field], value);
    const [{ headers, responseHeaders, excerpt }] = answer.requests;
    assert.equal(Object.entries(headers).find(([name]) => name.toLowerCase() === field)[1], '********');
    assert.match(responseHeaders['X-Echo'], /\*{8}$/);
    assert.match(excerpt, /\*{8}/);
    for (const secret of [SECRET, basic]) assert.ok(!JSON.stringify(answer).includes(secret), JSON.stringify(answer));
  }
});

// ---- compared with a topic ----

test('gate: what is refused is shown, and nothing remembers it', async () => {
  const { place, url } = at();
  origin.json(place, [1]);
  const refused = await trial({ url, assert: { minItems: 2 } });
  assert.deepEqual(outcome(refused), ['refused', 70016]);
  assert.deepEqual(refused.gate, { passed: false, message: refused.result.message });
  assert.match(refused.gate.message, /assert\.minItems: expected at least 2 elements, found 1/);
  assert.deepEqual([refused.payload, refused.result.event], [[1], null]);
  assert.deepEqual((await trial({ url, assert: { minItems: 1 } })).gate, { passed: true, message: null });
});

test('a topic of this name or id: what it would publish now, while it stays as it is', async () => {
  const list = (v) => Array.from({ length: 20 }, (_, id) => ({ id, text: 'x'.repeat(20), v }));
  for (let i = 0; i < 4; i++) { // owned by either loop
    const { place, url } = at();
    const config = { url, assert: { maxShrink: 0.5 }, retryMaxAttempts: 0 };
    const topic = await createTopic(daemon, config);
    origin.json(place, list(1), { etag: '"1"' });
    assert.equal((await pollOnce(topic)).exit, 'ok');
    const seen = async () => [await debugOf(daemon, topic), (await daemon.request('GET', `${TOPICS}/${topic.id}/events`)).json];
    const strip = ([{ poller, ...debug }, events]) => [debug, { runs: poller.runs }, events];
    const before = strip(await seen());

    // 304 to the topic's own validator.
    const same = await trial(config, { name: topic.name });
    assert.deepEqual([same.comparedWith, same.requests[0].status, same.requests[0].headers['If-None-Match']],
      [{ id: topic.id, name: topic.name, sequence: 1 }, 304, '"1"']);
    assert.deepEqual([outcome(same), same.pages[0].notModified, same.payload], [['unchanged', null], true, list(1)]);
    // The same bytes to another request.
    const other = await trial({ ...config, headers: { 'X-A': '1' } }, { name: topic.name });
    assert.deepEqual([outcome(other), other.requests[0].status, other.pages[0].items], [['unchanged', null], 200, 20]);

    const changed = list(1);
    changed[3].v = 2;
    origin.json(place, changed);
    const patch = await trial(config, { name: 'another name', id: topic.id.toUpperCase() });
    assert.deepEqual(outcome(patch), ['patch', null]);
    assert.deepEqual(patch.result.event.data, [{ op: 'replace', path: '/3/v', value: 2 }]);
    assert.equal(patch.comparedWith.name, topic.name);
    // The same id from elsewhere, unknown here, does not get in the way of the name.
    const moved = await trial(config, { name: topic.name, id: '00000000-0000-4000-8000-000000000000' });
    assert.equal(moved.comparedWith.id, topic.id);

    origin.json(place, list(1).slice(0, 3));
    const shrunk = await trial(config, { name: topic.name });
    assert.deepEqual(outcome(shrunk), ['refused', 70016]);
    assert.match(shrunk.gate.message, /maxShrink: expected at least 10 elements .* found 3/);
    // Against nothing it is a first snapshot.
    assert.deepEqual(outcome(await trial(config)), ['snapshot', null]);

    assert.deepEqual(strip(await seen()), before);
    assert.equal((await daemon.request('GET', `${TOPICS}/${topic.id}/refused`)).status, 404);
    assert.equal(requestCount(place), 7);
  }
});

test('the last success, and secrets given back masked, are those of the topic', async () => {
  const { place, url } = at();
  origin.json(place, { a: 1 });
  const config = {
    url,
    headers: { 'X-Api-Key': SECRET },
    computedQueryParameters: { since: { type: 'timestamp', reference: 'last-success', useMilliseconds: true, initialValue: 5 } },
  };
  const topic = await createTopic(daemon, config);
  const since = (n) => Number(new URL(origin.requests(place)[n].url, 'http://h').searchParams.get('since'));
  const poll = await pollOnce(topic);
  assert.equal(since(0), 5);
  const shown = (await daemon.request('GET', `${TOPICS}/${topic.id}`)).json;
  assert.equal(shown.publisher.config.headers['X-Api-Key'], '********');
  const answer = await daemon.request('POST', TRY, { body: shown });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(origin.requests(place)[1].headers['x-api-key'], SECRET);
  assert.ok(!answer.text.includes(SECRET));
  assert.ok(since(1) >= poll.from && since(1) <= poll.to, `${since(1)}`);
  assert.deepEqual(outcome(answer.json), ['unchanged', null]);
  // A trial is no success of the topic's.
  await daemon.request('POST', TRY, { body: shown });
  assert.equal(since(2), since(1));
  // Without that topic there is nothing that the mask could stand for.
  const nobody = await daemon.request('POST', TRY, { body: { ...shown, id: undefined, name: 'nobody' } });
  assert.equal(nobody.status, 400);
  assert.equal(nobody.json.errors[0].source.pointer, '/publisher/config/headers/X-Api-Key');
});

test('a topic that polls at the same time is not disturbed, and shares nothing', async () => {
  const { place, url } = at();
  const held = [];
  origin.on(place, (req, res) => held.push(res));
  const config = { url, pollingPeriod: PERIOD };
  const topic = await createTopic(daemon, config, { alwaysOn: true });
  await origin.asked(place, 1);
  const answer = trial(config, { name: topic.name });
  await origin.asked(place, 2);
  for (const res of held) res.end('[1]');
  assert.deepEqual(outcome(await answer), ['snapshot', null]);
  await eventually(async () => (await debugOf(daemon, topic)).sequence === 1, 'the poll');
  await daemon.request('DELETE', `${TOPICS}/${topic.id}`);
});

// ---- limits and bad bodies ----

test('a client that leaves takes its trial along', async () => {
  const { place, url } = at();
  let closed;
  const gone = new Promise((resolve) => { closed = resolve; });
  origin.on(place, (req) => req.socket.on('close', closed));
  const topic = await createTopic(daemon, { url: origin.url('/none') });
  for (const name of ['nobody', topic.name]) {
    const { hostname, port } = new URL(daemon.url);
    const client = http.request({ host: hostname, port, method: 'POST', path: TRY, agent: false, headers: { 'Content-Type': 'application/json' } });
    client.on('error', () => {});
    client.end(JSON.stringify(body({ url }, { name })));
    await origin.asked(place, requestCount(place) + 1);
    client.destroy();
    await within(5000, gone, 'the request to end');
  }
  await eventually(async () => (await metric(daemon, 'fetch_inflight')) === 0, 'the trial to end');
});

test('a few at the same time, then 429', async () => {
  const { place, url } = at();
  const held = [];
  origin.on(place, (req, res) => held.push(res));
  const running = Array.from({ length: 4 }, () => trial({ url }));
  await origin.asked(place, 4);
  const refused = await ask({ url });
  assert.equal(refused.status, 429);
  assert.equal(refused.headers['retry-after'], '1');
  assert.match(refused.json.errors[0].detail, /^4 trials are under way/);
  for (const res of held) res.end('[]');
  for (const answer of await Promise.all(running)) assert.equal(answer.result.outcome, 'snapshot');
  origin.json(place, []);
  // Those that were refused, faulty or left behind hold no place.
  for (let i = 0; i < 6; i++) assert.equal((await ask({})).status, 400);
  for (let i = 0; i < 6; i++) assert.equal((await trial({ url })).result.outcome, 'snapshot');
});

test('the deadline of the poll ends it', async (t) => {
  const hasty = await startDaemon({ args: ['--loops', '1', '--drain', 'PT0S', '--poll-deadline', 'PT0.2S', '--poll-min-period', 'PT0.1S'] });
  t.after(() => hasty.stop());
  const { place, url } = at();
  origin.on(place, () => {});
  const answer = await trial({ url, pollingPeriod: 'PT0.1S' }, {}, hasty);
  assert.deepEqual(outcome(answer), ['error', 70013]);
  assert.match(answer.result.message, /no answer within \d+ ms/);
  assert.ok(answer.durationMs >= 200 && answer.durationMs < 5000, `${answer.durationMs}`);
});

test('a server that stops says so, and does not wait', async () => {
  const own = await startDaemon({ args: ['--loops', '2', '--drain', 'PT0S'] });
  const { place, url } = at();
  origin.on(place, () => {});
  const topic = await createTopic(own, { url: origin.url('/none') });
  const answers = [ask({ url }, {}, own), ask({ url }, { name: topic.name }, own)];
  await origin.asked(place, 2);
  await own.stop();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 503);
  assert.doesNotMatch(own.log.join('\n'), /still under way/);
});

test('bodies that are none, with all faults at once', async () => {
  const post = (text, headers) => daemon.request('POST', TRY, { body: text, headers });
  assert.equal((await post('{"name":', {})).status, 400);
  assert.equal((await post('{}', { 'Content-Type': 'text/plain' })).status, 415);
  assert.equal((await post(JSON.stringify({ name: 'x'.repeat(300_000) }))).status, 413);
  for (const text of ['[]', 'null', '"x"', '{}']) assert.equal((await post(text)).status, 400, text);
  const faulty = await post(JSON.stringify({ name: '', publisher: { type: 'http-poller', config: { urll: 1, payloadPointer: 'x' } } }));
  assert.equal(faulty.status, 400);
  const pointers = faulty.json.errors.map((error) => error.source.pointer).sort();
  assert.deepEqual(pointers, ['/name', '/publisher/config/payloadPointer', '/publisher/config/url', '/publisher/config/urll']);
  const pushed = await post(JSON.stringify({ name: 'x', publisher: { type: 'http-post', config: {} } }));
  assert.equal(pushed.status, 400);
  assert.match(pushed.json.errors[0].detail, /does not poll/);
  const get = await daemon.request('GET', TRY);
  assert.deepEqual([get.status, get.headers.allow], [405, 'POST, OPTIONS']);
});

// ---- the command ----

const file = (t, value) => {
  const name = path.join(scratch(t), 'topic.json');
  fs.writeFileSync(name, typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  return name;
};

test('try URL: what was asked, what came, what would be published; nothing stays behind', async (t) => {
  const { place, url } = at();
  origin.json(place, { items: [{ id: 1, name: 'a' }] });
  const tmp = scratch(t);
  const { status, stdout, stderr } = await run(['try', url, '--pointer', '/items', '--key', 'id', '-H', `X-Api-Key: ${SECRET}`], { env: { TMPDIR: tmp } });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  const expected = [`> GET ${url}`, '  Host: ', '  X-Api-Key: ********', '< 200 OK, 31 B in ', '  Content-Type: application/json',
    'payload: array of 1 item, 21 B', '    "name": "a"', 'result: would publish a snapshot, 21 B', '1 request in '];
  let from = 0;
  for (const text of expected) {
    const found = stdout.indexOf(text, from);
    assert.ok(found >= 0, `"${text}" in:\n${stdout}`);
    from = found;
  }
  assert.ok(!stdout.includes(SECRET) && !stdout.includes('\x1b'));
  assert.equal(origin.requests(place)[0].headers['x-api-key'], SECRET);
  assert.deepEqual(fs.readdirSync(tmp), []);
});

test('try: exit status, and what to do next', async (t) => {
  const { place, url } = at();
  origin.status(place, 401);
  const failed = await run(['try', url]);
  assert.equal(failed.status, 1);
  assert.match(failed.stdout, /< 401 Unauthorized.*\n[^]*result: error 70401: .*\nnext: .*credentials/);
  origin.json(place, []);
  const refused = await run(['try', file(t, body({ url, assert: { minItems: 1 } }))]);
  assert.equal(refused.status, 1);
  assert.match(refused.stdout, /gate: refused\nresult: would publish nothing, but error 70016: .*minItems.*\nnext: .*assert/);
  const usage = [
    [[], /which file or URL/],
    [[url, url], /one file or URL at a time/],
    [[url, '--topic', 'x'], /--topic goes with a file/],
    [[file(t, body({ url })), '--pointer', '/x'], /go with a URL/],
    [[file(t, body({ url })), '--topic', 'x'], /no topic of .* has the name "x"/],
    [[file(t, { loops: 1 })], /holds no topic/],
    [[file(t, '{"name":')], /topic\.json:1:/],
    [['/nowhere.json'], /No such file/],
    [[url, '--pointer', 'items'], /--pointer: expected a JSON pointer/],
    [[url, '-H', 'nonsense'], /expected 'Name: value'/],
    [['ftp://127.0.0.1/'], /URL: expected an absolute http or https URL/],
    [[url, '--server', 'http://127.0.0.1:1'], /no answer from http:\/\/127\.0\.0\.1:1/],
  ];
  for (const [args, why] of usage) {
    const { status, stdout, stderr } = await run(['try', ...args]);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, why);
    assert.equal(stdout.replace(/^topic .*\n/, ''), '');
  }
});

test('try FILE: every fault with line and pointer; several topics, or one of them', async (t) => {
  const [one, two] = [at(), at()];
  origin.json(one.place, [1]);
  origin.json(two.place, [2]);
  const topics = file(t, { topics: [body({ url: one.url }, { name: 'one' }), body({ url: two.url }, { name: 'two' })] });
  const both = await run(['try', topics]);
  assert.equal(both.status, 0, both.stderr);
  assert.match(both.stdout, /^topic one\n> GET [^]*\n\ntopic two\n> GET [^]*would publish a snapshot/);
  const only = await run(['try', topics, '--topic', 'two', '--json']);
  assert.deepEqual(JSON.parse(only.stdout).payload, [2]);
  const faulty = await run(['try', file(t, '{"topics": [\n {"name": "x", "publisher": {"type": "http-poller", "config": {\n  "url": "x"}}},\n {"name": ""}]}')]);
  assert.equal(faulty.status, 2);
  assert.match(faulty.stderr, /topic\.json:3: \/topics\/0\/publisher\/config\/url: /);
  assert.match(faulty.stderr, /topic\.json:4: \/topics\/1\/name: /);
  // A bad one does not keep the others from being tried.
  const mixed = await run(['try', file(t, [body({}, { name: 'x' }), body({ url: one.url }, { name: 'one' })]), '--json']);
  assert.equal(mixed.status, 2);
  assert.equal(JSON.parse(mixed.stdout).result.outcome, 'snapshot');
});

test('try --server: compared with what that server has; its answer as it is', async (t) => {
  const { place, url } = at();
  const list = (v) => Array.from({ length: 60 }, (_, id) => ({ id, text: 'some words', v }));
  origin.json(place, list(1));
  const topic = await createTopic(daemon, { url, headers: { 'X-Api-Key': SECRET } });
  assert.equal((await pollOnce(topic)).exit, 'ok');
  const shown = file(t, (await run(['get', 'topics', topic.name, '--server', daemon.url])).stdout);
  const same = await run(['try', shown, '--server', daemon.url]);
  assert.equal(same.status, 0, same.stderr);
  assert.match(same.stdout, /… \d+ more lines \(--full prints all\)\n[^]*\nresult: unchanged, nothing to publish/);
  const changed = list(1);
  for (const item of changed.slice(0, 45)) item.v = 2;
  origin.json(place, changed, { headers: { 'X-Other': 'o' } });
  const patch = await run(['try', shown, '--server', daemon.url]);
  assert.match(patch.stdout, /compared with: topic .*, at event 1\nresult: would publish a patch, 45 operations, .*\n {2}replace \/0\/v 2\n[^]*… 5 more operations/);
  assert.doesNotMatch(patch.stdout, /X-Other/);
  const full = await run(['try', shown, '--server', daemon.url, '--full']);
  assert.match(full.stdout, / {2}X-Other: o\n[^]* {2}replace \/44\/v 2\n/);
  assert.doesNotMatch(full.stdout, /…/);
  const json = await run(['try', shown, '--server', daemon.url, '--json']);
  assert.equal(JSON.parse(json.stdout).result.event.data.length, 45);
  for (const { stdout } of [same, patch, full, json]) assert.ok(!stdout.includes(SECRET));
  assert.equal((await debugOf(daemon, topic)).sequence, 1);
});

test('try: pages and attempts in order, what a source says cannot steer the terminal', async (t) => {
  const { place, url } = at();
  origin.on(place, (req, res, n) => {
    if (n === 1) return res.writeHead(503, { 'X-A': 'b' }).end('busy \x1b[31m\x07 \u009b!\nso busy');
    const page = Number(new URL(req.url, 'http://h').searchParams.get('page'));
    return res.end(JSON.stringify({ items: [page], next: page < 30 ? page + 1 : null }));
  });
  const pagination = { mode: 'page', nextReference: { location: 'body', type: 'value', pointer: '/next' } };
  const { status, stdout } = await run(['try', file(t, body({ url, payloadPointer: '/items', pagination, ...FAST_RETRIES }))]);
  assert.equal(status, 0, stdout);
  assert.ok(!/[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]/.test(stdout));
  assert.match(stdout, /< 503 Service Unavailable.*\n {2}the source answered 503.*\n {2}\| busy ·\[31m· ·!\n {2}\| so busy\n> GET .*\(attempt 2\)\n< 200 OK.*\n= page 1: array of 1 item, 3 B\n {2}next: .*page=2/);
  assert.match(stdout, /… 19 more requests \(--full prints all\)\n> GET .*page=27&[^]*= page 30: array/);
});

test('try: colours on a terminal only, and not with NO_COLOR', async (t) => {
  if (spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0) return t.skip('no terminal can be made here');
  const { place, url } = at();
  origin.json(place, [1]);
  const onTerminal = async (env) => {
    const shell = new Running(t, 'script', ['-qec', `${program} try ${url}`, '/dev/null'], { env, input: '' });
    await shell.end();
    return shell.stdout;
  };
  assert.match(await onTerminal({}), /\x1b\[32m< 200 OK\x1b\[0m/);
  const plain = await onTerminal({ NO_COLOR: '1' });
  assert.match(plain, /< 200 OK/);
  assert.ok(!plain.includes('\x1b'));
});

test('try: Ctrl-C ends it, and nothing stays behind', async (t) => {
  const { place, url } = at();
  origin.on(place, () => {});
  const tmp = scratch(t);
  const running = start(t, ['try', url], { env: { TMPDIR: tmp } });
  await origin.asked(place);
  assert.equal(fs.readdirSync(tmp).length, 1);
  assert.equal(await running.end('SIGINT', 5000), 2);
  assert.match(running.stderr, /try: interrupted/);
  assert.deepEqual(fs.readdirSync(tmp), []);
});
