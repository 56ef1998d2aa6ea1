// Polls that are authorized, against a real OAuth 2.0 provider and an API that asks it about every token.
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';

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

// Answers of token endpoints that are no token: [what it does, words of the error]; undefined: it is a token all the same.
const granting = (more) => (req, res) => {
  res.writeHead(200, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify({ access_token: 'worth-it', token_type: 'Bearer', expires_in: 3600, ...more }));
};
const says = (text) => (req, res) => res.end(text);
const endpoints = {
  'is down': [undefined, /no connection/],
  'says nothing': [() => {}, /nothing moved|no answer/],
  'is not done in time': [(req, res) => {
    const drip = setInterval(() => res.write(' '), 50);
    res.on('close', () => clearInterval(drip));
  }, /not whole/],
  'hangs up': [(req, res) => res.destroy(), /without an answer|broke/],
  'answers HTML': [says('<html>Log in</html>'), /not JSON/],
  'answers a form': [says('access_token=worth-it&token_type=Bearer'), /not JSON/],
  'answers an array': [says('[]'), /not a JSON object/],
  'redirects': [(req, res) => res.writeHead(307, { Location: '/elsewhere' }).end(), /redirects .*307/],
  'gives a token of another type': [granting({ token_type: 'mac' }), /token_type is "mac"/],
  'does not say of what type': [granting({ token_type: undefined }), /no token_type/],
  'gives an empty token': [granting({ access_token: '' }), /no access_token/],
  'gives a token with a line break': [granting({ access_token: 'a\r\nX-Own: b' }), /no header field can hold/],
  'expires_in of 0': [granting({ expires_in: 0 }), /expires_in is not above 0/],
  'a negative expires_in': [granting({ expires_in: -1 }), /expires_in is not above 0/],
  'an expires_in that is a word': [granting({ expires_in: 'soon' }), /expires_in is no number/],
  'an expires_in of many digits': [says(`{"access_token":"worth-it","token_type":"bearer","expires_in":${'9'.repeat(30)}}`)],
  'an expires_in that is a number in a string': [granting({ expires_in: '3600' })],
  'no expires_in': [granting({ expires_in: undefined })],
};

describe('a token endpoint:', { concurrency: 20 }, () => {
  let own;
  before(async () => { own = await startDaemon({ args: [...ARGS, '--poll-deadline', 'PT1S'] }); });
  after(() => own.stop());
  for (const [name, [answer, words]] of Object.entries(endpoints)) {
    it(name, async (t) => {
      const api = await startOrigin();
      let provider = await startOrigin();
      t.after(() => Promise.all([api.close(), provider.close()]));
      const { port } = provider;
      api.json('/', { a: 1 });
      provider.on('/token', answer);
      if (!answer) await provider.close();
      const client = { provider: `http://127.0.0.1:${port}/token`, clientId: name, clientSecret: 'not-to-be-seen' };
      const topic = await createTopic(own, { url: api.url('/'), pollingPeriod: PERIOD, retryMaxAttempts: 0, authorization: { type: 'oauth2', ...client } });
      const stream = await follow(t, own, topic);
      if (words) {
        const error = await nextError(stream);
        assert.deepEqual([error.code, error.category], [70401, 'publication'], error.message);
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, /not-to-be-seen|worth-it/);
        assert.equal(api.requests('/').length, 0);
        assert.equal(provider.requests('/elsewhere').length, 0);
        // Polling goes on, and the provider is asked again.
        if (!answer) provider = await startOrigin(port);
        provider.on('/token', granting());
      }
      assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 1 });
      assert.equal(api.requests('/')[0].headers.authorization, 'Bearer worth-it');
      assert.ok(!own.log.join('\n').includes('not-to-be-seen'));
    });
  }
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

describe('what is made of the authorization goes to the origin of the url alone:', () => {
  for (const [type, more] of [['oauth2', { clientId: 'me', clientSecret: 'hush' }], ...fixed]) {
    it(type, async (t) => {
      const [own, other] = [await startOrigin(), await startOrigin()];
      t.after(() => Promise.all([own.close(), other.close()]));
      own.json('/token', { access_token: 'granted', token_type: 'Bearer' });
      // A next page elsewhere and one that is back; a redirect to elsewhere and one that is back.
      own.json('/first', { a: [1], next: other.url('/second') });
      other.json('/second', { a: [2], next: own.url('/third') });
      own.status('/third', 307, { Location: other.url('/fourth') });
      other.status('/fourth', 302, { Location: own.url('/fifth') });
      own.json('/fifth', { a: [5] });
      const authorization = { type, ...more, ...(type === 'oauth2' && { provider: own.url('/token') }) };
      const pagination = { mode: 'cursor', nextReference: { location: 'body', type: 'uri', pointer: '/next' }, allowOtherOrigin: true };
      const topic = await createTopic(daemon, { url: own.url('/first'), payloadPointer: '/a', authorization, pagination });
      const stream = await follow(t, daemon, topic);
      const frame = await stream.next(isEvent);
      assert.deepEqual([frame.event, JSON.parse(frame.data)], ['snapshot', [1, 2, 5]]);
      for (const at of ['/second', '/fourth']) assert.equal(other.requests(at)[0].headers.authorization, undefined, at);
      for (const at of ['/first', '/third']) assert.match(own.requests(at)[0].headers.authorization, /^(Basic|Bearer) \S/, at);
    });
  }
});
