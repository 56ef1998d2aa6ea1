// Polls that are authorized, against a real OAuth 2.0 provider and an API that asks it about every token.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { startOidc } from './lib/oidc.js';
import { startOrigin } from './lib/origin.js';
import { TOPICS, createTopic, debugOf, follow, isEvent, metric, nextError, pollNow } from './lib/topics.js';

const PERIOD = 'PT0.2S';
const ARGS = ['--loops', '2', '--poll-min-period', PERIOD, '--drain', 'PT0S', '--trace', 'all'];
let daemon;
let oidc;

before(async () => {
  oidc = await startOidc();
  daemon = await startDaemon({ args: ARGS });
});
after(() => oidc.close());
after(() => daemon?.stop());

let unique = 0;
const newPath = () => `/source${++unique}`;
const calls = (at) => oidc.calls.filter(({ path }) => path === at);
// scope: each test asks for another one where it wants a token of its own.
const authorization = (mode, more = {}) => ({ type: 'oauth2', provider: oidc.provider, ...oidc.clients[mode], ...more });

// What anybody can see of the program holds none of these.
function assertSecret(...secrets) {
  const seen = daemon.log.join('\n');
  for (const secret of secrets) assert.ok(!seen.includes(secret), `the log holds ${secret}`);
}

for (const mode of ['header', 'body']) {
  test(`oauth2 in mode ${mode}, renewed once on a 401`, async (t) => {
    const at = newPath();
    const { clientId, scope } = oidc.clients[mode];
    const granted = () => oidc.granted.filter((grant) => grant.clientId === clientId);
    oidc.value = { by: mode };
    const config = { url: oidc.api(at), pollingPeriod: PERIOD, authorization: authorization(mode) };
    const stream = await follow(t, daemon, await createTopic(daemon, config));
    assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { by: mode });
    assert.deepEqual(granted(), [{ clientId, mode, scope }]);

    await oidc.revoke();
    oidc.value = { by: mode, again: true };
    await stream.next(isEvent);
    assert.equal(granted().length, 2);
    assert.deepEqual([...new Set(calls(at).map(({ status }) => status))], [200, 401]);
    assert.equal(calls(at).filter(({ status }) => status === 401).length, 1);
    assertSecret(oidc.clients[mode].clientSecret, ...calls(at).map(({ token }) => token));
  });
}

test('many topics of one client need one token', async (t) => {
  const paths = Array.from({ length: 500 }, newPath);
  oidc.value = { many: true };
  const one = authorization('header', { scope: 'api:list' });
  for (const at of paths) {
    const topic = await createTopic(daemon, { url: oidc.api(at), pollingPeriod: 'PT1H', authorization: one });
    const stream = await follow(t, daemon, topic);
    await stream.next(isEvent);
  }
  assert.equal(oidc.granted.filter(({ scope }) => scope === 'api:list').length, 1);
  assert.deepEqual(new Set(paths.flatMap((at) => calls(at).map(({ status }) => status))), new Set([200]));
});

test('a wrong secret is error 70401 with the words of the provider', async (t) => {
  const at = newPath();
  const wrong = authorization('body', { clientSecret: 'not-the-secret' });
  const stream = await follow(t, daemon, await createTopic(daemon, { url: oidc.api(at), pollingPeriod: PERIOD, authorization: wrong }));
  const error = await nextError(stream);
  assert.equal(error.code, 70401);
  assert.match(error.message, /invalid_client/);
  assert.doesNotMatch(error.message, /not-the-secret/);
  assert.equal(calls(at).length, 0);
  assertSecret('not-the-secret');
});

test('a failing provider is left alone for a while', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  origin.status('/token', 500);
  const config = { url: oidc.api(newPath()), pollingPeriod: PERIOD, retryMaxAttempts: 0, authorization: authorization('body', { provider: origin.url('/token') }) };
  const topic = await createTopic(daemon, config);
  const stream = await follow(t, daemon, topic);
  const polls = await metric(daemon, 'polls_error_total');
  assert.equal((await nextError(stream)).code, 70401);
  for (let i = 0; i < 5; i++) await pollNow(daemon, topic);
  await origin.asked('/token', 2); // at the earliest a second after the first
  const [first, second] = origin.requests('/token');
  assert.ok(second.at - first.at >= 900, `${second.at - first.at} ms`);
  assert.ok((await metric(daemon, 'polls_error_total')) >= polls + 2);
});

test('a poll waits for a provider that is back soon, as for a source', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  origin.on('/token', (req, res, n) => {
    if (n === 1) res.writeHead(503, { 'Retry-After': '1' });
    else res.writeHead(200, { 'Content-Type': 'application/json' });
    res.end(n === 1 ? '' : JSON.stringify({ access_token: 'later', token_type: 'Bearer', expires_in: 3600 }));
  });
  origin.json('/api', { back: true });
  const retries = { retryMaxAttempts: 2, retryBackOffInitialDuration: 'PT0.01S', retryBackOffMaxDuration: 'PT0.02S' };
  const config = { url: origin.url('/api'), pollingPeriod: 'PT1H', ...retries, authorization: authorization('body', { provider: origin.url('/token') }) };
  const topic = await createTopic(daemon, config);
  const retried = await metric(daemon, 'polls_retried_total');
  const stream = await follow(t, daemon, topic);
  const event = await stream.next(isEvent);
  assert.deepEqual([event.event, JSON.parse(event.data)], ['snapshot', { back: true }]);
  assert.equal(origin.requests('/api')[0].headers.authorization, 'Bearer later');
  const [first, second, third] = origin.requests('/token');
  assert.ok(second.at - first.at >= 990 && !third, `${second.at - first.at} ms`);
  assert.ok((await metric(daemon, 'polls_retried_total')) > retried);
  assert.deepEqual((await debugOf(daemon, topic)).lastPolls.map(({ exit }) => exit), ['ok']);
});

test('a poll does not wait for a provider that refuses its client', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  origin.json('/token', { error: 'invalid_client' }, { status: 401 });
  const config = { url: origin.url('/api'), pollingPeriod: 'PT1H', authorization: authorization('body', { provider: origin.url('/token') }) };
  const topic = await createTopic(daemon, config);
  const retried = await metric(daemon, 'polls_retried_total');
  const stream = await follow(t, daemon, topic);
  assert.equal((await nextError(stream)).code, 70401);
  assert.equal(origin.requests('/token').length, 1);
  assert.equal(await metric(daemon, 'polls_retried_total'), retried);
});

const fixed = [
  ['basic', { username: 'me', password: 'hush:hush' }, `Basic ${Buffer.from('me:hush:hush').toString('base64')}`],
  ['bearer', { token: 'abc.def' }, 'Bearer abc.def'],
];
for (const [type, more, value] of fixed) {
  test(type, async (t) => {
    const origin = await startOrigin();
    t.after(() => origin.close());
    origin.json('/', { a: 1 });
    const topic = await createTopic(daemon, { url: origin.url('/'), authorization: { type, ...more } });
    const stream = await follow(t, daemon, topic);
    await stream.next(isEvent);
    assert.equal(origin.requests('/')[0].headers.authorization, value);
    const shown = (await daemon.request('GET', `${TOPICS}/${topic.id}`)).text;
    for (const secret of [more.password, more.token].filter(Boolean)) assert.ok(!shown.includes(secret));
    assertSecret(value);
  });
}
