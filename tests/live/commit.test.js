// What happens around a commit that takes its time: the store is kept from writing by another program that holds the
// database's lock, as a backup may for a moment.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

import { startDaemon } from './lib/daemon.js';
import { ARGS, daemon, newPath, origin, PERIOD, requestCount as count, rig } from './lib/rig.js';
import { canHoldStore, holdStore } from './lib/store.js';
import { TOPICS, createTopic, debugOf, eventually, follow, isEvent, patchConfig, pollNow, seqOf } from './lib/topics.js';

const sqlite3 = canHoldStore();

rig({ args: [...ARGS, '--poll-save-every', 'PT1S'] });

const document = (a) => ({ a, filler: 'x'.repeat(200) }); // larger than a patch of it

const committing = (topic) => eventually(async () => (await debugOf(daemon, topic)).committing, 'a commit');

test('polls go on, and publish, while what is saved lazily is on its way to disk', async (t) => {
  if (!sqlite3) return t.skip('needs the program sqlite3');
  const at = newPath();
  origin.json(at, document(1));
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
  const stream = await follow(t, daemon, topic);
  const first = await stream.next(isEvent);
  await origin.asked(at, count(at) + 3);
  const store = await holdStore(t, daemon);
  await committing(topic); // nothing has changed: it is the time of the last success
  await origin.asked(at, count(at) + 5);
  origin.json(at, document(2));
  await origin.asked(at, count(at) + 1);
  await store.release();
  const next = await stream.next(isEvent);
  assert.deepEqual([next.event, seqOf(next)], ['patch', seqOf(first) + 1]);
  assert.equal((await debugOf(daemon, topic)).error, null);
});

test('a poller that stops in mid-commit does not take up the validators of the document before', async (t) => {
  if (!sqlite3) return t.skip('needs the program sqlite3');
  const at = newPath();
  origin.json(at, document('first'), { etag: '"first"' });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const store = await holdStore(t, daemon);
  origin.json(at, document('second'), { etag: '"second"' });
  await pollNow(daemon, topic);
  await committing(topic);
  stream.close();
  await eventually(async () => !(await debugOf(daemon, topic)).poller.running, 'the poller to stop');
  await store.release();
  await eventually(async () => !(await debugOf(daemon, topic)).committing, 'the commit');
  assert.deepEqual((await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`)).json, document('second'));

  // Back to what it was: a change, whatever the source's tag says.
  origin.json(at, document('first'), { etag: '"first"' });
  const again = await follow(t, daemon, topic);
  assert.deepEqual(JSON.parse((await again.next(isEvent)).data), document('second'));
  const change = await again.next(isEvent);
  assert.deepEqual(JSON.parse(change.data), [{ op: 'replace', path: '/a', value: 'first' }]);
});

test('so does one whose settings change in mid-commit', async (t) => {
  if (!sqlite3) return t.skip('needs the program sqlite3');
  const at = newPath();
  origin.json(at, document('first'), { etag: '"first"' });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  const first = await stream.next(isEvent);
  const store = await holdStore(t, daemon);
  // The change is on its way to disk before the event is: the owner hears of it in between.
  const changed = patchConfig(daemon, topic, { pollingPeriod: 'PT30M' });
  origin.json(at, document('second'), { etag: '"second"' });
  await pollNow(daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).poller.step === 'committing', 'the commit');
  await store.release();
  await changed;
  assert.equal(JSON.parse((await stream.next(isEvent)).data)[0].value, 'second');
  origin.json(at, document('first'), { etag: '"first"' });
  await pollNow(daemon, topic);
  const back = await stream.next(isEvent);
  assert.equal(JSON.parse(back.data)[0].value, 'first');
  assert.equal(seqOf(back), seqOf(first) + 2);
});

test('a topic that is made again under the same id uses no number again', async (t) => {
  const at = newPath();
  const id = '6f1c0a52-52a4-4f1c-9d7e-2f7e5a0b7a11';
  const body = { name: 'again', publisher: { type: 'http-poller', config: { url: origin.url(at), pollingPeriod: PERIOD } } };
  let n = 0;
  origin.on(at, (req, res) => res.end(JSON.stringify(document(++n))));
  let last;
  for (let round = 0; round < 3; round++) {
    assert.equal((await daemon.request('PUT', `${TOPICS}/${id}`, { body })).status, 201);
    const stream = await follow(t, daemon, { id }, { headers: last ? { 'Last-Event-ID': last } : {} });
    for (let i = 0; i < 3; i++) {
      const frame = await stream.next(isEvent);
      assert.equal(frame.event, i === 0 ? 'snapshot' : 'patch', 'an old number is no point to resume from');
      if (last) assert.ok(seqOf(frame) > seqOf({ id: last }), `${frame.id} after ${last}`);
      last = frame.id;
    }
    assert.equal((await daemon.request('DELETE', `${TOPICS}/${id}`)).status, 204);
    stream.close();
  }
});

test('without a limit of events the document is not stored again for each', async (t) => {
  if (!sqlite3) return t.skip('needs the program sqlite3');
  const own = await startDaemon({ args: [...ARGS, '--journal-max-events', '0'] });
  t.after(() => own.stop());
  const at = newPath();
  let n = 0;
  origin.on(at, (req, res) => res.end(JSON.stringify(document(++n))));
  const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD });
  const stream = await follow(t, own, topic);
  await stream.next((frame) => frame.event && seqOf(frame) >= 4);
  const found = execFileSync('sqlite3', [path.join(own.data, 'pollcast.db'), 'SELECT count(*) FROM checkpoints']);
  assert.equal(`${found}`.trim(), '0');
});

test('stopping does not wait for ever, and what was under way is carried out', async (t) => {
  if (!sqlite3) return t.skip('needs the program sqlite3');
  const at = newPath();
  origin.json(at, document(1));
  let own = await startDaemon({ args: ARGS });
  const topics = [];
  for (let i = 0; i < 8; i++) {
    topics.push(await createTopic(own, { url: origin.url(at), pollingPeriod: 'PT1H' }));
    await pollNow(own, topics[i]);
    await eventually(async () => (await debugOf(own, topics[i])).sequence === 1, 'the event');
  }
  await own.stop();
  // What is cut off is not freed any more.
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:detect_leaks=0` };
  own = await startDaemon({ args: ARGS, data: own.data, env });
  t.after(() => own.stop());
  const store = await holdStore(t, own);
  const [written, ...read] = topics;
  await follow(t, own, written); // else its commit would not go at once
  origin.json(at, document(2));
  await pollNow(own, written);
  await eventually(async () => (await debugOf(own, written)).poller.step === 'committing', 'the commit');
  // The store waits with it, and all else behind it.
  const asked = read.map((topic) => own.request('GET', `${TOPICS}/${topic.id}/snapshot`).catch(() => {}));
  await eventually(async () => {
    const states = await Promise.all(read.map((topic) => debugOf(own, topic)));
    return states.every((s) => s.document.state === 'loading');
  }, 'the reads');
  const stopped = own.stop();
  await own.line(/still under way/);
  await store.release();
  await stopped;
  await Promise.all(asked);
  own = await startDaemon({ args: ARGS, data: own.data });
  assert.deepEqual((await own.request('GET', `${TOPICS}/${written.id}/snapshot`)).json, document(2));
});
