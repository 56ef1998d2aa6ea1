// The server is killed again and again while it delivers to a webhook whose receiver is down now and then: no event is
// lost, none comes out of order, and only the one that is under way at a kill may come twice, once per kill.
//
// KILLS in the environment makes it shorter or longer, SEED repeats its choices.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { startDaemon, tempFolder } from './lib/daemon.js';
import { createWebhook, startReceiver, webhookOf } from './lib/receiver.js';
import { ARGS } from './lib/rig.js';
import { createPostTopic, eventually, journalOf, post, seqOf } from './lib/topics.js';

const KILLS = Number(process.env.KILLS ?? 20);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`webhook_kills: SEED=${seed} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

const data = tempFolder();
let daemon;
let stage = { posts: 0 }; // what has happened since the last start
const start = async () => {
  daemon = await startDaemon({ data, args: [...ARGS, '--subscription-retry-initial', 'PT0.02S', '--subscription-retry-max', 'PT0.2S'] });
  stage = { posts: 0 };
};
after(() => daemon?.kill());

// Posts one document after the other, to whichever server runs, until it is told to stop.
class Poster {
  promised = []; // numbers of the events that were acknowledged
  going = true;

  constructor(topic) {
    this.topic = topic;
    this.ended = this.#run();
  }

  async #run() {
    for (let n = 1; this.going; n++) {
      const answer = await post(daemon, this.topic, { n, text: 'x'.repeat(rand(2000)) }).catch(() => undefined);
      if (answer?.status === 202) {
        this.promised.push(Number(answer.headers['x-axway-streams-event-id'].split('#')[1]));
        stage.posts++;
      } else {
        await new Promise((resolve) => setTimeout(resolve, 5)); // it is down
      }
    }
  }
}

test('no event is lost or out of order, and none comes twice but for the one at a kill', async (t) => {
  await start();
  const hook = await startReceiver(t);
  const topic = await createPostTopic(daemon, { subscribers: [{ type: 'webhook' }] });
  const subscription = await createWebhook(daemon, topic, { webhookUrl: hook.url() });
  let era = 0;
  hook.answer = (call, res) => {
    call.era = era;
    if (rand(3)) res.end();
    else setTimeout(() => res.end(), rand(5));
  };

  const poster = new Poster(topic);
  let up = true;
  let downs = 0;
  for (; era < KILLS; era++) {
    if (up !== (rand(3) > 0)) {
      // What is under way is answered first: a kill is to be the only reason for a repetition.
      if (up) await hook.pause();
      else await hook.up();
      up = !up;
      downs += !up;
    }
    const from = hook.calls.length;
    const wanted = 1 + rand(15);
    await eventually(() => (up ? hook.calls.length - from : stage.posts) >= wanted, 'something to be interrupted');
    await daemon.kill();
    // From here on what comes is from the next server.
    await hook.until(() => hook.idle, 'the end of what it had sent');
    await start();
  }
  if (!up) await hook.up();
  poster.going = false;
  await poster.ended;

  const journal = (await journalOf(daemon, topic)).map(seqOf);
  assert.deepEqual(poster.promised.filter((seq) => !journal.includes(seq)), [], 'what was promised is there');
  await hook.until(() => hook.calls.at(-1)?.seq === journal.at(-1), 'the last event');
  await eventually(async () => (await webhookOf(daemon, subscription)).delivery.cursor === hook.calls.at(-1).id, 'the cursor');

  const got = hook.calls;
  const repeats = got.filter((call, i) => i > 0 && call.seq === got[i - 1].seq);
  for (const [i, call] of got.entries()) {
    const before = got[i - 1];
    assert.ok(i === 0 || call.seq > before.seq || (call.seq === before.seq && call.era > before.era),
      `${call.seq} (after ${call.era} kills) came after ${before?.seq} (after ${before?.era})`);
  }
  assert.deepEqual([...new Set(got.map(({ seq }) => seq))], journal);
  assert.ok(repeats.length <= KILLS);
  assert.ok(downs > 0 || KILLS < 10);
  console.log(`webhook_kills: ${journal.length} events, ${KILLS} kills, ${downs} times down, ${repeats.length} repeats`);
  await daemon.stop();
});
