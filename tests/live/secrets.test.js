// Secrets given by reference: what the origin gets, that they are nowhere else, how they change, fail and heal, and what
// the operator allows.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { startDaemon, tempFolder } from './lib/daemon.js';
import { run, scratch } from './lib/program.js';
import { ARGS, PERIOD, daemon, newPath, origin, pollOnce, requestCount, rig } from './lib/rig.js';
import { TOPICS, createTopic, debugOf, eventually, follow, isEvent, nextError } from './lib/topics.js';

const REST = { pollingPeriod: 'PT1H', retryMaxAttempts: 0 }; // polls only when told
const folder = tempFolder();
const ENV = { SECRETS_KEY: 'env-key-4711', SECRETS_USER: 'env-user-4712', SECRETS_EMPTY: '', SECRETS_LINES: 'env-4713\nx' };

rig({ args: [...ARGS, '--trace', 'all'], env: ENV });

let unique = 0;
const newFile = () => path.join(folder, `secret ${++unique}`);
// As mounted secrets rotate: at once, so that nobody reads half of one.
function write(file, text) {
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

// What the origin got, poll by poll: this field of its nth request.
const sent = (at, name, n = requestCount(at)) => origin.requests(at)[n - 1].headers[name];

// Nobody who asks the API, reads the log or takes the disk finds one of these.
async function assertNowhere(topic, stream, ...secrets) {
  const seen = new Map([['the log', daemon.log.join('\n')], ['the stream', JSON.stringify(stream?.frames ?? [])]]);
  for (const what of ['', '/debug', '/snapshot', '/events', '/refused']) {
    seen.set(`GET …${what}`, (await daemon.request('GET', `${TOPICS}/${topic.id}${what}`)).text);
  }
  seen.set('the list', (await daemon.request('GET', TOPICS)).text);
  seen.set('the metrics', (await daemon.request('GET', '/metrics')).text);
  for (const name of fs.readdirSync(daemon.data, { recursive: true })) {
    const file = path.join(daemon.data, name);
    if (fs.statSync(file).isFile()) seen.set(file, fs.readFileSync(file, 'latin1'));
  }
  assert.ok([...seen.keys()].some((name) => name.endsWith('.db')));
  for (const secret of secrets) {
    for (const [where, text] of seen) assert.ok(!text.includes(secret), `${where} holds ${secret}`);
  }
}

test('header fields: the origin gets what is referred to, the API shows the references', async (t) => {
  const at = newPath();
  const [token, part] = [newFile(), newFile()];
  write(token, 'file-token-1\n');
  write(part, 'file-part-2\r\n');
  origin.json(at, { a: 1 });
  const headers = {
    'X-Api-Key': '${env:SECRETS_KEY}',
    Authorization: `Bearer \${file:${token}}`,
    'X-Mixed': `a \${env:SECRETS_USER};\${file:${part}};$\${env:SECRETS_USER}`,
    'X-Token': `literal-3.\${env:SECRETS_USER}`,
    'X-Plain': 'plain',
  };
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', headers });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const { headers: got } = origin.requests(at)[0];
  assert.equal(got['x-api-key'], 'env-key-4711');
  assert.equal(got.authorization, 'Bearer file-token-1');
  assert.equal(got['x-mixed'], 'a env-user-4712;file-part-2;${env:SECRETS_USER}');
  assert.equal(got['x-token'], 'literal-3.env-user-4712');
  assert.equal(got['x-plain'], 'plain');
  const shown = (await daemon.request('GET', `${TOPICS}/${topic.id}`)).json.publisher.config.headers;
  assert.deepEqual(shown, { ...headers, 'X-Token': '********' });
  await assertNowhere(topic, stream, 'env-key-4711', 'file-token-1', 'env-user-4712', 'file-part-2', 'literal-3');

  // Sent back as shown, nothing changes.
  const put = await daemon.request('PATCH', `${TOPICS}/${topic.id}`, { body: { publisher: { config: { headers: shown } } } });
  assert.equal(put.status, 200, put.text);
  assert.equal(put.json.modifyTimestamp, topic.modifyTimestamp);
});

test('a file that changes is read anew by the next poll; others go on as they were', async () => {
  const at = newPath();
  const file = newFile();
  origin.json(at, { a: 1 }, { etag: '"1"' });
  const headers = { 'X-Rotating': `<\${file:${file}}>`, 'X-Fixed': 'fixed' };
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, headers });
  for (const [text, value] of [['one', '<one>'], ['a second, longer one\n', '<a second, longer one>'], ['3', '<3>']]) {
    write(file, text);
    assert.match((await pollOnce(topic)).exit, /^(ok|unchanged)$/);
    assert.equal(sent(at, 'x-rotating'), value);
    assert.equal(sent(at, 'x-fixed'), 'fixed');
  }
  // Another secret is no other question.
  assert.equal(sent(at, 'if-none-match'), '"1"');
});

test('a file that is not there: error 70001 until it is', async (t) => {
  const at = newPath();
  const file = newFile();
  origin.json(at, { a: 1 });
  const config = { url: origin.url(at), pollingPeriod: PERIOD, headers: { 'X-Api-Key': `\${file:${file}}` } };
  const topic = await createTopic(daemon, config);
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70001);
  assert.equal(error.message.includes('headers.X-Api-Key'), true, error.message);
  assert.ok(error.message.includes(file) && /No such file.*put it there/.test(error.message), error.message);
  const { runs } = (await debugOf(daemon, topic)).poller;
  await eventually(async () => (await debugOf(daemon, topic)).poller.runs > runs + 2, 'polling to go on');
  assert.equal(requestCount(at), 0);

  write(file, 'file-key-9\n');
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 1 });
  assert.equal(sent(at, 'x-api-key', 1), 'file-key-9');

  fs.rmSync(file);
  assert.equal((await nextError(stream)).code, 70001);
  const asked = requestCount(at);
  origin.json(at, { a: 2 });
  write(file, 'file-key-10');
  await stream.next(isEvent);
  assert.equal(sent(at, 'x-api-key', asked + 1), 'file-key-10');
  await assertNowhere(topic, stream, 'file-key-9', 'file-key-10');
});

const unusable = [
  ['an unset variable', { headers: { 'X-Key': '${env:SECRETS_UNSET}' } }, /^headers\.X-Key: .* SECRETS_UNSET is not set where the server runs/],
  ['an empty variable', { headers: { 'X-Key': 'a ${env:SECRETS_EMPTY}' } }, /^headers\.X-Key: .* SECRETS_EMPTY is empty/],
  ['two lines', { headers: { 'X-Key': '${env:SECRETS_LINES}' } }, /^headers\.X-Key: .* SECRETS_LINES cannot be used: it has control characters or line breaks/],
  ['a directory', { headers: { 'X-Key': `\${file:${folder}}` } }, /^headers\.X-Key: .* is no regular file/],
  ['a password of two lines', { authorization: { type: 'basic', username: 'u', password: '${env:SECRETS_LINES}' } }, /^authorization\.password: .* SECRETS_LINES cannot be used/],
  ['a client without a secret', { authorization: { type: 'oauth2', provider: 'http://127.0.0.1:1/', clientId: 'i', clientSecret: '${env:SECRETS_UNSET}' } }, /^authorization\.clientSecret: .* SECRETS_UNSET is not set/],
];
for (const [what, more, message] of unusable) {
  test(`what a reference gives cannot be used: ${what}`, async (t) => {
    const at = newPath();
    origin.json(at, { a: 1 });
    const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', ...more });
    const stream = await follow(t, daemon, topic);
    const error = await nextError(stream);
    assert.equal(error.code, 70001);
    assert.match(error.message.replace(/^.*?(?=headers|authorization)/, ''), message);
    assert.equal(requestCount(at), 0);
    await assertNowhere(topic, stream, 'env-4713');
  });
}

test('basic and bearer', async () => {
  const at = newPath();
  const file = newFile();
  origin.json(at, { a: 1 });
  const basic = { type: 'basic', username: '${env:SECRETS_USER}', password: `\${file:${file}}` };
  const bearer = { type: 'bearer', token: `\${file:${file}}` };
  const pair = (password) => Buffer.from(`env-user-4712:${password}`).toString('base64');
  for (const [authorization, value] of [[basic, (secret) => `Basic ${pair(secret)}`], [bearer, (secret) => `Bearer ${secret}`]]) {
    const topic = await createTopic(daemon, { url: origin.url(at), ...REST, authorization });
    assert.deepEqual(topic.publisher.config.authorization, authorization);
    for (const secret of ['file-21-a', 'file-21-bb']) {
      write(file, `${secret}\n`);
      await pollOnce(topic);
      assert.equal(sent(at, 'authorization'), value(secret));
      await assertNowhere(topic, undefined, secret, pair(secret));
    }
  }
});

// A token endpoint that knows one secret at a time, and an API that knows the tokens it gave for it.
function clientAt(base, secret) {
  const known = { secret, given: [], refused: 0 };
  origin.on(`${base}/token`, (req, res) => {
    const [, pair] = /^Basic (.*)$/.exec(req.headers.authorization ?? '') ?? [];
    const ok = Buffer.from(pair ?? '', 'base64').toString() === `env-key-4711:${known.secret}`;
    const token = `${base.slice(1)}-token-${known.given.length}`;
    if (ok) known.given.push(token);
    else known.refused++;
    res.writeHead(ok ? 200 : 401, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(ok ? { access_token: token, token_type: 'Bearer', expires_in: 3600 } : { error: 'invalid_client' }));
  });
  origin.on(`${base}/api`, (req, res) => {
    const ok = known.given.at(-1) && req.headers.authorization === `Bearer ${known.given.at(-1)}`;
    res.writeHead(ok ? 200 : 401, { 'Content-Type': 'application/json' });
    res.end('{"a":1}');
  });
  return known;
}

test('oauth2: a new secret is a new client', async () => {
  const base = newPath();
  const file = newFile();
  const known = clientAt(base, 'file-31-a');
  const authorization = { type: 'oauth2', provider: origin.url(`${base}/token`), clientId: '${env:SECRETS_KEY}', clientSecret: `\${file:${file}}` };
  const config = { url: origin.url(`${base}/api`), ...REST, authorization };
  const topic = await createTopic(daemon, config);
  assert.deepEqual(topic.publisher.config.authorization, authorization);
  write(file, 'file-31-a');
  for (let i = 0; i < 3; i++) assert.notEqual((await pollOnce(topic)).exit, 'error');
  assert.equal(known.given.length, 1); // one token for three polls

  known.secret = 'file-31-b';
  write(file, 'file-31-b\n');
  for (let i = 0; i < 2; i++) assert.notEqual((await pollOnce(topic)).exit, 'error');
  assert.equal(known.given.length, 2);

  // The provider is left alone for a while only by those who still have the secret that it refuses.
  write(file, 'file-31-wrong');
  for (let i = 0; i < 2; i++) assert.equal((await pollOnce(topic)).error, 'E_POLL_401');
  assert.equal(known.refused, 1);
  known.secret = 'file-31-c';
  write(file, 'file-31-c');
  assert.notEqual((await pollOnce(topic)).exit, 'error');
  assert.equal(known.given.length, 3);
  await assertNowhere(topic, undefined, 'env-key-4711', 'file-31-', ...known.given, Buffer.from('env-key-4711:file-31-c').toString('base64'));
});

test('malformed references are refused, and named by pollcast check', async (t) => {
  const file = path.join(scratch(t), 'topic.json');
  const config = { url: origin.url('/'), headers: { 'X-A': '${env:A', 'X-B': '${file:a}' }, authorization: { type: 'bearer', token: 'hush-41${hush-41}' } };
  const body = { name: 'malformed', publisher: { type: 'http-poller', config } };
  const answer = await daemon.request('POST', TOPICS, { body });
  assert.equal(answer.status, 400);
  const at = (name) => `/publisher/config/${name}`;
  const pointers = [at('headers/X-A'), at('headers/X-B'), at('authorization/token')];
  assert.deepEqual(answer.json.errors.map(({ source }) => source?.pointer ?? source).sort(), [...pointers].sort());
  for (const { detail } of answer.json.errors) assert.match(detail, /^expected .*, found /);
  fs.writeFileSync(file, JSON.stringify(body));
  const checked = await run(['check', file]);
  assert.equal(checked.status, 1);
  for (const pointer of pointers) assert.ok(checked.stdout.includes(pointer), checked.stdout);
  for (const text of [answer.text, checked.stdout, daemon.log.join('\n')]) assert.ok(!text.includes('hush-41'));
});

test('a server that others reach refuses references that its settings do not allow', async (t) => {
  const file = newFile();
  const outside = path.join(tempFolder(), 'secret');
  write(file, 'file-51');
  write(outside, 'file-52');
  const at = newPath();
  origin.json(at, { a: 1 });
  const config = (headers) => ({ url: origin.url(at), ...REST, headers });
  const both = { 'X-A': '${env:SECRETS_KEY}', 'X-B': `\${file:${file}}` };
  const others = { 'X-A': '${env:SECRETS_USER}', 'X-B': `\${file:${outside}}` };
  const post = (server, headers) => server.request('POST', TOPICS, { body: { name: 'refers', publisher: { type: 'http-poller', config: config(headers) } } });
  const data = tempFolder();
  const args = ['--drain', 'PT0S', '--listen', '0.0.0.0:0', '--insecure', '--egress-allow', '127.0.0.1'];

  // On this machine: all. What it stores stays.
  const local = await startDaemon({ data, env: ENV, args: ['--drain', 'PT0S'] });
  t.after(() => local.stop());
  const topic = await createTopic(local, config(others));
  assert.equal((await pollOnce(topic, local)).exit, 'ok');
  await local.stop();

  const closed = await startDaemon({ data, env: ENV, args });
  t.after(() => closed.stop());
  const refused = await post(closed, both);
  assert.equal(refused.status, 400, refused.text);
  assert.deepEqual(refused.json.errors.map(({ detail }) => /the setting (\S+)/.exec(detail)[1]), ['secrets.env', 'secrets.files']);
  const asked = requestCount(at);
  assert.equal((await pollOnce(topic, closed)).error, 'E_POLL_CONFIG');
  assert.equal(requestCount(at), asked);
  await closed.stop();

  const open = await startDaemon({ data, env: ENV, args: [...args, '--secrets-env', 'SECRETS_K*', '--secrets-files', folder] });
  t.after(() => open.stop());
  const allowed = await post(open, both);
  assert.equal(allowed.status, 201, allowed.text);
  assert.equal((await pollOnce(allowed.json, open)).exit, 'ok');
  assert.equal(sent(at, 'x-a'), 'env-key-4711');
  assert.equal(sent(at, 'x-b'), 'file-51');
  assert.equal((await post(open, others)).status, 400);
  assert.equal((await pollOnce(topic, open)).error, 'E_POLL_CONFIG');
  await open.stop();
});
