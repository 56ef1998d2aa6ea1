// What a source can answer wrongly, or not at all. Whatever it is: subscribers hear of it once, with the code that the
// specification gives it; the last document stays; nothing of the failed poll is published; polling goes on; and what the
// source says next, when it is well again, is the next event.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it, test } from 'node:test';
import zlib from 'node:zlib';

import { startOrigin } from './lib/origin.js';
import { ARGS, daemon, newPath, origin, PERIOD, rig } from './lib/rig.js';
import { TOPICS, createTopic, debugOf, eventually, follow, isEvent, memoryCounts, metric, nextError, pollNow, seqOf } from './lib/topics.js';

const GOOD = { version: 1, list: Array.from({ length: 20 }, (_, i) => ({ id: i, text: `element ${i}` })) };
const BETTER = { ...GOOD, version: 2 };
const LIMIT = 64 * 1024;

rig({ args: [...ARGS, '--poll-deadline', 'PT2S', '--poll-low-speed', 'PT1S', '--payload-max-bytes', '64 KiB'] });

const answerWith = (body, headers = {}, status = 200) => (req, res) => {
  res.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  res.end(body);
};

const bytes = (text) => Buffer.from(text, 'latin1');

// A raw answer, and what becomes of the connection after it.
const raw = (text, then = (socket) => socket.destroy()) => (req, res) => {
  res.socket.write(text, () => then(res.socket));
};

async function snapshotOf(topic) {
  const answer = await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

// The life of a topic around a fault; break_ and mend change what the source does.
async function suffer(t, topic, { asked, break_, mend, code, says }) {
  const stream = await follow(t, daemon, topic);
  const first = await stream.next(isEvent);
  assert.equal(first.event, 'snapshot');
  assert.deepEqual(JSON.parse(first.data), GOOD);

  await break_();
  const error = await nextError(stream);
  assert.equal(error.code, code, error.message);
  assert.equal(error.category, 'publication');
  if (says) assert.match(error.message, says);
  await asked(2);
  const kept = await snapshotOf(topic);
  assert.deepEqual(kept.json, GOOD);
  assert.equal(kept.headers.etag, `"${seqOf(first)}"`);
  // Who comes now is told all there is: the last document, then the error.
  const late = await follow(t, daemon, topic);
  assert.deepEqual(await late.next(isEvent), first);
  assert.equal((await nextError(late)).code, code);

  await mend();
  const next = await stream.next(isEvent); // not the error again
  assert.equal(next.event, 'patch', next.data);
  assert.equal(seqOf(next), seqOf(first) + 1);
  assert.deepEqual(JSON.parse(next.data), [{ op: 'replace', path: '/version', value: 2 }]);
  const { items } = (await daemon.request('GET', `${TOPICS}/${topic.id}/events`)).json;
  assert.deepEqual(items.map((e) => e.type), ['snapshot', 'patch']);
  assert.equal((await debugOf(daemon, topic)).error, null);
  assert.equal(daemon.log.filter((line) => line.includes('works again') && line.includes(topic.name)).length, 1);
}

// A fault of the answers to one path.
async function sufferAnswer(t, { fault, config = {}, good = {}, ...expected }) {
  const path = newPath();
  origin.json(path, GOOD, good);
  const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: PERIOD, retryMaxAttempts: 0, ...config });
  await suffer(t, topic, {
    asked: (more) => origin.asked(path, origin.requests(path).length + more),
    break_: () => origin.on(path, fault),
    mend: () => origin.json(path, BETTER, good),
    ...expected,
  });
}

// ---- bodies ----

const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
const nested = (n) => `${'['.repeat(n)}1${']'.repeat(n)}`;
const tooLarge = JSON.stringify('x'.repeat(LIMIT));

const bodies = {
  'no JSON': [answerWith('<html>not today</html>'), 70016, /not a JSON document/],
  'nothing': [answerWith(''), 70016],
  '204 without content': [(req, res) => { res.writeHead(204); res.end(); }, 70016],
  'JSON that ends too early': [answerWith('{"version": 2, "list": ['), 70016],
  'JSON followed by more': [answerWith('{"version": 2} {"version": 3}'), 70016],
  'NaN': [answerWith('{"version": NaN}'), 70016],
  'a comment': [answerWith('{"version": 2 /* two */}'), 70016],
  'bytes that are no UTF-8': [answerWith(bytes('{"version": "\xff\xfe"}')), 70016, /UTF-8/],
  'an overlong UTF-8 sequence': [answerWith(bytes('{"version": "\xc0\xaf"}')), 70016, /UTF-8/],
  'a surrogate in UTF-8': [answerWith(bytes('{"version": "\xed\xa0\x80"}')), 70016, /UTF-8/],
  'half a surrogate pair, escaped': [answerWith('{"version": "\\ud800"}'), 70016],
  'a body of another charset': [answerWith(Buffer.from('{"version": "é"}', 'latin1'), { 'Content-Type': 'application/json; charset=iso-8859-1' }), 70016],
  '10 000 nested arrays': [answerWith(nested(10_000)), 70016, /deep/],
  '10 000 nested objects': [answerWith(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`), 70016, /deep/],
  '10 000 arrays never closed': [answerWith('['.repeat(10_000)), 70016],
  'more than the limit, announced': [answerWith(tooLarge, { 'Content-Length': tooLarge.length }), 70015, /65536/],
  'more than the limit, in chunks': [(req, res) => {
    res.writeHead(200);
    res.write(tooLarge.slice(0, 1000));
    res.end(tooLarge.slice(1000));
  }, 70015, /65536/],
  'a body announced as endless': [raw('HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{"a":1}'), 70015],
  'a coding that is not known': [answerWith('{}', { 'Content-Encoding': 'rot13' }), 70016, /rot13/],
  'gzip that is none': [answerWith('{"version": 2}', { 'Content-Encoding': 'gzip' }), 70016],
  'gzip cut in the middle': [answerWith(zlib.gzipSync(JSON.stringify(BETTER)).subarray(0, 40), { 'Content-Encoding': 'gzip' }), 70016],
  'gzip over the limit': [answerWith(zlib.gzipSync(tooLarge), { 'Content-Encoding': 'gzip' }), 70015],
  'deflate over the limit': [answerWith(zlib.deflateSync(tooLarge), { 'Content-Encoding': 'deflate' }), 70015],
  'brotli over the limit': [answerWith(zlib.brotliCompressSync(tooLarge), { 'Content-Encoding': 'br' }), 70015],
};

describe('bodies that cannot be used:', { concurrency: 8 }, () => {
  for (const [name, [fault, code, says]] of Object.entries(bodies)) {
    it(name, (t) => sufferAnswer(t, { fault, code, says }));
  }
  it('payloadPointer selects nothing', async (t) => {
    const path = newPath();
    const wrap = (value) => ({ data: { items: value } });
    origin.json(path, wrap(GOOD));
    const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: PERIOD, payloadPointer: '/data/items' });
    await suffer(t, topic, {
      asked: (more) => origin.asked(path, origin.requests(path).length + more),
      break_: () => origin.json(path, { data: { item: GOOD } }),
      mend: () => origin.json(path, wrap(BETTER)),
      code: 70016,
      says: /"\/data\/items" selects nothing/,
    });
  });
});

test('a gzip bomb is refused before it has grown', async (t) => {
  const path = newPath();
  // 60 MB of blanks and a number: valid JSON, and small enough as sent.
  const bomb = zlib.gzipSync(Buffer.concat([Buffer.alloc(60_000_000, 0x20), Buffer.from('1')]), { level: 9 });
  assert.ok(bomb.length < LIMIT);
  origin.on(path, answerWith(bomb, { 'Content-Encoding': 'gzip' }));
  const before = daemon.memory('VmHWM');
  const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: PERIOD });
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70015, error.message);
  await origin.asked(path, 5);
  if (memoryCounts) assert.ok(daemon.memory('VmHWM') - before < 8 * 1024, `${before} KiB, then ${daemon.memory('VmHWM')}`);
});

// ---- bodies that are odd, and right ----

test('numbers keep their text, and are compared by value', async (t) => {
  const path = newPath();
  const digits = '7'.repeat(5000);
  const text = (last) => `{"huge":1E400,"exact":123456789012345678901234567890.10,"small":1e-400,"zero":-0,`
    + `"long":${digits},"last":${last}}`;
  origin.json(path, text('9007199254740992'));
  const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  assert.equal((await stream.next(isEvent)).data, text('9007199254740992'));
  assert.equal((await snapshotOf(topic)).text, text('9007199254740992'));
  // The same values in other words are no change; one unit at the end of a number is.
  origin.json(path, text('9007199254740992.0').replace('1E400', '10e399').replace('890.10', '890.1'));
  await pollNow(daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).lastPolls.length === 2, 'the second poll');
  origin.json(path, text('9007199254740993'));
  await pollNow(daemon, topic);
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'patch');
  assert.equal(frame.data, '[{"op":"replace","path":"/last","value":9007199254740993}]');
  assert.equal(seqOf(frame), 2);
  assert.deepEqual((await debugOf(daemon, topic)).lastPolls.map((p) => p.exit), ['ok', 'unchanged', 'ok']);
});

test('of a name given twice the last one counts', async (t) => {
  const path = newPath();
  origin.json(path, '{"a":1,"b":{"c":1,"c":[2]},"a":{"x":1},"a":3}');
  const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  const { data } = await stream.next(isEvent);
  assert.deepEqual(JSON.parse(data), { a: 3, b: { c: [2] } });
  assert.equal(data.match(/"a"/g).length, 1);
  assert.equal(data.match(/"c"/g).length, 1);
  origin.json(path, '{"a":1,"b":{"c":[2]},"a":3}');
  await pollNow(daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).lastPolls.at(-1)?.exit === 'unchanged', 'the second poll');
});

test('JSON of another type than application/json, and compressed', async (t) => {
  for (const [headers, encode] of [
    [{ 'Content-Type': 'application/problem+json' }, (text) => text],
    [{ 'Content-Type': 'text/plain' }, (text) => text],
    [{}, (text) => text],
    [{ 'Content-Encoding': 'gzip' }, zlib.gzipSync],
    [{ 'Content-Encoding': 'deflate' }, zlib.deflateSync],
    [{ 'Content-Encoding': 'br' }, zlib.brotliCompressSync],
  ]) {
    const path = newPath();
    origin.on(path, (req, res) => { res.writeHead(200, headers); res.end(encode(JSON.stringify(GOOD))); });
    const topic = await createTopic(daemon, { url: origin.url(path), pollingPeriod: 'PT1H' });
    const stream = await follow(t, daemon, topic);
    const frame = await stream.next(isEvent);
    assert.equal(frame.event, 'snapshot', frame.data);
    assert.deepEqual(JSON.parse(frame.data), GOOD);
  }
});

// ---- connections ----

const connections = {
  'closed without an answer': [(req, res) => res.socket.end(), 70013, /without an answer|connection broke/],
  'reset without an answer': [(req, res) => res.socket.resetAndDestroy(), 70013],
  'reset in the middle of the head': [raw('HTTP/1.1 200 OK\r\nContent-Ty', (s) => s.resetAndDestroy()), 70013],
  'reset in the middle of the body': [raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version": 2', (s) => s.resetAndDestroy()), 70013],
  'closed in the middle of the body': [raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version": 2}', (s) => s.end()), 70013, /middle/],
  'closed in the middle of the chunks': [raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('{"version": 2}')}`, (s) => s.end()), 70013],
  'chunks that are none': [raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"version": 2}\r\n0\r\n\r\n'), 70013],
  'no HTTP': [raw('220 mail.example.net ESMTP\r\n'), 70012],
  'a status line that is none': [raw('HTTP/1.1 OK\r\n\r\n{}'), 70012],
  'a head over the limit': [raw(`HTTP/1.1 200 OK\r\n${`X-Filler: ${'x'.repeat(1000)}\r\n`.repeat(400)}\r\n{}`), 70015],
  'silence instead of an answer': [() => {}, 70013, /nothing moved for 1 s/],
  'silence in the middle of the body': [raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version"', () => {}), 70013, /nothing moved for 1 s/],
  'a head dripped byte by byte': [(req, res) => drip(res, `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(100)}`), 70013, /nothing moved|not whole|no answer/],
  'a body dripped byte by byte': [(req, res) => {
    res.writeHead(200, { 'Content-Length': 100 });
    res.flushHeaders();
    drip(res, ' '.repeat(100));
  }, 70013, /not whole/],
};

// Two bytes a second: never silent for as long as poll.lowSpeed, and never done.
function drip(res, text) {
  let at = 0;
  const timer = setInterval(() => res.socket?.write(text[at++ % text.length]), 500);
  res.socket.on('close', () => clearInterval(timer));
  res.socket.on('error', () => {});
}

describe('connections that break or stall:', { concurrency: 20 }, () => {
  for (const [name, [fault, code, says]] of Object.entries(connections)) {
    it(name, (t) => sufferAnswer(t, { fault, code, says }));
  }

  it('refused', async (t) => {
    let own = await startOrigin();
    t.after(() => own.close());
    own.json('/', GOOD);
    const { port } = own;
    const topic = await createTopic(daemon, { url: own.url('/'), pollingPeriod: PERIOD, retryMaxAttempts: 0 });
    await suffer(t, topic, {
      asked: async (more) => {
        const polls = async () => (await debugOf(daemon, topic)).poller.runs;
        const now = await polls();
        await eventually(async () => (await polls()) >= now + more, 'more polls');
      },
      break_: () => own.close(),
      mend: async () => {
        own = await startOrigin(port);
        own.json('/', BETTER);
      },
      code: 70013,
      says: /no connection.*refused/i,
    });
  });
});

test('the name of the host is not known', async (t) => {
  const topic = await createTopic(daemon, { url: 'http://no-such-host.invalid/', pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70014, error.message);
  assert.match(error.message, /no-such-host\.invalid/);
});

test('a connection is kept, and one that the source closes while idle does no harm', async (t) => {
  const own = await startOrigin();
  t.after(() => own.close());
  const sockets = new Set();
  let version = 0;
  own.on('/', (req, res) => {
    sockets.add(res.socket);
    res.end(JSON.stringify({ version: ++version }));
  });
  const topic = await createTopic(daemon, { url: own.url('/'), pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, daemon, topic);
  for (let i = 1; i <= 5; i++) assert.equal(seqOf(await stream.next(isEvent)), i);
  assert.equal(sockets.size, 1);
  for (let round = 2; round <= 4; round++) {
    const n = version;
    for (const socket of sockets) socket.destroy();
    while (version < n + 3) assert.notEqual((await stream.next(isEvent)).event, 'error');
    assert.equal(sockets.size, round);
  }
  // The hardest moment: the request is on its way when the connection goes.
  const seen = new WeakSet();
  own.on('/', (req, res) => {
    if (seen.has(res.socket)) {
      res.socket.resetAndDestroy();
      return;
    }
    seen.add(res.socket);
    res.end(JSON.stringify({ version: ++version }));
  });
  const n = version;
  while (version < n + 4) assert.notEqual((await stream.next(isEvent)).event, 'error');
  assert.equal((await debugOf(daemon, topic)).error, null);
});

test('a source that takes the connection and never reads', async (t) => {
  const sockets = [];
  const silent = net.createServer((socket) => {
    socket.pause();
    socket.on('error', () => {});
    sockets.push(socket);
  });
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  const topic = await createTopic(daemon, { url: `http://127.0.0.1:${silent.address().port}/`, pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70013);
  assert.ok((await metric(daemon, 'polls_skipped_total')) > 0);
  assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
});
