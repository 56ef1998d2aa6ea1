// A real API that is cut into pages by the Link field (npm json-server): a topic follows it, however the list grows and
// shrinks, also in the middle of a cycle.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import jsonpatch from 'fast-json-patch';
import jsonServer from 'json-server';

import { startDaemon } from './lib/daemon.js';
import { ARGS, PERIOD } from './lib/rig.js';
import { createTopic, debugOf, eventually, follow, isEvent, pollNow } from './lib/topics.js';

const LIMIT = 10;
const item = (id) => ({ id, name: `item ${id}`, tags: ['a', { b: id }] });
const pagination = (more = {}) => ({
  mode: 'page', page: { parameterName: '_page' }, pageSize: { parameterName: '_limit', value: LIMIT }, nextReference: { location: 'header' }, ...more,
});
let daemon;
let server;
let base;
const asked = []; // URLs of the topics' requests, which alone have X-Poll
let onPage = async () => {}; // (number): a page is asked for

before(async () => {
  const app = jsonServer.create();
  app.use(async (req, res, next) => {
    if (req.get('X-Poll')) {
      asked.push(req.url);
      await onPage(Number(req.query._page));
    }
    next();
  });
  app.use(jsonServer.defaults({ logger: false }));
  app.use(jsonServer.router({ things: Array.from({ length: 25 }, (_, i) => item(i + 1)), others: [], growing: [item(1)] }));
  server = http.createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
  daemon = await startDaemon({ args: ARGS });
});
after(async () => {
  await daemon?.stop();
  server?.closeAllConnections();
  server?.close();
});

// What other clients of the API do.
async function change(method, path, body) {
  const answer = await fetch(base + path, { method, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}
const listOf = (path) => change('GET', path);

const pages = (path, n) => Array.from({ length: n }, (_, i) => `${path}?_page=${i + 1}&_limit=${LIMIT}`);
const sorted = (urls) => urls.map((url) => [...new URL(url, base).searchParams].sort().join());

// The document that a stream's frames make.
class Replica {
  documents = [];

  constructor(stream) {
    this.stream = stream;
  }

  async next() {
    const frame = await this.stream.next(isEvent);
    assert.ok(frame.event === 'snapshot' || frame.event === 'patch', JSON.stringify(frame));
    const data = JSON.parse(frame.data);
    this.documents.push(frame.event === 'snapshot' ? data : jsonpatch.applyPatch(structuredClone(this.documents.at(-1)), data, true).newDocument);
    return this.documents.at(-1);
  }
}

test('the pages of a list are merged, and a cycle ends where Link has no next', async (t) => {
  const topic = await createTopic(daemon, { url: `${base}/things`, headers: { 'X-Poll': '1' }, pollingPeriod: 'PT1H', pagination: pagination() });
  const replica = new Replica(await follow(t, daemon, topic));
  const cycle = async () => {
    asked.length = 0;
    await pollNow(daemon, topic);
    return replica.next();
  };
  assert.deepEqual(await replica.next(), await listOf('/things'));
  assert.deepEqual(sorted(asked), sorted(pages('/things', 3)));

  for (let id = 26; id <= 30; id++) await change('POST', '/things', item(id)); // the third page is full now
  assert.deepEqual(await cycle(), Array.from({ length: 30 }, (_, i) => item(i + 1)));
  assert.deepEqual(sorted(asked), sorted(pages('/things', 3)));

  await change('POST', '/things', item(31)); // there is a fourth
  assert.deepEqual(await cycle(), await listOf('/things'));
  assert.deepEqual(sorted(asked), sorted(pages('/things', 4)));

  // All that is behind it moves up, over the edges of pages.
  await change('DELETE', '/things/7');
  await change('PATCH', '/things/20', { name: 'renamed' });
  for (let id = 25; id <= 31; id++) await change('DELETE', `/things/${id}`);
  const document = await cycle();
  assert.deepEqual(document, await listOf('/things'));
  assert.deepEqual([document.length, document[6].id, document[18].name], [23, 8, 'renamed']);
  assert.deepEqual(sorted(asked), sorted(pages('/things', 3)));
  assert.deepEqual((await debugOf(daemon, topic)).lastPolls.map((p) => p.exit), Array(4).fill('ok'));
});

test('a list without elements is one page; what json-server says of one is not followed further', async () => {
  const topic = await createTopic(daemon, { url: `${base}/others`, headers: { 'X-Poll': '1' }, pollingPeriod: 'PT1H', pagination: pagination() });
  asked.length = 0;
  await pollNow(daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).lastPolls.length === 1, 'the poll');
  assert.equal((await debugOf(daemon, topic)).lastPolls[0].exit, 'ok');
  assert.deepEqual(sorted(asked), sorted(pages('/others', 1)));
});

test('elements added while it runs, also between two pages, come once and in order', async (t) => {
  const total = 60;
  let next = 2;
  let middle = 0; // elements that came while a cycle was under way
  onPage = async (page) => {
    if (page < 2 || next > total) return;
    middle++;
    await change('POST', '/growing', item(next++));
  };
  t.after(() => { onPage = async () => {}; });
  const topic = await createTopic(daemon, { url: `${base}/growing`, headers: { 'X-Poll': '2' }, pollingPeriod: PERIOD, pagination: pagination() });
  const replica = new Replica(await follow(t, daemon, topic));
  await replica.next();
  while (next <= total) {
    await change('POST', '/growing', item(next++));
    await replica.next();
  }
  while (replica.documents.at(-1).length < total) await replica.next();
  assert.ok(middle > 10, `${middle}`);
  assert.ok(replica.documents.length > 20, `${replica.documents.length} events`);
  // The list only grows at its end: whatever the moment, a document is its beginning.
  const all = Array.from({ length: total }, (_, i) => item(i + 1));
  replica.documents.forEach((document, i) => {
    assert.deepEqual(document, all.slice(0, document.length));
    assert.ok(i === 0 || document.length > replica.documents[i - 1].length);
  });
  assert.deepEqual(await listOf('/growing'), all);
});
