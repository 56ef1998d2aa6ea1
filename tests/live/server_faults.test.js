// What clients, the machine and its operator can do to the server: it says no where it must, loses nothing, and serves on.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it, test } from 'node:test';

import { failToStart, startDaemon, tempFolder, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { openStream } from './lib/sse.js';
import {
  SSE, TOPICS, createTopic, debugOf, eventually, follow, isEvent, memoryCounts, metric, nextError, patchConfig, pollNow, seqOf,
} from './lib/topics.js';

const PERIOD = 'PT0.1S';
const ARGS = ['--loops', '2', '--poll-min-period', PERIOD, '--drain', 'PT0S'];
let origin;

before(async () => { origin = await startOrigin(); });
after(() => origin.close());

let unique = 0;
const newPath = () => `/source${++unique}`;

// A source whose document changes at each request.
function changing(at, filler = '') {
  origin.on(at, (req, res, n) => res.end(JSON.stringify({ n, filler })));
}

// Sends text on a connection of its own; resolves to what came back when the server has closed it.
function talk(daemon, text, { ms = 10_000 } = {}) {
  const { hostname, port } = new URL(daemon.url);
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let answer = '';
  const done = new Promise((resolve, reject) => {
    socket.on('data', (part) => { answer += part.toString('latin1'); });
    socket.on('end', () => resolve(answer));
    socket.on('error', (error) => (answer ? resolve(answer) : reject(error)));
  });
  if (typeof text === 'function') text(socket);
  else socket.write(Buffer.from(text, 'latin1'));
  return within(ms, done, 'the server to answer and close').finally(() => socket.destroy());
}

const statusOf = (answer) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

// ---- requests ----

describe('requests that are refused:', () => {
  let daemon;
  before(async () => {
    daemon = await startDaemon({ args: [...ARGS, '--http-header-timeout', 'PT0.6S', '--http-body-timeout', 'PT0.6S'] });
  });
  after(() => daemon.stop());

  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const post = (fields, body) => `POST ${TOPICS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${fields}\r\n\r\n${body}`;
  const forms = {
    'two lengths': post('Content-Length: 2\r\nContent-Length: 37', `{}${smuggled}`),
    'a list of lengths': post('Content-Length: 2, 37', `{}${smuggled}`),
    'a length with a sign': post('Content-Length: +2', `{}${smuggled}`),
    'a length and chunks': post('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`),
    'chunks and a length': post('Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${smuggled}`),
    'a coding that only looks like chunked': post('Transfer-Encoding: xchunked', `0\r\n\r\n${smuggled}`),
    'chunked that is not the last coding': post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${smuggled}`),
    'a chunk size with 0x': post('Transfer-Encoding: chunked', `0x2\r\n{}\r\n0\r\n\r\n${smuggled}`),
    'a chunk size beyond 64 bits': post('Transfer-Encoding: chunked', `10000000000000002\r\n{}\r\n0\r\n\r\n${smuggled}`),
    'a negative chunk size': post('Transfer-Encoding: chunked', `-2\r\n{}\r\n0\r\n\r\n${smuggled}`),
    'a chunk longer than its size': post('Transfer-Encoding: chunked', `1\r\n{}\r\n0\r\n\r\n${smuggled}`),
    'a folded field': `GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n`,
    'a NUL in a field': 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: 1\0\r\n\r\n',
    'a NUL in a name': 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX\0A: 1\r\n\r\n',
    'a blank before the colon': post('Content-Length : 2', `{}${smuggled}`),
    'lines that end with a bare LF': `GET /health/live HTTP/1.1\nHost: localhost\nX-A: 1\n\n${smuggled}`,
    'a bare CR in a field': 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: 1\rX-B: 2\r\n\r\n',
  };
  for (const [name, text] of Object.entries(forms)) {
    it(name, async () => {
      const answer = await talk(daemon, text);
      assert.equal(statusOf(answer), 400, answer);
      assert.equal(answer.match(/^HTTP\/1\.1 /gm).length, 1, 'what follows must not be taken for a request');
      assert.match(answer, /^Connection: close\r$/im);
      assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).errors[0].status, 400);
    });
  }

  for (const [name, head] of [['many fields', `X-A: ${'a'.repeat(1000)}\r\n`.repeat(100)], ['one field', `X-A: ${'a'.repeat(100_000)}\r\n`]]) {
    it(`100 KB of headers, in ${name}`, async () => {
      const answer = await talk(daemon, `GET /health/live HTTP/1.1\r\nHost: localhost\r\n${head}\r\n`);
      assert.equal(statusOf(answer), 431, answer);
      assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).errors[0].status, 431);
    });
  }

  for (const [name, text] of [
    ['header', `GET /health/live HTTP/1.1\r\nX-A: ${'a'.repeat(1000)}`],
    ['body', post('Content-Length: 1000', ' '.repeat(1000))],
  ]) {
    it(`a ${name} dripped byte by byte`, async () => {
      const started = performance.now();
      const answer = await talk(daemon, (socket) => {
        let at = name === 'body' ? text.indexOf('\r\n\r\n') + 4 : 10;
        socket.write(text.slice(0, at));
        const timer = setInterval(() => socket.write(text[at++]), 50);
        socket.on('close', () => clearInterval(timer));
      });
      assert.equal(statusOf(answer), 408, answer);
      const took = performance.now() - started;
      assert.ok(took > 550 && took < 3000, `${took} ms`);
    });
  }

  it('and none of them is left, nor has it done harm', async () => {
    await eventually(async () => (await metric(daemon, 'http_connections')) === 1, 'the connections to go');
    assert.equal((await daemon.request('GET', TOPICS)).json.items.length, 0);
    assert.equal((await daemon.request('GET', '/health/live')).status, 200);
  });
});

// ---- descriptors ----

test('out of file descriptors: who is there is served, and all are again when some are free', async (t) => {
  const daemon = await startDaemon({ args: ARGS, wrap: ['sh', '-c', 'ulimit -n 64 && exec "$0" "$@"'] });
  t.after(() => daemon.stop());
  const { hostname, port } = new URL(daemon.url);
  const at = newPath();
  changing(at);
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);

  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const isReady = (options) => daemon.request('GET', '/health/ready', options).then(({ status }) => status === 200);
  assert.ok(await isReady({ agent }));
  const sockets = Array.from({ length: 200 }, () => net.connect(Number(port), hostname).on('error', () => {}));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await daemon.line(/connections refused/);
  // On descriptors that are open already, all goes on: the poll, the commit, the delivery.
  const now = seqOf(await stream.next((f) => f.event === 'snapshot' || f.event === 'patch'));
  await stream.next((f) => isEvent(f) && f.id && seqOf(f) >= now + 3);
  assert.ok(await isReady({ agent }));
  for (const socket of sockets) socket.destroy();
  // Those that waited to be accepted may still take up all there is, for a moment.
  const fresh = () => isReady().then((ready) => ready, () => false);
  await eventually(async () => (await Promise.all(Array.from({ length: 20 }, fresh))).every(Boolean), 'answers to all');
  assert.ok((await metric(daemon, 'http_refused_total')) > 0);
  const other = await startOrigin(); // a source that needs a new descriptor
  t.after(() => other.close());
  other.json('/', { other: true });
  await patchConfig(daemon, topic, { url: other.url('/') });
  await stream.next((f) => f.event === 'snapshot' && f.data === '{"other":true}');
  assert.equal(stream.frames.filter((f) => f.event === 'error').length, 0);
});

test('a poll that finds no descriptor is an error like any other', async (t) => {
  const daemon = await startDaemon({ args: ARGS, wrap: ['sh', '-c', 'ulimit -n 64 && exec "$0" "$@"'] });
  t.after(() => daemon.stop());
  const { hostname, port } = new URL(daemon.url);
  const own = await startOrigin();
  t.after(() => own.close());
  own.on('/', (req, res, n) => {
    res.setHeader('Connection', 'close'); // each poll needs a descriptor of its own
    res.end(JSON.stringify({ n }));
  });
  const topic = await createTopic(daemon, { url: own.url('/'), pollingPeriod: PERIOD, retryMaxAttempts: 0 });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const sockets = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  let full = true;
  (function fill() { // as fast as the poll lets go of its descriptor
    if (!full) return;
    const socket = net.connect(Number(port), hostname, () => sockets.push(socket));
    socket.on('error', () => {});
    socket.on('close', fill);
    if (sockets.length < 200) setImmediate(fill);
  })();
  const error = JSON.parse((await stream.next((f) => f.event === 'error')).data);
  assert.equal(error.code, 70013, error.message);
  assert.match(error.message, /too many open files/i);
  full = false;
  for (const socket of sockets) socket.destroy();
  await stream.next((f) => f.event === 'snapshot' || f.event === 'patch');
});

// ---- channels ----

const hardLimit = () => Number(execFileSync('sh', ['-c', 'ulimit -Hn']).toString().replace('unlimited', '1048576'));

test('10 000 channels are opened, and closed at once', async (t) => {
  const room = hardLimit() - 300;
  const total = Math.min(10_000, room);
  if (total < 10_000) t.diagnostic(`only ${total} channels: the hard limit on open files allows no more`);
  const daemon = await startDaemon({ args: [...ARGS, '--http-max-connections', `${total + 100}`] });
  t.after(() => daemon.stop());
  const { hostname, port } = new URL(daemon.url);
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  await pollNow(daemon, topic);
  await origin.asked(at);
  const request = `GET ${SSE}/${topic.id} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const sockets = [];

  // Resolves when the first event has come.
  const open = () => new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(request));
    let text = '';
    sockets.push(socket);
    socket.on('error', reject);
    socket.on('data', (part) => {
      text += part;
      if (!text.includes('\nevent: snapshot\n')) return;
      socket.removeAllListeners('data');
      socket.resume();
      resolve();
    });
  });
  async function round() {
    sockets.length = 0;
    while (sockets.length < total) await Promise.all(Array.from({ length: Math.min(500, total - sockets.length) }, open));
    assert.equal(await metric(daemon, 'channels'), total);
    const full = daemon.memory();
    sockets.forEach((socket, i) => (i % 2 ? socket.resetAndDestroy() : socket.destroy()));
    await eventually(async () => (await metric(daemon, 'channels')) === 0 && (await metric(daemon, 'http_connections')) === 1, 'all to be gone');
    return { full, after: daemon.memory() };
  }
  await daemon.request('GET', '/metrics');
  const start = daemon.memory();
  const [first, second] = [await round(), await round()];
  t.diagnostic(`${total} channels; KiB at the start ${start}, full ${first.full} ${second.full}, after ${first.after} ${second.after}`);
  if (memoryCounts) {
    // 1 KiB for each is what a channel may take; what is kept for the next ones does not grow.
    assert.ok(first.full - start < total * 2 + 4096, `${first.full - start} KiB`);
    assert.ok(second.after - first.after < 2048, `grows by ${second.after - first.after} KiB a round`);
    assert.ok(second.after - start < 4096 + (first.full - start) / 2, `${second.after - start} KiB more than at the start`);
  }
  const stream = await follow(t, daemon, topic);
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
});

test('compressed channels take as little memory as others: what compresses is not theirs', async (t) => {
  const daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  const at = newPath();
  const rows = (n) => ({ n, rows: Array.from({ length: 200 }, (_, id) => ({ id, text: `row ${id} of ${n}` })) });
  origin.json(at, rows(1));
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H', arrayKey: 'id' });
  const { hostname, port } = new URL(daemon.url);
  const COUNT = Math.min(1000, (hardLimit() - 300) >> 1);
  const open = (coding) => new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => (
      socket.write(`GET ${SSE}/${topic.id} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: ${coding}\r\n\r\n`)));
    t.after(() => socket.destroy());
    socket.on('error', reject);
    let text = '';
    const reader = { bytes: 0 };
    socket.on('data', (part) => {
      reader.bytes += part.length;
      text = (text + part.toString('latin1')).slice(0, 2000);
      if (/\r\n\r\n[^]{100}/.test(text)) resolve(reader); // the first event has begun
      if (coding === 'gzip') assert.doesNotMatch(text, /\r\n\r\n.*event:/s);
    });
  });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  // What they take, in KiB, once all have had a snapshot and a change after it.
  let n = 1;
  const takes = async (coding) => {
    const before = daemon.memory();
    const readers = [];
    while (readers.length < COUNT) readers.push(...await Promise.all(Array.from({ length: Math.min(250, COUNT - readers.length) }, () => open(coding))));
    await eventually(() => new Set(readers.map(({ bytes }) => bytes)).size === 1, 'the snapshot');
    const had = readers[0].bytes;
    origin.json(at, rows(++n));
    await pollNow(daemon, topic);
    await stream.next(isEvent);
    await eventually(() => readers.every(({ bytes }) => bytes > had), 'the change');
    return daemon.memory() - before;
  };
  const [plain, packed] = [await takes('identity'), await takes('gzip')];
  t.diagnostic(`${COUNT} channels take ${plain} KiB, compressed ${packed} KiB`);
  assert.equal(await metric(daemon, 'channels'), 2 * COUNT + 1);
  // A compressor of its own would be 256 KiB for each.
  if (memoryCounts) assert.ok(packed < 4096 + 2 * COUNT, `${packed} KiB`);
});

test('one reader of 50 takes nothing: the others get all, and it goes on with a snapshot', async (t) => {
  const daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  const at = newPath();
  const document = (n) => ({ n, filler: `${n}`.padEnd(300_000, 'x') });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  // As much as SQLite keeps of its file in memory: what grows after that is not the journal's.
  const known = 70;
  for (let n = 1; n <= known; n++) {
    origin.json(at, document(n));
    await pollNow(daemon, topic);
    await eventually(async () => (await debugOf(daemon, topic)).sequence === n, 'the poll');
  }
  const readers = await Promise.all(Array.from({ length: 50 }, () => follow(t, daemon, topic)));
  await Promise.all(readers.map((r) => r.next(isEvent)));
  const [stuck, ...others] = readers;
  stuck.socket.pause();
  const skipped = await metric(daemon, 'channels_skipped_total');
  const step = async (n) => {
    origin.json(at, document(n));
    await pollNow(daemon, topic);
    const frames = await Promise.all(others.map((r) => r.next(isEvent)));
    assert.ok(frames.every((f) => seqOf(f) === n));
  };
  for (let n = known + 1; n <= known + 15; n++) await step(n); // until sockets and ring are full
  const early = daemon.memory();
  for (let n = known + 16; n <= known + 60; n++) await step(n);
  t.diagnostic(`KiB after 15 documents ${early}, after 60 ${daemon.memory()}`);
  if (memoryCounts) assert.ok(daemon.memory() - early < 4096, `${early} KiB, then ${daemon.memory()}`);
  stuck.socket.resume();
  const last = await stuck.next((f) => isEvent(f) && seqOf(f) === known + 60);
  assert.equal(last.event, 'snapshot');
  assert.deepEqual(JSON.parse(last.data), document(known + 60));
  const seen = stuck.frames.filter(isEvent).map(seqOf);
  assert.ok(seen.length < 50 && seen.every((seq, i) => i === 0 || seq > seen[i - 1]), seen.join());
  assert.equal(await metric(daemon, 'channels_skipped_total'), skipped + 1);
  assert.equal(await metric(daemon, 'channels'), 50);
});

test('a reader that half-closes is served until it is gone', async (t) => {
  const daemon = await startDaemon({ args: [...ARGS, '--sse-heartbeat', 'PT0.3S'] });
  t.after(() => daemon.stop());
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await openStream(daemon.url, `${SSE}/${topic.id}`);
  await stream.next(isEvent);
  stream.socket.end();
  await stream.next((f) => f.comment !== undefined);
  origin.json(at, { a: 2 });
  await pollNow(daemon, topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 2 });
  assert.equal(await metric(daemon, 'channels'), 1);
  stream.close(); // nothing tells the server: it finds out by writing
  await eventually(async () => (await metric(daemon, 'channels')) === 0, 'the channel to be closed');
});

// ---- the disk ----

// A file system of 6 MB of its own, gone with the process that holds it. Resolves to undefined where that is not allowed.
async function smallDisk(t) {
  const folder = tempFolder();
  const holder = spawn('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=6m none "$0" && echo ready && exec cat', folder], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => holder.kill('SIGKILL'));
  const ready = await new Promise((resolve) => {
    holder.on('error', () => resolve(false));
    holder.on('close', () => resolve(false));
    holder.stdout.once('data', () => resolve(true));
  });
  const wrap = ['nsenter', '-t', `${holder.pid}`, '-m'];
  if (!ready || spawnSync(wrap[0], [...wrap.slice(1), 'true']).status !== 0) return undefined;
  return { folder, wrap, seen: `/proc/${holder.pid}/root${folder}` };
}

test('disk full: polls fail with 50503, nothing is lost, and all goes on when there is space', async (t) => {
  const disk = await smallDisk(t);
  if (!disk) {
    t.skip('needs the right to mount a small tmpfs in a mount namespace of its own (root, unshare, nsenter)');
    return;
  }
  const options = { args: ARGS, wrap: disk.wrap, data: path.join(disk.folder, 'data') };
  let daemon = await startDaemon(options);
  t.after(() => daemon.stop());
  const at = newPath();
  changing(at, 'x'.repeat(20_000));
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, arrayKey: 'none' }, { alwaysOn: true });
  const stream = await follow(t, daemon, topic);
  const isChange = (f) => f.event === 'snapshot' || f.event === 'patch';
  for (let i = 0; i < 3; i++) await stream.next(isChange);

  const filler = path.join(disk.seen, 'filler');
  const file = fs.openSync(filler, 'w');
  assert.throws(() => { for (;;) fs.writeSync(file, Buffer.alloc(4096)); }, { code: 'ENOSPC' });
  fs.closeSync(file);
  const error = JSON.parse((await stream.next((f) => f.event === 'error')).data);
  assert.equal(error.code, 50503);
  assert.match(error.message, /disk .* is full/);
  const last = seqOf(stream.frames.filter(isChange).at(-1));
  await origin.asked(at, origin.requests(at).length + 5); // it goes on trying
  const refused = await daemon.request('POST', TOPICS, { body: { name: 'one more', publisher: { type: 'http-poller', config: { url: origin.url(at) } } } });
  assert.equal(refused.status, 507, refused.text);
  assert.equal((await debugOf(daemon, topic)).sequence, last);
  const kept = (await daemon.request('GET', `${TOPICS}/${topic.id}/events`)).json;
  assert.deepEqual(kept.items.map((e) => e.id), stream.frames.filter(isChange).map((f) => f.id));
  assert.equal(stream.frames.filter((f) => f.event === 'error').length, 1);

  fs.rmSync(filler);
  assert.equal(seqOf(await stream.next(isChange)), last + 1);
  const after = await stream.next(isChange);
  assert.equal(seqOf(after), last + 2);
  assert.equal((await daemon.request('GET', TOPICS)).json.items.length, 1);
  stream.close();
  await daemon.stop();

  daemon = await startDaemon(options);
  const events = (await daemon.request('GET', `${TOPICS}/${topic.id}/events?limit=1000`)).json.items.map((e) => Number(e.id.split('#')[1]));
  assert.ok(events.length > last + 1);
  assert.deepEqual(events, events.map((_, i) => i + 1));
});

test('no start on a full disk, and it says why', async (t) => {
  const disk = await smallDisk(t);
  if (!disk) {
    t.skip('needs the right to mount a small tmpfs in a mount namespace of its own (root, unshare, nsenter)');
    return;
  }
  const file = fs.openSync(path.join(disk.seen, 'filler'), 'w');
  assert.throws(() => { for (;;) fs.writeSync(file, Buffer.alloc(4096)); }, { code: 'ENOSPC' });
  fs.closeSync(file);
  const end = await failToStart({ args: ARGS, wrap: disk.wrap, data: path.join(disk.folder, 'data') });
  assert.equal(end.code, 2);
  assert.match(end.log, /full|No space left/);
});

test('a data directory in use is refused, and the one who uses it is not disturbed', async (t) => {
  const daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  const end = await failToStart({ args: ARGS, data: daemon.data });
  assert.equal(end.code, 2);
  assert.match(end.log, new RegExp(`in use by another process, pid ${daemon.pid}`));
  assert.equal((await daemon.request('GET', '/health/ready')).status, 200);
  const at = newPath();
  origin.json(at, { a: 1 });
  await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
});

test('a data directory of a newer version is refused and left as it is', async (t) => {
  const made = await startDaemon({ args: ARGS });
  const at = newPath();
  changing(at);
  const topic = await createTopic(made, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, made, topic);
  await stream.next(isEvent);
  stream.close();
  await made.stop();
  // user_version: bytes 60 to 63 of an SQLite file, the most significant first.
  const name = fs.readdirSync(made.data).find((one) => one.endsWith('.db'));
  const file = path.join(made.data, name);
  const own = fs.readFileSync(file);
  const newer = Buffer.from(own);
  newer.writeUInt32BE(own.readUInt32BE(60) + 1, 60);
  fs.writeFileSync(file, newer);
  // Reading it takes a lock, and SQLite an empty log.
  const state = () => fs.readdirSync(made.data).filter((one) => !/^lock$|-shm$/.test(one)).sort()
    .map((one) => [one, fs.readFileSync(path.join(made.data, one))]).filter(([, content]) => content.length > 0)
    .map(([one, content]) => [one, createHash('sha256').update(content).digest('hex')]);
  const before = state();
  const end = await failToStart({ args: ARGS, data: made.data });
  assert.equal(end.code, 2);
  assert.match(end.log, new RegExp(`${name} has format ${newer.readUInt32BE(60)}, this program knows up to ${own.readUInt32BE(60)}`));
  assert.match(end.log, /newer program/);
  assert.deepEqual(state(), before);
  fs.writeFileSync(file, own);
  const again = await startDaemon({ args: ARGS, data: made.data });
  t.after(() => again.stop());
  assert.equal((await debugOf(again, topic)).sequence, 1);
});

// ---- egress ----

async function egressError(t, daemon, url) {
  const topic = await createTopic(daemon, { url, pollingPeriod: 'PT1H', retryMaxAttempts: 3, retryBackOffInitialDuration: 'PT0S' });
  const stream = await follow(t, daemon, topic);
  const error = await nextError(stream);
  assert.equal(error.code, 70013, error.message);
  const { lastPolls, poller } = await debugOf(daemon, topic);
  assert.deepEqual([lastPolls.length, poller.running], [1, true]);
  return error.message;
}

// Reached by loopback, as all that tests do; for the egress rule it counts what it listens on.
async function startOpen(t, ...args) {
  const daemon = await startDaemon({ args: [...ARGS, '--listen', '0.0.0.0:0', '--insecure', ...args] });
  t.after(() => daemon.stop());
  daemon.url = daemon.url.replace('0.0.0.0', '127.0.0.1');
  return daemon;
}

test('listening beyond this machine, private addresses are not polled', async (t) => {
  const daemon = await startOpen(t);
  const at = newPath();
  origin.json(at, { secret: true });
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '127.1']) {
    const message = await egressError(t, daemon, `http://${host}:${origin.port}${at}`);
    assert.match(message, /refused because this server listens beyond loopback/, host);
    assert.match(message, /egress\.allow/);
  }
  for (const url of ['http://10.1.2.3/', 'http://192.168.1.1/', 'http://172.16.0.1/', 'http://[fd00::1]/']) {
    assert.match(await egressError(t, daemon, url), /refused because/, url);
  }
  assert.equal(origin.requests(at).length, 0);
});

test('unless egress.allow has them', async (t) => {
  const daemon = await startOpen(t, '--egress-allow', '127.0.0.0/8');
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  assert.equal((await stream.next(isEvent)).event, 'snapshot');
  assert.match(await egressError(t, daemon, 'http://10.1.2.3/'), /refused because/);
  assert.match(await egressError(t, daemon, 'http://169.254.169.254/latest/meta-data/'), /refused always/);
});

test('link-local and metadata addresses are never polled, by whatever way', async (t) => {
  const daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  const at = newPath();
  origin.on(at, (req, res) => {
    res.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data/' });
    res.end();
  });
  for (const url of ['http://169.254.169.254/', 'http://[fe80::1]/', 'http://[::ffff:169.254.169.254]/', 'http://0xa9fea9fe/', origin.url(at)]) {
    assert.match(await egressError(t, daemon, url), /refused always/, url);
  }
  const end = await failToStart({ args: [...ARGS, '--egress-allow', '169.254.0.0/16'] });
  assert.equal(end.code, 2);
  assert.match(end.log, /refused always/);
});
