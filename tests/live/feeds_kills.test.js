// The server is killed again and again while two topics are posted to and one consumer empties a feed of both: a consumer
// that completes a batch after it has processed it durably, and knows the id of the last one, has every event exactly
// once and in order.
//
// KILLS in the environment makes it shorter or longer, SEED repeats its choices.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { startDaemon, tempFolder } from './lib/daemon.js';
import { complete, createFeed, next } from './lib/feeds.js';
import { ARGS } from './lib/rig.js';
import { createPostTopic, eventually, journalOf, post } from './lib/topics.js';

const KILLS = Number(process.env.KILLS ?? 12);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`feeds_kills: SEED=${seed} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

const data = tempFolder();
let daemon;
const start = async () => { daemon = await startDaemon({ data, args: ARGS }); };
after(() => daemon?.kill());
const pause = () => new Promise((resolve) => setTimeout(resolve, 5)); // it is down

let stage = 0; // of the consumer: batches given and completed

// What a consumer has to keep: what it processed, and the batch that it was of.
class Consumer {
  processed = [];
  last = undefined;
  again = 0; // batches that came a second time
  given = new Map(); // bytes by batch
  going = true;

  constructor() {
    this.ended = this.#run();
  }

  async #run() {
    while (this.going) {
      const answer = await next(daemon, 'both', '?wait=PT0.2S').catch(() => undefined);
      if (answer?.status !== 200) {
        if (answer?.status !== 204) await pause();
        continue;
      }
      stage++;
      const { batchId, notifications } = answer.json;
      assert.equal(this.given.get(batchId) ?? answer.text, answer.text, 'the same bytes');
      this.given.set(batchId, answer.text);
      if (batchId !== this.last) {
        assert.ok(this.last === undefined || Number(batchId) > Number(this.last));
        this.processed.push(...notifications);
        this.last = batchId;
      } else {
        this.again++;
      }
      if (rand(4) === 0) await pause();
      const ended = await complete(daemon, 'both', batchId).catch(() => undefined);
      if (ended) assert.ok([200, 503].includes(ended.status), ended.text);
      stage++;
    }
  }
}

async function postUntil(topics, promised, isOver) {
  for (let n = 1; !isOver(); n++) {
    const topic = topics[rand(2)];
    const answer = await post(daemon, topic, { n, text: 'x'.repeat(rand(500)) }).catch(() => undefined);
    if (answer?.status === 202) promised.push(n);
    else await pause();
  }
}

test('every event exactly once, in order', async () => {
  await start();
  const topics = [await createPostTopic(daemon, { name: 'one' }), await createPostTopic(daemon, { name: 'two' })];
  await createFeed(daemon, { id: 'both', topics: ['one', 'two'], batchSize: 4 });
  const promised = [];
  let over = false;
  const posting = postUntil(topics, promised, () => over);
  const consumer = new Consumer();
  for (let era = 0; era < KILLS; era++) {
    const wanted = stage + 1 + rand(20);
    await eventually(() => stage >= wanted, 'something to be interrupted');
    await daemon.kill();
    await start();
  }
  over = true;
  await posting;
  const journaled = [...await journalOf(daemon, topics[0]), ...await journalOf(daemon, topics[1])].map((event) => event.data.n);
  await eventually(() => consumer.processed.length >= journaled.length, 'the last event').catch(() => {});
  consumer.going = false;
  await consumer.ended;

  const got = consumer.processed.map(({ payload }) => payload.n);
  assert.deepEqual(promised.filter((n) => !got.includes(n)), [], 'what was promised came');
  assert.deepEqual(got, [...journaled].sort((a, b) => a - b), 'once, in the order in which it was posted');
  assert.equal(new Set(consumer.processed.map(({ id }) => id)).size, got.length);
  console.log(`feeds_kills: ${got.length} events in ${consumer.given.size} batches, ${KILLS} kills, ${consumer.again} batches given again`);
  await daemon.stop();
});
