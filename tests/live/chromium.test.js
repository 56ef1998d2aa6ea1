// A real browser, on pages of another origin, which cors.origins allows, and of the server's own: the JavaScript client,
// and the browser's own EventSource and WebSocket. Skipped where there is no Chromium.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium, startChromium } from './lib/chromium.js';
import { startDaemon, tempFolder } from './lib/daemon.js';
import { changeRandomly, random } from './lib/documents.js';
import { startOrigin } from './lib/origin.js';
import { root } from './lib/program.js';
import { startRelay } from './lib/relay.js';
import { ARGS } from './lib/rig.js';
import { SSE, createPostTopic, createTopic, metric, pollNow, post, postedSeq } from './lib/topics.js';
import { WS } from './lib/websocket.js';

const filler = 'so that patches are shorter than the whole'.repeat(20);
let pages; // the origin of pages, with the client's files
let browser;
let daemon;
let args;

async function startAll() {
  pages = await startOrigin();
  for (const name of ['index.js', 'frames.js', 'patch.js']) {
    pages.on(`/${name}`, (req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/javascript', 'Access-Control-Allow-Origin': '*' });
      res.end(fs.readFileSync(path.join(root, 'clients', 'js', name)));
    });
  }
  pages.on('/', (req, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>a page</title>'));
  args = [...ARGS, '--sse-heartbeat', 'PT0.3S', '--cors-origins', new URL(pages.url()).origin];
  daemon = await startDaemon({ args });
  browser = await startChromium();
}

async function stopAll() {
  await browser?.close();
  await daemon?.stop();
  await pages?.close();
}

const posted = (on = daemon) => createPostTopic(on, { payload: 'snapshot' });

// In the page, `doc` follows from now on; states and errors keep what it told.
function begin(page, source, options = {}) {
  return page.run(async (module, from, how) => {
    const { follow } = await import(module);
    window.states = [];
    window.errors = [];
    window.types = [];
    window.doc = follow(from, {
      retry: 50,
      ...how,
      onState: ({ state }) => window.states.push(state),
      onError: ({ message }) => window.errors.push(message),
      onChange: ({ type }) => window.types.push(type),
    });
  }, pages.url('/index.js'), source, options);
}
const documentIs = (page, value) => page.until((text) => JSON.stringify(window.doc.document) === text, JSON.stringify(value));
const stateIs = (page, state) => page.until((wanted) => window.doc.state === wanted, state);

// Daemons and pages of a test are gone after it.
async function openPage(t, url) {
  const page = await browser.open(url);
  t.after(() => page.close());
  return page;
}

describe('in Chromium:', { concurrency: 3, skip: chromium ? false : 'needs Chromium' }, () => {
  before(startAll);
  after(stopAll);

  test('the client on a page of another origin, with the server killed and restarted meanwhile', async (t) => {
    const data = tempFolder();
    let own = await startDaemon({ data, args });
    t.after(() => own.kill());
    const pick = random(Number(process.env.SEED ?? 2));
    let value = { items: [], text: filler };
    pages.json('/source', value);
    const topic = await createTopic(own, { url: pages.url('/source'), pollingPeriod: 'PT1H' });
    const page = await openPage(t, pages.url());
    await begin(page, { server: own.url, topic: topic.name });
    await documentIs(page, value);
    for (let i = 0; i < 40; i++) {
      value = changeRandomly(value, pick);
      pages.json('/source', value);
      if (i % 20 === 10) {
        await own.kill();
        own = await startDaemon({ data, args: [...args, '--listen', new URL(own.url).host] });
      }
      await pollNow(own, topic);
      // Members of the one are in another order than of the other.
      await page.until((n) => window.doc.document.changes === n, value.changes);
      assert.deepEqual(await page.run(() => window.doc.document), value);
    }
    const types = await page.run(() => window.types);
    assert.ok(types.filter((type) => type === 'patch').length > 20, types.join());
    assert.equal((await page.run(() => window.states)).filter((state) => state === 'connecting').length, 2);
  });

  test('the client on a page of the server: a source that fails and heals', async (t) => {
    pages.json('/failing', { n: 1 });
    const topic = await createTopic(daemon, { url: pages.url('/failing'), pollingPeriod: 'PT1H', retryOnHttpCodes: [] });
    const page = await openPage(t, `${daemon.url}/health/live`);
    await begin(page, { topic: topic.id });
    await documentIs(page, { n: 1 });
    pages.status('/failing', 503);
    await pollNow(daemon, topic);
    await stateIs(page, 'failing');
    assert.deepEqual(await page.run(() => [window.doc.document, window.doc.error.code]), [{ n: 1 }, 70503]);
    pages.json('/failing', { n: 1 });
    await pollNow(daemon, topic);
    await stateIs(page, 'live');
    assert.deepEqual(await page.run(() => window.types), ['snapshot']);
  });

  test('the client in a tab that is paused: nobody is delayed, and it catches up', async (t) => {
    const topic = await posted();
    const page = await openPage(t, pages.url());
    await post(daemon, topic, { n: 0 });
    await begin(page, { server: daemon.url, topic: topic.id }, { staleAfter: 800 });
    await documentIs(page, { n: 0 });
    await page.send('Debugger.enable');
    const paused = page.send('Runtime.evaluate', { expression: 'debugger' });
    const skipped = await metric(daemon, 'channels_skipped_total');
    const total = 60;
    for (let n = 1; n <= total; n++) await post(daemon, topic, { n, filler: crypto.randomBytes(200_000).toString('base64') });
    await page.send('Debugger.resume');
    await paused;
    await page.until((n) => window.doc.document.n === n, total);
    await stateIs(page, 'live');
    assert.ok((await metric(daemon, 'channels_skipped_total')) > skipped);
    assert.ok((await page.run(() => window.types.length)) < total);
  });

  test('the client behind a connection that loses an event, and one that falls silent', async (t) => {
    const topic = await posted();
    const relay = await startRelay(t, daemon.url);
    const page = await openPage(t, pages.url());
    await post(daemon, topic, { n: 0, filler });
    await begin(page, { server: relay.url, topic: topic.id }, { staleAfter: 800 });
    await documentIs(page, { n: 0, filler });
    relay.edit = (text) => (/"value":1\b/.test(text) ? undefined : text);
    await post(daemon, topic, { n: 1, filler });
    await post(daemon, topic, { n: 2, filler });
    await documentIs(page, { n: 2, filler });
    assert.deepEqual(await page.run(() => window.types), ['snapshot', 'snapshot']);
    relay.mute = true;
    await stateIs(page, 'stale');
    await page.until(() => window.errors.some((message) => message.startsWith('nothing came for ')));
    relay.mute = false;
    await stateIs(page, 'live');
    await post(daemon, topic, { n: 3, filler });
    await documentIs(page, { n: 3, filler });
    assert.deepEqual(await page.run(() => window.types), ['snapshot', 'snapshot', 'patch']);
    assert.match(relay.headers.at(-1)['last-event-id'], /#\d+$/);
  });

  test('pages of an origin that is not named get nothing', async (t) => {
    const topic = await posted();
    await post(daemon, topic, { n: 0 });
    const page = await openPage(t, pages.url().replace('127.0.0.1', 'localhost'));
    await begin(page, { server: daemon.url, topic: topic.id });
    await page.until(() => window.errors.length >= 2);
    assert.deepEqual(await page.run(() => [window.doc.document, window.types, window.states]), [null, [], []]);
    const code = await page.run((url) => new Promise((resolve) => {
      new WebSocket(url).onclose = (event) => resolve(event.code);
    }), daemon.url.replace('http', 'ws') + WS);
    assert.equal(code, 1006);
  });

  test('EventSource: a mode by query, and resuming by its own last id after a restart', async (t) => {
    const data = tempFolder();
    let own = await startDaemon({ data, args });
    t.after(() => own.kill());
    const topic = await posted(own);
    const seqs = [postedSeq(await post(own, topic, { n: 0, filler }), topic)];
    const page = await openPage(t, pages.url());
    await page.run((url) => {
      window.seen = { 'snapshot-patch': [], 'snapshot-only': [] };
      for (const [mode, seen] of Object.entries(window.seen)) {
        const source = new EventSource(`${url}?mode=${mode}`);
        const take = ({ type, data, lastEventId }) => seen.push([type, Number(lastEventId.split('#')[1]), JSON.parse(data)]);
        for (const type of ['snapshot', 'patch']) source.addEventListener(type, take);
      }
    }, `${own.url}${SSE}/${topic.id}`);
    const come = (n) => page.until((count) => Object.values(window.seen).every(({ length }) => length === count), n);
    await come(1);
    seqs.push(postedSeq(await post(own, topic, { n: 1, filler }), topic));
    await come(2);
    const { host } = new URL(own.url);
    await own.stop();
    own = await startDaemon({ data, args: [...args, '--listen', host] });
    seqs.push(postedSeq(await post(own, topic, { n: 2, filler }), topic));
    await come(3);
    const seen = await page.run(() => window.seen);
    const patch = (n) => [{ op: 'replace', path: '/n', value: n }];
    const first = ['snapshot', seqs[0], { n: 0, filler }];
    assert.deepEqual(seen['snapshot-patch'], [first, ['patch', seqs[1], patch(1)], ['patch', seqs[2], patch(2)]]);
    assert.deepEqual(seen['snapshot-only'], seqs.map((seq, n) => ['snapshot', seq, { n, filler }]));
  });

  test('WebSocket: two topics on one connection, text and binary', async (t) => {
    const subscribers = [{ type: 'websocket' }];
    const topics = [await createPostTopic(daemon, { payload: 'snapshot', subscribers }), await createPostTopic(daemon, { subscribers })];
    const seq = postedSeq(await post(daemon, topics[0], { n: 0, filler }), topics[0]);
    const page = await openPage(t, pages.url());
    await page.run((url, ids) => new Promise((resolve, reject) => {
      window.seen = [];
      const socket = new WebSocket(url);
      socket.onmessage = ({ data }) => window.seen.push(JSON.parse(data));
      socket.onclose = ({ code }) => reject(new Error(`closed: ${code}`));
      socket.onopen = () => {
        socket.send(JSON.stringify({ topicIdOrName: ids[0], dataFormat: 'text' }));
        socket.send(JSON.stringify({ topicIdOrName: ids[1], subscriptionMode: 'event' }));
        resolve();
      };
    }), daemon.url.replace('http', 'ws') + WS, topics.map(({ id }) => id));
    const come = (n) => page.until((count) => window.seen.length >= count && window.seen.slice(0, count), n);
    await come(1);
    const message = { text: 'é☃' };
    await post(daemon, topics[0], { n: 1, filler });
    await come(2);
    await page.run(async (url, body) => {
      for (let seen = window.seen.length; window.seen.length === seen;) { // it may not be subscribed to yet
        await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }, `${daemon.url}/streams/publishers/http-post/api/v1/topics/${topics[1].id}`, message);
    const [first, second, third] = await come(3);
    assert.deepEqual([first.id, first.type, JSON.parse(first.data)], [`${topics[0].id}#${seq}`, 'snapshot', { n: 0, filler }]);
    assert.deepEqual([second.type, JSON.parse(second.data)], ['patch', [{ op: 'replace', path: '/n', value: 1 }]]);
    assert.deepEqual([third.type, JSON.parse(Buffer.from(third.data, 'base64'))], ['event', message]);
  });
});
