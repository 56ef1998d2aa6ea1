// A feed that is served by a server that is killed -9 again and again while it is posted to: whoever empties it, a client
// that keeps what it needs or the feed-poller of another server that is killed as well, has every event exactly once and
// in order.
//
// EVENTS, KILLS and SEED: see lib/kills.js.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { complete, createFeed, next, SERVED } from './lib/feeds.js';
import { EVENTS, Journal, KILLS, Mortal, pause, rand } from './lib/kills.js';
import { ARGS, FAST_RETRIES, PERIOD } from './lib/rig.js';
import { createFeedTopic, createPostTopic, eventually, post } from './lib/topics.js';

const KEEP_ALL = ['--journal-max-events', '0', '--journal-max-bytes', '0'];
const LONG_MS = 3_600_000;

async function mortal(t, args) {
  const server = await new Mortal(startDaemon, args).begin();
  t.after(() => server.daemon.stop());
  return server;
}

// ---- posting ----

// Posters in turns to two topics until so many posts are promised. Each goes on when its last post was answered, so that
// its own are in order; what was sent when the server died may be there or not, and is not sent again.
class Posters {
  promised = [];
  over = false;
  #agent = new http.Agent({ keepAlive: true });

  constructor(server, topics, count) {
    this.ended = Promise.all(Array.from({ length: count }, (_, who) => this.#run(server, topics, who))).then(() => {
      this.over = true;
      this.#agent.destroy();
    });
  }

  async #run(server, topics, who) {
    for (let n = 0; this.promised.length < EVENTS; n++) {
      const body = { who, n, text: 'x'.repeat(rand(200)) };
      const answer = await post(server.daemon, topics[n % topics.length], body, { agent: this.#agent }).catch(() => undefined);
      if (answer?.status === 202) this.promised.push(`${who} ${n}`);
      else await pause(5);
    }
  }

  // Until so many are promised, or all.
  reached(count) {
    return eventually(() => this.over || this.promised.length >= count, `${count} posts`, LONG_MS);
  }
}

const nameOf = ({ who, n }) => `${who} ${n}`;

// Notifications as they came out of the feed, against what the journals of the topics have, and what was promised.
async function assertAll(server, topics, posters, notifications) {
  const got = notifications.map(({ payload }) => nameOf(payload));
  const wanted = [];
  let disorder = 0;
  for (const topic of topics) {
    const journal = new Journal(topic);
    await journal.read(server.daemon);
    const names = journal.data.map(nameOf);
    const came = notifications.filter(({ eventType }) => eventType === `${topic.name}:event`).map(({ payload }) => nameOf(payload));
    disorder += names.filter((name, i) => name !== came[i]).length;
    wanted.push(...names);
  }
  const last = new Map();
  for (const { payload: { who, n } } of notifications) {
    if (n <= (last.get(who) ?? -1)) disorder++;
    last.set(who, n);
  }
  const there = new Set(got);
  const lost = new Set([...wanted, ...posters.promised].filter((name) => !there.has(name))).size;
  const twice = got.length - Math.min(there.size, new Set(notifications.map(({ id }) => id)).size);
  assert.deepEqual({ lost, twice, disorder }, { lost: 0, twice: 0, disorder: 0 });
  assert.equal(got.length, wanted.length);
  return `${got.length} events, lost ${lost}, twice ${twice}, out of order ${disorder}`;
}

// ---- a client ----

// What a client has to keep: what it processed, and the batch that it was of.
class Client {
  processed = [];
  last = undefined;
  again = 0; // batches that came a second time
  stage = 0; // batches given and completed
  going = true;
  #bytes = undefined;

  constructor(server, feed, query) {
    this.ended = this.#run(server, feed, query);
  }

  async #run(server, feed, query) {
    while (this.going) {
      const answer = await next(server.daemon, feed, query).catch(() => undefined);
      if (answer?.status !== 200) {
        if (answer?.status !== 204) await pause(5);
        continue;
      }
      this.stage++;
      const { batchId } = answer.json;
      this.#take(answer);
      if (rand(4) === 0) await pause(5);
      const ended = await complete(server.daemon, feed, batchId).catch(() => undefined);
      if (ended) assert.ok([200, 503].includes(ended.status), ended.text);
      this.stage++;
    }
  }

  #take({ json: { batchId, notifications }, text }) {
    if (batchId === this.last) {
      this.again++;
      assert.equal(text, this.#bytes, 'the same bytes');
      return;
    }
    assert.ok(this.last === undefined || Number(batchId) > Number(this.last));
    this.processed.push(...notifications);
    this.last = batchId;
    this.#bytes = text;
  }
}

test('a client has every event exactly once, in order', { timeout: LONG_MS }, async (t) => {
  const began = Date.now();
  const server = await mortal(t, [...ARGS, ...KEEP_ALL]);
  const topics = [await createPostTopic(server.daemon, { name: 'one' }), await createPostTopic(server.daemon, { name: 'two' })];
  await createFeed(server.daemon, { id: 'both', topics: ['one', 'two'], batchSize: 4 });
  const client = new Client(server, 'both', '?wait=PT0.2S');
  const posters = new Posters(server, topics, 8);
  while (server.kills < KILLS) {
    await posters.reached(EVENTS * (server.kills + 0.5) / KILLS);
    const wanted = client.stage + 1 + rand(6);
    await eventually(() => client.stage >= wanted || posters.over, 'something to be interrupted');
    await server.kill();
  }
  await posters.ended;
  await eventually(async () => (await server.daemon.request('GET', `${SERVED}/both/stats`)).json.queued === 0, 'the last event', LONG_MS);
  client.going = false;
  await client.ended;
  const figures = await assertAll(server, topics, posters, client.processed);
  console.log(`client: ${figures}; ${server.kills} kills, ${client.again} batches given again, ${Date.now() - began} ms`);
});

// ---- another server ----

test('a feed-poller that is killed, too, has every event exactly once, in order', { timeout: LONG_MS }, async (t) => {
  const began = Date.now();
  const [from, to] = await Promise.all([mortal(t, [...ARGS, ...KEEP_ALL]), mortal(t, [...ARGS, ...KEEP_ALL])]);
  const topics = [await createPostTopic(from.daemon, { name: 'one' }), await createPostTopic(from.daemon, { name: 'two' })];
  await createFeed(from.daemon, { id: 'both', topics: ['one', 'two'], batchSize: 4 });
  const relay = await createFeedTopic(to.daemon, { url: `${from.daemon.url}${SERVED}/both`, pollingPeriod: PERIOD, ...FAST_RETRIES }, { alwaysOn: true });
  const journal = new Journal(relay);
  const posters = new Posters(from, topics, 8);
  const order = [...Array(KILLS).fill(from), ...Array(KILLS).fill(to)].sort(() => rand(3) - 1);
  for (const [i, server] of order.entries()) {
    await posters.reached(EVENTS * (i + 0.5) / order.length);
    // Anywhere in what it does; it has to come to something after its last start.
    await pause(rand(server === to ? 150 : 30));
    await server.kill();
  }
  await posters.ended;
  const posted = Date.now() - began;
  const isEmpty = async () => (await from.daemon.request('GET', `${SERVED}/both/stats`)).json.queued === 0;
  await eventually(isEmpty, 'the last event', LONG_MS);
  const figures = await assertAll(from, topics, posters, await journal.read(to.daemon));
  console.log(`feed-poller: ${figures}; ${from.kills} and ${to.kills} kills, posted in ${posted} ms, ${Date.now() - began} ms in all`);
});
