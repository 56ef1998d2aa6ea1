// What of a payload counts when payloads are compared, and which payloads are refused: seen by a subscriber, by the API
// and by the source. Two loops and a connection for each request, so that requests come in on either loop.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { daemon, newPath, origin, requestCount as count, rig } from './lib/rig.js';
import { TOPICS, createTopic, debugOf, eventually, follow, isEvent, nextError, patchConfig, pollNow, seqOf } from './lib/topics.js';

const REST = { pollingPeriod: 'PT1H', retryMaxAttempts: 0 }; // polls only when told

rig({ args: ['--loops', '2', '--drain', 'PT0S'] });

const get = (topic, what) => daemon.request('GET', `${TOPICS}/${topic.id}/${what}`);
const items = (n) => Array.from({ length: n }, (_, id) => ({ id }));

// The source says this (text: byte for byte) and is polled; to how that ended: exit, error.
async function poll(topic, at, value, options) {
  if (value !== undefined) origin.json(at, value, options);
  const { runs } = (await debugOf(daemon, topic)).poller;
  await pollNow(daemon, topic);
  return eventually(async () => {
    const { poller, lastPolls } = await debugOf(daemon, topic);
    return poller.runs > runs && !poller.step && lastPolls.at(-1);
  }, 'a poll to end');
}

async function refused(topic) {
  const answer = await get(topic, 'refused');
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function nothingRefused(topic) {
  const answer = await get(topic, 'refused');
  assert.equal(answer.status, 404, answer.text);
  assert.match(answer.json.errors[0].detail, /no payload .* was refused since its last success/);
}

test('ignore: what is ignored makes no event, but goes with one', async (t) => {
  const at = newPath();
  const text = 'x'.repeat(200); // so that a patch is smaller than the whole
  const list = (v, age) => [{ id: 1, text, v: 1, age: age + 1 }, { id: 2, text, v, age: age + 2 }];
  origin.json(at, { at: 1, list: list(2, 10) });
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, ignore: ['/at', '/list/*/age'] });
  assert.deepEqual(topic.publisher.config.ignore, ['/at', '/list/*/age']);
  const stream = await follow(t, daemon, topic);
  assert.equal(JSON.parse((await stream.next(isEvent)).data).at, 1);

  assert.equal((await poll(topic, at, { at: 2, list: list(2, 20) })).exit, 'unchanged');
  // By value, in any order; missing or of another type is another value, too.
  const other = `{"list":[{"v":1.0,"text":"${text}","id":1},{"age":{},"id":2,"v":2e0,"text":"${text}"}],"at":[2]}`;
  assert.equal((await poll(topic, at, other)).exit, 'unchanged');
  assert.deepEqual((await get(topic, 'snapshot')).json, { at: 1, list: list(2, 10) });

  assert.equal((await poll(topic, at, { at: 4, list: list(3, 10) })).exit, 'ok');
  const frame = await stream.next(isEvent);
  assert.equal(frame.event, 'patch');
  assert.equal(seqOf(frame), 2);
  assert.deepEqual(JSON.parse(frame.data).map((op) => op.path).sort(), ['/at', '/list/1/v']);
  assert.deepEqual((await get(topic, 'snapshot')).json, { at: 4, list: list(3, 10) });
});

test('ignore: what was ignored is published once it is not any more, although the source says the same', async () => {
  const at = newPath();
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, ignore: '/at' });
  assert.equal((await poll(topic, at, { at: 1, v: 1 })).exit, 'ok');
  assert.equal((await poll(topic, at, { at: 2, v: 1 })).exit, 'unchanged');
  assert.equal((await get(topic, 'snapshot')).json.at, 1);
  await patchConfig(daemon, topic, { ignore: null });
  assert.equal((await poll(topic, at)).exit, 'ok');
  assert.equal((await get(topic, 'snapshot')).json.at, 2);
});

test('assert: a payload that fails is not published; subscribers and the API learn why', async (t) => {
  const at = newPath();
  origin.json(at, items(10));
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, assert: { maxShrink: 0.2 } });
  const stream = await follow(t, daemon, topic);
  assert.equal(JSON.parse((await stream.next(isEvent)).data).length, 10);
  await nothingRefused(topic);

  const before = Date.now();
  const end = await poll(topic, at, '[ {"id": 1.50}, 2 ]');
  assert.equal(end.exit, 'error');
  assert.equal(end.error, 'E_POLL_FORMAT');
  const error = await nextError(stream);
  assert.equal(error.code, 70016);
  assert.equal(error.category, 'publication');
  assert.match(error.message, /refused by assert\.maxShrink: expected at least 8 elements \(the last good payload has 10\), found 2$/);

  // The last good one stays; the refused one can be looked at, on either loop, as it was sent.
  assert.equal((await get(topic, 'snapshot')).json.length, 10);
  for (let i = 0; i < 8; i++) {
    const { text, json, headers } = await get(topic, 'refused');
    assert.match(headers['content-type'], /^application\/json/);
    assert.ok(text.endsWith('"payload":[{"id":1.50},2]}'), text);
    assert.equal(json.code, 70016);
    assert.equal(json.message, error.message);
    assert.ok(Date.parse(json.time) >= before - 1000 && Date.parse(json.time) <= Date.now() + 1000, json.time);
  }
  // Who joins now gets the last good one, then the error.
  const late = await follow(t, daemon, topic);
  assert.equal(JSON.parse((await late.next(isEvent)).data).length, 10);
  assert.equal((await nextError(late)).message, error.message);

  // Another refused one takes its place; the one that passes clears it.
  assert.equal((await poll(topic, at, { error: 'sorry' })).exit, 'error');
  assert.deepEqual((await refused(topic)).payload, { error: 'sorry' });
  assert.equal((await poll(topic, at, items(8))).exit, 'ok');
  assert.equal(seqOf(await stream.next(isEvent)), 2);
  await nothingRefused(topic);
  // What is compared with is the last good one, not the last refused.
  assert.equal((await poll(topic, at, items(7))).exit, 'ok');
});

test('assert: each rule at its bounds', async () => {
  const cases = [
    [{ minItems: 2 }, items(2), items(1), /assert\.minItems: expected at least 2 elements, found 1/],
    [{ minItems: 2 }, { a: 1, b: 2 }, 'null', /assert\.minItems: expected an array or object, found a payload of type null/],
    [{ maxShrink: 0 }, items(3), items(2), /assert\.maxShrink: expected at least 3 elements/],
    [{ maxShrink: 0.5 }, { a: '12345678' }, { a: 1 }, /assert\.maxShrink: expected at least 8 bytes .* found 7/],
    [{ pointerExists: '/data' }, { data: null }, { error: 1 }, /assert\.pointerExists: .* nothing at "\/data"/],
    [{ pointerExists: ['/data', '/data/0/id'] }, { data: items(1) }, { data: [] }, /nothing at "\/data\/0\/id"/],
  ];
  for (const [rules, good, bad, message] of cases) {
    const at = newPath();
    const topic = await createTopic(daemon, { url: origin.url(at), ...REST, assert: rules });
    assert.deepEqual(topic.publisher.config.assert, rules);
    assert.equal((await poll(topic, at, good)).exit, 'ok', JSON.stringify(rules));
    assert.equal((await poll(topic, at, bad)).exit, 'error', JSON.stringify(rules));
    assert.match((await refused(topic)).message, message);
    assert.deepEqual((await get(topic, 'snapshot')).json, good);
    assert.equal((await poll(topic, at, good)).exit, 'unchanged');
    await nothingRefused(topic);
  }
});

test('assert: the first payload, too; another failure leaves what was refused', async (t) => {
  const at = newPath();
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, assert: { minItems: 1 } });
  assert.equal((await poll(topic, at, [])).exit, 'error');
  assert.equal((await get(topic, 'snapshot')).status, 404);
  const stream = await follow(t, daemon, topic);
  assert.equal((await nextError(stream)).code, 70016);
  origin.status(at, 404);
  assert.equal((await poll(topic, at)).exit, 'error');
  assert.equal((await nextError(stream)).code, 70404);
  assert.deepEqual((await refused(topic)).payload, []);
});

test('assert: the source is asked with the validator of the last good one', async () => {
  const at = newPath();
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, assert: { minItems: 2 } });
  const asked = () => origin.requests(at).at(-1).headers['if-none-match'];
  assert.equal((await poll(topic, at, items(2), { etag: '"good"' })).exit, 'ok');
  assert.equal((await poll(topic, at, items(1), { etag: '"bad"' })).exit, 'error');
  assert.equal((await poll(topic, at)).exit, 'error');
  assert.equal(asked(), '"good"');
  assert.equal((await refused(topic)).payload.length, 1);
  const n = count(at);
  assert.equal((await poll(topic, at, items(2), { etag: '"good"' })).exit, 'unchanged');
  assert.equal(count(at), n + 1);
  await nothingRefused(topic);
});

test('assert: a rule that comes later is asked of what the source goes on to say', async () => {
  const at = newPath();
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST });
  assert.equal((await poll(topic, at, items(3))).exit, 'ok');
  await patchConfig(daemon, topic, { assert: { minItems: 4 } });
  assert.equal((await poll(topic, at)).exit, 'error');
  assert.equal((await refused(topic)).payload.length, 3);
  await patchConfig(daemon, topic, { assert: { minItems: 3 } });
  assert.equal((await poll(topic, at)).exit, 'unchanged');
  await nothingRefused(topic);
});

test('assert: of a source with pages all items together count', async () => {
  const at = newPath();
  let last = 3;
  origin.on(at, (req, res) => {
    const page = Number(new URL(req.url, origin.url()).searchParams.get('page'));
    if (page < last) res.setHeader('Link', `<${at}?page=${page + 1}>; rel="next"`);
    res.end(JSON.stringify([{ page, n: 1 }, { page, n: 2 }]));
  });
  const pagination = { mode: 'page', nextReference: { location: 'header' } };
  const topic = await createTopic(daemon, { url: origin.url(at), ...REST, pagination, assert: { minItems: 6 } });
  assert.equal((await poll(topic, at)).exit, 'ok');
  last = 2;
  assert.equal((await poll(topic, at)).exit, 'error');
  assert.match((await refused(topic)).message, /expected at least 6 elements, found 4/);
  assert.equal((await get(topic, 'snapshot')).json.length, 6);
});

test('settings that cannot be are refused, each with its place', async () => {
  const config = {
    url: origin.url('/'),
    ignore: ['/fine', 'at', 7],
    assert: { minItems: -1, maxShrink: 2, pointerExists: [''], minitems: 1 },
  };
  const answer = await daemon.request('POST', TOPICS, { body: { name: 'refused', publisher: { type: 'http-poller', config } } });
  assert.equal(answer.status, 400);
  const faults = Object.fromEntries(answer.json.errors.map((e) => [e.source.pointer.replace('/publisher/config', ''), e.detail]));
  assert.deepEqual(Object.keys(faults).sort(),
    ['/assert/maxShrink', '/assert/minItems', '/assert/minitems', '/ignore/1', '/ignore/2']);
  assert.match(faults['/ignore/1'], /expected a JSON pointer \(RFC 6901\) .* found the string "at"/);
  assert.match(faults['/assert/minitems'], /did you mean "minItems"/);

  const whole = { ...config, ignore: ['/a', ''], assert: null };
  const second = await daemon.request('POST', TOPICS, { body: { name: 'refused', publisher: { type: 'http-poller', config: whole } } });
  assert.equal(second.status, 400);
  assert.equal(second.json.errors.length, 1);
  assert.equal(second.json.errors[0].source.pointer, '/publisher/config/ignore');
  assert.match(second.json.errors[0].detail, /nothing would ever be published again/);
});

test('refused: no such topic', async () => {
  const answer = await daemon.request('GET', `${TOPICS}/nobody/refused`);
  assert.equal(answer.status, 404);
});
