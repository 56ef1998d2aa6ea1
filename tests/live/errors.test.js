// Every code that a subscriber can see when a poll fails, each by a source that really fails so. What happens around an error
// (the last document stays, polling goes on, it is well again) is in origin_faults and origin_status.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, describe, it, test } from 'node:test';
import zlib from 'node:zlib';

import { makeAuthority } from './lib/authority.js';
import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, FAST_RETRIES, newPath, origin, PERIOD, rig } from './lib/rig.js';
import { createPostTopic, createTopic, debugOf, eventually, follow, isEvent, nextError, pollNow, post } from './lib/topics.js';

const CODES = [
  70000, 70001, 70002, 70012, 70013, 70014, 70015, 70016, 70300,
  70400, 70401, 70403, 70404, 70405, 70406, 70408, 70410, 70429, 70500, 70502, 70503, 70504,
];
// No source makes a poller say these: what has no code of its own, and a publisher that cannot start.
const OF_NO_SOURCE = [70000, 70002];

const authority = makeAuthority();
const stranger = makeAuthority('somebody else');
let strict; // knows the system's authorities alone, and follows no redirect
const LIMITS = [...ARGS, '--poll-deadline', 'PT2S', '--poll-low-speed', 'PT1S', '--payload-max-bytes', '64 KiB'];
rig({ args: authority ? [...LIMITS, '--poll-ca-file', authority.file] : LIMITS }, async () => {
  strict = await startDaemon({ args: [...LIMITS, '--no-poll-follow-redirects'] });
});
after(() => strict?.stop());

// ---- what is seen ----

const seen = new Set();
const servers = new Set();
after(() => { for (const server of servers) server.close(); });

// One event for as long as the source fails in this way, with all that it has to have; who comes late gets it, too.
async function mustSee(t, config, code, says, on = daemon) {
  const topic = await createTopic(on, { pollingPeriod: PERIOD, retryMaxAttempts: 0, ...config });
  const stream = await follow(t, on, topic);
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'error', JSON.stringify(frame).slice(0, 300));
  const error = JSON.parse(frame.data);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, says);
  assert.equal(error.category, 'publication');
  assert.deepEqual(Object.keys(error).sort(), ['category', 'code', 'datetime', 'message', 'subscriptionId']);
  assert.ok(Math.abs(Date.parse(error.datetime) - Date.now()) < 10_000, error.datetime);
  assert.match(error.subscriptionId, /^[0-9a-f-]{36}$/);
  const { poller } = await debugOf(on, topic);
  await eventually(async () => (await debugOf(on, topic)).poller.runs >= poller.runs + 2, 'a further poll');
  const late = await follow(t, on, topic);
  const again = await nextError(late);
  assert.deepEqual({ ...again, subscriptionId: '' }, { ...error, subscriptionId: '' });
  assert.notEqual(again.subscriptionId, error.subscriptionId);
  assert.equal(stream.frames.filter(isEvent).length, 1);
  seen.add(code);
}

// ---- answers ----

const answer = (body, headers = {}, status = 200) => (req, res) => {
  res.writeHead(status, headers);
  res.end(body);
};
const redirect = (to) => answer('', { Location: to }, 302);
const tooLarge = JSON.stringify('x'.repeat(64 * 1024));

// [what, answer(req, res, n), code, words, more of the config]
const answers = [
  ...[400, 401, 403, 404, 405, 406, 408, 410, 429, 500, 502, 503, 504].map((status) => (
    [`status ${status}`, answer('{"no":"payload"}', {}, status), 70000 + status, new RegExp(`answered ${status} \\w.*status ${status}, http`)])),
  ...[402, 409, 418, 422, 451, 501, 505].map((status) => (
    [`status ${status}`, answer('', {}, status), 70012, new RegExp(`not known.*status ${status}`)])),
  ['a listed status when all retries are used up', answer('', {}, 503), 70503, /503 Service Unavailable/, { retryMaxAttempts: 2, ...FAST_RETRIES }],
  ['304 that was not asked for', answer('', {}, 304), 70012, /304/],
  ['no HTTP', (req, res) => res.socket.end('220 mail.example.net ESMTP\r\n'), 70012, /not .*HTTP/],
  ['pages in a circle', answer('{"next":"again"}'), 70012, /page 2 again/, {
    pagination: { mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' } },
  }],
  ['a body that is cut', (req, res) => { res.writeHead(200, { 'Content-Length': 100 }); res.write('{"a":1}', () => res.socket.end()); }, 70013, /middle of the answer/],
  ['chunks that are cut', (req, res) => { res.write('{"a":1}', () => res.socket.end()); }, 70013, /broke|middle/],
  ['a connection that is closed', (req, res) => res.socket.end(), 70013, /without an answer|broke/],
  ['silence', () => {}, 70013, /nothing moved for 1 s/],
  ['an answer that is not whole in time', (req, res) => {
    res.writeHead(200);
    const timer = setInterval(() => res.write(' '), 100);
    res.on('close', () => clearInterval(timer));
  }, 70013, /not whole/],
  ['size over the limit, announced', answer(tooLarge, { 'Content-Length': tooLarge.length }), 70015, /65536/],
  ['size over the limit, in chunks', (req, res) => { res.write(tooLarge.slice(9)); res.end(tooLarge); }, 70015, /65536/],
  ['size over the limit, inflated', answer(zlib.gzipSync(tooLarge), { 'Content-Encoding': 'gzip' }), 70015, /65536/],
  ['size over the limit, as pages together', (req, res, n) => res.end(JSON.stringify({ a: ['x'.repeat(20_000)], next: n })), 70015, /65536/, {
    pagination: { mode: 'cursor', nextReference: { location: 'body', type: 'value', pointer: '/next' } },
  }],
  ['a head over the limit', (req, res) => res.socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(400_000)}\r\n\r\n{}`), 70015, /header is too large/],
  ['no JSON', answer('<html>'), 70016, /not a JSON document/],
  ['nothing at all', answer(''), 70016, /not a JSON document/],
  ['no UTF-8', answer(Buffer.from('{"a":"\xff"}', 'latin1')), 70016, /UTF-8/],
  ['a coding that is not known', answer('{}', { 'Content-Encoding': 'rot13' }), 70016, /rot13/],
  ['a pointer that selects nothing', answer('{"item":[]}'), 70016, /"\/items" selects nothing/, { payloadPointer: '/items' }],
  ['a payload that the gate refuses', answer('[]'), 70016, /minItems/, { assert: { minItems: 1 } }],
  ['redirects without end', (req, res, n) => redirect(`?n=${n}`)(req, res), 70300, /more than 5 redirects/],
  ['a redirect to itself', (req, res) => redirect(req.url)(req, res), 70300, /loop/],
  ['a redirect to nowhere', answer('', {}, 302), 70300, /302/],
  ['a redirect to what is no web address', redirect('ftp://127.0.0.1/'), 70300, /redirect/],
];

describe('what a source answers:', { concurrency: 32 }, () => {
  for (const [name, handler, code, says, config] of answers) {
    it(`${name} is ${code}`, (t) => {
      const at = newPath();
      origin.on(at, handler);
      return mustSee(t, { url: origin.url(at), ...config }, code, says);
    });
  }
  it('a redirect where they are turned off is 70300', (t) => {
    const [at, end] = [newPath(), newPath()];
    origin.on(at, redirect(end));
    origin.json(end, { a: 1 });
    return mustSee(t, { url: origin.url(at) }, 70300, /302/, strict).then(() => assert.equal(origin.requests(end).length, 0));
  });
});

// ---- connections ----

test('a name that does not exist is 70014', (t) => mustSee(t, { url: 'http://no-such-host.invalid/' }, 70014, /no-such-host\.invalid/));

test('a port where nobody listens is 70013', async (t) => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  await mustSee(t, { url: `http://127.0.0.1:${port}/` }, 70013, /refused/i);
});

test('an address that is never allowed is 70013, and nothing is sent there', (t) => (
  mustSee(t, { url: 'http://169.254.169.254/latest/meta-data' }, 70013, /169\.254\.169\.254 is in .* refused always/)));

// ---- TLS ----

describe('TLS:', { concurrency: 8, skip: authority ? false : 'needs the program openssl' }, () => {
  // The URL of a server with these options that answers {"secure":true}.
  async function serve(options, handler = (req, res) => res.end('{"secure":true}')) {
    const server = https.createServer(options, handler);
    servers.add(server);
    server.on('tlsClientError', () => {});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${server.address().port}/`;
  }
  const names = ['IP:127.0.0.1'];

  it('the authority of the setting poll.caFile is trusted', async (t) => {
    const topic = await createTopic(daemon, { url: await serve(authority.issue({ names })), pollingPeriod: 'PT1H' });
    const frame = await (await follow(t, daemon, topic)).next(isEvent);
    assert.deepEqual([frame.event, frame.data], ['snapshot', '{"secure":true}']);
  });

  const certificates = {
    'an authority that is not known': [() => stranger.issue({ names }), /not trusted.*CA file.*issuer/],
    'a certificate of another name': [() => authority.issue({ names: ['DNS:other.example'] }), /127\.0\.0\.1/],
    'a certificate that has expired': [() => authority.issue({ names, days: -1 }), /not trusted.*expired/],
    'a version of TLS that is too old': [() => ({ ...authority.issue({ names }), maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }), /TLS handshake failed/],
    'a server that wants a certificate of ours': [() => ({ ...authority.issue({ names }), requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' }), /TLS|certificate|broke/],
  };
  for (const [name, [options, says]] of Object.entries(certificates)) {
    it(`${name} is 70013`, async (t) => mustSee(t, { url: await serve(options()) }, 70013, says));
  }

  it('the system does not know the authority of a test: 70013', async (t) => (
    mustSee(t, { url: await serve(authority.issue({ names })) }, 70013, /not trusted/, strict)));

  it('a port that does not speak TLS is 70013', (t) => mustSee(t, { url: `https://127.0.0.1:${origin.port}/` }, 70013, /TLS handshake failed.*speaks TLS/));

  it('a redirect from https to http is 70300, and is not followed', async (t) => {
    const plain = newPath();
    origin.json(plain, { plain: true });
    const url = await serve(authority.issue({ names }), redirect(origin.url(plain)));
    await mustSee(t, { url }, 70300, /https to http/);
    assert.equal(origin.requests(plain).length, 0);
  });
});

// ---- others ----

test('a provider that gives no token is 70401', async (t) => {
  const at = newPath();
  origin.on(at, answer('{"error":"invalid_client","error_description":"who?"}', { 'Content-Type': 'application/json' }, 400));
  const authorization = { type: 'oauth2', provider: origin.url(at), clientId: 'me', clientSecret: 'hush' };
  await mustSee(t, { url: origin.url(newPath()), authorization }, 70401, /invalid_client.*who\?/);
});

test('a URL that gets too long is 70001', (t) => {
  const url = origin.url(`${newPath()}?x=`);
  const computedQueryParameters = { since: { type: 'timestamp', useMilliseconds: true } };
  return mustSee(t, { url: url + 'x'.repeat(8190 - url.length), computedQueryParameters }, 70001, /"since".*8192 bytes/);
});

// As a disk may do it: the only patch is of something else. False: there is no sqlite3.
function damagePatches(stopped) {
  const patch = '[{"op":"remove","path":"/not/there"}]';
  try {
    const changed = execFileSync('sqlite3', [path.join(stopped.data, 'pollcast.db'), `UPDATE events SET body = CAST('${patch}' AS BLOB) WHERE type = 2; SELECT changes();`]);
    assert.equal(String(changed).trim(), '1');
    return true;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return false;
  }
}

test('a document that cannot be read any more is 50500 of the server, and the next poll makes a new one', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const at = newPath();
  const filler = 'x'.repeat(300);
  origin.on(at, (req, res, n) => res.end(JSON.stringify({ n, filler })));
  const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: 'PT1H' }, { alwaysOn: true });
  await origin.asked(at);
  await eventually(async () => (await debugOf(own, topic)).sequence === 1, 'the document');
  await pollNow(own, topic);
  await eventually(async () => (await debugOf(own, topic)).sequence === 2, 'the patch');
  await own.stop();
  if (!damagePatches(own)) {
    t.skip('needs the program sqlite3');
    return;
  }
  let answerNow;
  origin.on(at, (req, res, n) => { answerNow = () => res.end(JSON.stringify({ n, filler })); });
  own = await startDaemon({ args: ARGS, data: own.data });
  const stream = await follow(t, own, topic);
  const error = await nextError(stream);
  assert.deepEqual([error.code, error.category], [50500, 'server'], error.message);
  await pollNow(own, topic);
  await eventually(() => answerNow, 'the request');
  answerNow();
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'snapshot');
  assert.deepEqual(JSON.parse(frame.data), { n: 3, filler });
});

test('the same of a topic that is posted to: followers are told, and the next post makes a new one', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { payload: 'snapshot' });
  const filler = 'x'.repeat(300);
  for (const n of [1, 2]) assert.equal((await post(own, topic, { n, filler })).status, 202);
  await own.stop();
  if (!damagePatches(own)) {
    t.skip('needs the program sqlite3');
    return;
  }
  own = await startDaemon({ args: ARGS, data: own.data });
  for (let i = 0; i < 2; i++) {
    const stream = await follow(t, own, topic);
    assert.equal((await nextError(stream)).code, 50500);
    stream.close();
  }
  const stream = await follow(t, own, topic);
  await nextError(stream);
  assert.equal((await post(own, topic, { n: 3, filler })).status, 202);
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'snapshot');
  assert.deepEqual(JSON.parse(frame.data), { n: 3, filler });
  const later = await follow(t, own, topic);
  assert.equal((await later.next(isEvent)).event, 'snapshot');
});

test('all codes of a poller were seen', { skip: authority ? false : 'needs the program openssl' }, () => {
  assert.deepEqual(CODES.filter((code) => !seen.has(code)), OF_NO_SOURCE);
  assert.deepEqual([...seen].filter((code) => !CODES.includes(code)), []);
});
