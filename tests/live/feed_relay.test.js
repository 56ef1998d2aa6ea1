// One pollcast empties a feed of another, and either may be killed at any time: what was posted to the one is in the journal
// of the other, each once, in order.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { createFeed, SERVED } from './lib/feeds.js';
import { ARGS, FAST_RETRIES, PERIOD, pollOnce } from './lib/rig.js';
import { createFeedTopic, createPostTopic, eventually, journalOf, post } from './lib/topics.js';

const KILLS = Number(process.env.KILLS ?? 10);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`feed_relay: SEED=${seed} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

const numbers = async (daemon, topic) => (await journalOf(daemon, topic)).map(({ data }) => data.payload.n);
const upTo = (n) => Array.from({ length: n }, (_, i) => i);

for (const [name, of, query] of [
  ['a feed', '', ''], ['batches of a thousand', '', '?max=1000'], ['a consumer of its own', '/consumers/relay', ''], ['waiting', '', '?wait=PT0.2S'],
]) {
  test(`from one to the other: ${name}`, async (t) => {
    const daemon = await startDaemon({ args: ARGS });
    t.after(() => daemon.stop());
    const source = await createPostTopic(daemon);
    const feed = await createFeed(daemon, { id: 'f', topics: [source.name] });
    const relay = await createFeedTopic(daemon, { url: `${daemon.url}${SERVED}/${feed.id}${of}${query}`, pollingPeriod: 'PT1H' });
    assert.equal((await pollOnce(relay, daemon)).exit, 'unchanged');
    for (let n = 0; n < 25; n++) assert.equal((await post(daemon, source, { n })).status, 202);
    assert.equal((await pollOnce(relay, daemon)).exit, 'ok');
    assert.deepEqual(await numbers(daemon, relay), upTo(25));
    const [first] = await journalOf(daemon, relay);
    assert.equal(first.data.eventType, `${source.name}:event`);
    assert.equal((await pollOnce(relay, daemon)).exit, 'unchanged');
  });
}

test('kill -9 of either', { timeout: 600_000 }, async (t) => {
  let from = await startDaemon({ args: ARGS });
  let to = await startDaemon({ args: ARGS });
  t.after(() => Promise.all([from.stop(), to.stop()]));
  const port = new URL(from.url).port;
  const again = [...ARGS, '--listen', `127.0.0.1:${port}`];
  const source = await createPostTopic(from);
  const feed = await createFeed(from, { id: 'f', topics: [source.name], batchSize: 3 });
  const relay = await createFeedTopic(to, { url: `${from.url}${SERVED}/${feed.id}`, pollingPeriod: PERIOD, ...FAST_RETRIES }, { alwaysOn: true });
  let posted = 0;
  for (let kills = 0; kills < KILLS; kills++) {
    for (let n = 4 + rand(20); n > 0; n--) assert.equal((await post(from, source, { n: posted++ })).status, 202);
    // Somewhere while they are taken over.
    const goal = posted - rand(12);
    await eventually(async () => (await numbers(to, relay)).length >= goal, 'some of them');
    if (rand(2)) {
      await from.kill();
      from = await startDaemon({ args: again, data: from.data });
    } else {
      await to.kill();
      to = await startDaemon({ args: ARGS, data: to.data });
    }
  }
  await eventually(async () => (await numbers(to, relay)).length >= posted, 'all of them');
  assert.deepEqual(await numbers(to, relay), upTo(posted));
});
