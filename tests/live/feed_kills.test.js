// kill -9 at any step of a feed-poller's cycle: the next batch is asked for, answered, committed, its completion sent, taken
// by the feed, answered. However it falls: each notification is in the journal once, in order, and what the feed was told to
// be complete is there.
//
// KILLS in the environment makes it shorter or longer, SEED repeats its choices. Its last line says where the kills fell.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { startFeed } from './lib/feed_origin.js';
import { ARGS, PERIOD } from './lib/rig.js';
import { createFeedTopic, eventually, seqOf, TOPICS } from './lib/topics.js';

const KILLS = Number(process.env.KILLS ?? 40);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`feed_kills: SEED=${seed} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

// From an answer to the commit of what it says takes so long, µs; the kills that shall fall around it say so.
let commitTakes = 2000;

function pause(us) {
  const until = process.hrtime.bigint() + BigInt(Math.round(us));
  while (process.hrtime.bigint() < until);
}

// The journal, as anybody can read it.
class Journal {
  ids = [];
  #seen = new Set();
  #seq = 0;

  // What was appended since the last look, which must be what comes next in the feed.
  async read(daemon, topic, feed) {
    for (let more = true; more;) {
      const { status, text, json } = await daemon.request('GET', `${TOPICS}/${topic.id}/events?after=${this.#seq}&limit=1000`);
      assert.equal(status, 200, text);
      for (const event of json.items) {
        assert.ok(seqOf(event) > this.#seq, `${event.id} after ${this.#seq}`);
        this.#seq = seqOf(event);
        assert.ok(!this.#seen.has(event.data.id), `${event.data.payload.number} is there twice`);
        assert.deepEqual(event.data, feed.all[this.ids.length]);
        this.#seen.add(event.data.id);
        this.ids.push(event.data.id);
      }
      more = json.more;
    }
    return this;
  }

  has(id) {
    return this.#seen.has(id);
  }
}

// Which of the moments to come the server does not survive; the promise settles when it is there.
function killAt(feed, kill) {
  const is = ['asked', 'answered', 'answered', 'completing', 'completed', 'over'][rand(6)];
  const share = rand(1000) / 1000;
  let skip = rand(3);
  let done = false;
  return new Promise((resolve) => {
    const strike = (batch, us = 0) => {
      if (done || skip-- > 0) return false;
      done = true;
      pause(us * 1000);
      resolve({ is, batch, killed: kill() });
      return true;
    };
    feed.onNext = (req, res, answer) => {
      if (is === 'asked' && strike(undefined)) return;
      // A batch that was given before may be another now: more in it, under another name.
      if (feed.batch && rand(4) === 0) {
        feed.batch = { batchId: `${feed.batch.batchId}x`, notifications: [...feed.batch.notifications, ...feed.waiting.splice(0, rand(3))] };
      }
      answer();
      const batch = feed.batch;
      if (is === 'answered' && batch) res.on('finish', () => strike(batch, 2 * commitTakes * share));
    };
    feed.onComplete = (req, res, answer) => {
      const { batch } = feed;
      if (is === 'completing' && strike(batch)) return;
      if (is === 'completed' && !done && skip <= 0) {
        feed.finish();
        strike(batch);
        return;
      }
      if (is === 'completed') skip--;
      answer();
      if (is === 'over') res.on('finish', () => strike(batch, 500 * share));
    };
  });
}

const FELL = {
  asked: 'while a batch was awaited', uncommitted: 'between a batch and its commit', committed: 'between the commit and its completion',
  completing: 'while it was to be completed', completed: 'after that, before the answer', over: 'after the answer',
};

test('kill -9 at any step of a cycle', { timeout: 3_600_000 }, async (t) => {
  const feed = await startFeed({ size: 3 });
  t.after(() => feed.close());
  const journal = new Journal();
  const fell = Object.fromEntries(Object.keys(FELL).map((name) => [name, 0]));
  let daemon;
  daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  feed.push(6);
  const topic = await createFeedTopic(daemon, { url: feed.url, pollingPeriod: PERIOD, retryMaxAttempts: 0 }, { alwaysOn: true });
  let kill = killAt(feed, () => daemon.kill()); // not before the topic was answered for
  // What the feed was told to be complete when the server was killed.
  const completed = () => {
    const left = new Set([...(feed.batch?.notifications ?? []), ...feed.waiting].map(({ id }) => id));
    return feed.all.filter(({ id }) => !left.has(id)).map(({ id }) => id);
  };

  for (let kills = 0; kills < KILLS; kills++) {
    const alive = setInterval(() => { if (feed.waiting.length < 6) feed.push(1); }, 20);
    const at = await within(30_000, kill, 'the moment').finally(() => clearInterval(alive));
    await at.killed;
    const complete = completed();
    feed.push(rand(5));
    // Nothing goes on until this was looked at.
    let look;
    const looked = new Promise((resolve) => { look = resolve; });
    feed.onNext = async (req, res, answer) => {
      await looked;
      if (feed.onNext) feed.onNext(req, res, answer);
      else answer();
    };
    feed.onComplete = undefined;
    daemon = await startDaemon({ args: ARGS, data: daemon.data });
    await journal.read(daemon, topic, feed);
    for (const id of complete) assert.ok(journal.has(id), 'what was completed is not there');
    let { is } = at;
    if (is === 'answered') {
      is = at.batch.notifications.every(({ id }) => journal.has(id)) ? 'committed' : 'uncommitted';
      commitTakes *= is === 'committed' ? 0.8 : 1.25;
    }
    fell[is]++;
    if (kills + 1 < KILLS) kill = killAt(feed, () => daemon.kill());
    else feed.onNext = undefined;
    look();
  }

  await feed.until(() => feed.empty, 'the rest');
  await eventually(async () => (await journal.read(daemon, topic, feed)).ids.length === feed.all.length, 'the last one');
  assert.deepEqual(journal.ids, feed.all.map(({ id }) => id));
  console.log(`feed_kills: ${Object.entries(FELL).map(([name, words]) => `${fell[name]} ${words}`).join(', ')}`);
  console.log(`feed_kills: ${feed.all.length} notifications, ${feed.of('next').length} times asked, ${feed.completed.length} batches completed`);
  if (KILLS >= 100) for (const name of Object.keys(FELL)) assert.ok(fell[name] > 0, `no kill fell ${FELL[name]}`);
});
