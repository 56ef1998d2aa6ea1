// The feed-poller of a server that is killed -9 again and again: at any step of a cycle, and at random moments while the feed
// does whatever feeds do and must not do. However it falls, each notification is in the journal once, and in order.
//
// EVENTS, KILLS and SEED: see lib/kills.js. The last lines of a test say where the kills fell and what the feed did.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { startFeed } from './lib/feed_origin.js';
import { EVENTS, Journal, KILLS, Mortal, pause, rand } from './lib/kills.js';
import { ARGS, FAST_RETRIES, PERIOD } from './lib/rig.js';
import { createFeedTopic, eventually } from './lib/topics.js';
import { makeUnruly } from './lib/unruly_feed.js';

const LONG_MS = 3_600_000;

// ---- at any step of a cycle ----

const STEP_KILLS = process.env.KILLS ? KILLS : 40;

// From an answer to the commit of what it says takes so long, µs; the kills that shall fall around it say so.
let commitTakes = 2000;

function spin(us) {
  const until = process.hrtime.bigint() + BigInt(Math.round(us));
  while (process.hrtime.bigint() < until);
}

// What was appended since the last look must be what comes next in the feed; resolves to the ids of all.
async function lookOn(journal, daemon, feed) {
  const from = journal.data.length;
  for (const [i, data] of (await journal.read(daemon)).entries()) assert.deepEqual(data, feed.all[from + i]);
  return journal.data.map(({ id }) => id);
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
      spin(us * 1000);
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
  const fell = Object.fromEntries(Object.keys(FELL).map((name) => [name, 0]));
  let daemon;
  daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  feed.push(6);
  const topic = await createFeedTopic(daemon, { url: feed.url, pollingPeriod: PERIOD, retryMaxAttempts: 0 }, { alwaysOn: true });
  const journal = new Journal(topic);
  const look = () => lookOn(journal, daemon, feed);
  let kill = killAt(feed, () => daemon.kill()); // not before the topic was answered for
  // What the feed was told to be complete when the server was killed.
  const completed = () => {
    const left = new Set([...(feed.batch?.notifications ?? []), ...feed.waiting].map(({ id }) => id));
    return feed.all.filter(({ id }) => !left.has(id)).map(({ id }) => id);
  };

  for (let kills = 0; kills < STEP_KILLS; kills++) {
    const alive = setInterval(() => { if (feed.waiting.length < 6) feed.push(1); }, 20);
    const at = await within(30_000, kill, 'the moment').finally(() => clearInterval(alive));
    await at.killed;
    const complete = completed();
    feed.push(rand(5));
    // Nothing goes on until this was looked at.
    let goOn;
    const looked = new Promise((resolve) => { goOn = resolve; });
    feed.onNext = async (req, res, answer) => {
      await looked;
      if (feed.onNext) feed.onNext(req, res, answer);
      else answer();
    };
    feed.onComplete = undefined;
    daemon = await startDaemon({ args: ARGS, data: daemon.data });
    const there = new Set(await look());
    for (const id of complete) assert.ok(there.has(id), 'what was completed is not there');
    let { is } = at;
    if (is === 'answered') {
      is = at.batch.notifications.every(({ id }) => there.has(id)) ? 'committed' : 'uncommitted';
      commitTakes *= is === 'committed' ? 0.8 : 1.25;
    }
    fell[is]++;
    if (kills + 1 < STEP_KILLS) kill = killAt(feed, () => daemon.kill());
    else feed.onNext = undefined;
    goOn();
  }

  await feed.until(() => feed.empty, 'the rest');
  await eventually(async () => (await look()).length === feed.all.length, 'the last one');
  console.log(`kills: ${Object.entries(FELL).map(([name, words]) => `${fell[name]} ${words}`).join(', ')}`);
  console.log(`${feed.all.length} notifications, ${feed.of('next').length} times asked, ${feed.completed.length} batches completed`);
  if (STEP_KILLS >= 100) for (const name of Object.keys(FELL)) assert.ok(fell[name] > 0, `no kill fell ${FELL[name]}`);
});

// ---- a feed that does what it likes ----

const KEEP_ALL = ['--journal-max-events', '0', '--journal-max-bytes', '0'];

test('a feed that repeats, changes, reorders, forgets, fails and hangs', { timeout: LONG_MS }, async (t) => {
  const began = Date.now();
  const feed = await startFeed();
  t.after(() => feed.close());
  const server = await new Mortal(startDaemon, [...ARGS, ...KEEP_ALL, '--poll-deadline', 'PT1S']).begin();
  t.after(() => server.daemon.stop());
  const unruly = makeUnruly(feed, { oddity: 8, slow: KILLS / 2 });
  const topic = await createFeedTopic(server.daemon, { url: feed.url, pollingPeriod: PERIOD, ...FAST_RETRIES }, { alwaysOn: true });
  const journal = new Journal(topic);
  const done = () => feed.all.length - feed.waiting.length - (feed.batch?.notifications.length ?? 0);
  // It has more all the time but for some.
  const fill = setInterval(() => {
    if (feed.all.length < EVENTS && (feed.waiting.length < 50 || rand(20) === 0)) feed.push(Math.min(1 + rand(200), EVENTS - feed.all.length));
  }, 5);
  t.after(() => clearInterval(fill));
  while (server.kills < KILLS) {
    const wanted = EVENTS * (server.kills + rand(100) / 100) / KILLS;
    await eventually(() => done() >= wanted || feed.all.length === EVENTS && feed.empty, 'something to be interrupted', LONG_MS);
    await pause(rand(20));
    await unruly.during(server.kill());
  }
  await feed.until(() => feed.all.length === EVENTS && feed.empty, 'the end', LONG_MS);
  await eventually(async () => {
    await journal.read(server.daemon);
    return journal.data.length >= feed.all.length;
  }, 'the last one').catch(() => {});
  const { taken, ...wrong } = unruly.explain(journal.data.map(({ id }) => id));
  console.log(`${journal.data.length} events, lost ${wrong.lost}, twice ${wrong.twice}, out of order ${wrong.disorder}; ${server.kills} kills, ${Date.now() - began} ms`);
  console.log(`${unruly.given.length} batches given, ${taken} with something new taken; ${Object.entries(unruly.tally).map(([what, n]) => `${what} ${n}`).join(', ')}`);
  assert.deepEqual(wrong, { lost: 0, twice: 0, disorder: 0 });
  const all = new Map(feed.all.map((made) => [made.id, made]));
  for (const data of journal.data) assert.deepEqual(data, all.get(data.id));
});
