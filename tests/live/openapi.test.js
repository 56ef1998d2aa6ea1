// The description at /openapi.yaml: valid for a linter, complete, and true of answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import core from '@redocly/openapi-core';
import Ajv from 'ajv/dist/2020.js';

import { startDaemon } from './lib/daemon.js';
import { createFeed, FEEDS, SERVED } from './lib/feeds.js';
import { startOrigin } from './lib/origin.js';
import { createPostTopic, eventually, post, TOPICS } from './lib/topics.js';

let daemon;
let origin;
let text;
let document;

before(async () => {
  [daemon, origin] = await Promise.all([startDaemon({ args: ['--loops', '1'] }), startOrigin()]);
  const answer = await daemon.request('GET', '/openapi.yaml');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/yaml');
  text = answer.text;
  document = core.parseYaml(text);
});
after(() => Promise.all([daemon.stop(), origin.close()]));

async function lint(source) {
  // An upgrade succeeds with 101.
  const config = await core.createConfig({ extends: ['recommended-strict'], rules: { 'operation-2xx-response': 'off' } });
  const problems = await core.lintFromString({ source, absoluteRef: '/openapi.yaml', config });
  return problems.map((problem) => `${problem.ruleId}: ${problem.message} at ${problem.location[0]?.pointer}`);
}

test('a linter finds nothing to say', async () => {
  assert.deepEqual(await lint(text), []);
});

test('the linter would find a reference that leads nowhere, and a path without operation id', async () => {
  const broken = await lint(text.replace('#/components/schemas/Topic"', '#/components/schemas/Nobody"').replace('operationId: getTopic', 'x-a: b'));
  assert.ok(broken.some((problem) => problem.startsWith('no-unresolved-refs:')), broken.join('\n'));
  assert.ok(broken.some((problem) => problem.startsWith('operation-operationId:')), broken.join('\n'));
});

test('it has every call of the list at /', async () => {
  const list = (await daemon.request('GET', '/')).text;
  const calls = [...list.matchAll(/^(\w+) +(\/\S*)$/gm)].map(([, method, path]) => [method.toLowerCase(), path]);
  assert.ok(calls.length > 15);
  const shape = (path) => path.replaceAll(/\{\w+\}/g, '{}');
  const missing = calls.filter(([method, path]) => !Object.entries(document.paths).some(([other, item]) => shape(other) === shape(path) && item[method]));
  assert.deepEqual(missing, []);
  assert.equal(document.info.version, /^pollcast (\S+)/.exec(list)[1]);
});

// Fails unless the answer is as its schema has it.
function assertFits(name, value) {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'doc', components: document.components });
  const validate = ajv.compile({ $ref: `doc#/components/schemas/${name}` });
  assert.ok(validate(value), `${name}: ${JSON.stringify(validate.errors)}\n${JSON.stringify(value)}`);
}

test('answers are as their schemas have them', async () => {
  origin.json('/doc', { a: 1 });
  const config = {
    url: origin.url('/doc'), pollingPeriod: 'PT10S', headers: { 'X-Api-Key': 'x', 'X-A': 'b' }, payloadPointer: '', ignore: ['/b'],
    computedQueryParameters: { from: { type: 'timestamp', reference: 'last-success' } },
    authorization: { type: 'oauth2', clientId: 'c', clientSecret: 's', provider: origin.url('/token'), mode: 'header' },
    pagination: { mode: 'page', nextReference: { location: 'header' } },
  };
  const poller = await daemon.request('POST', TOPICS, { body: { name: 'p', publisher: { type: 'http-poller', config } } });
  assert.equal(poller.status, 201, poller.text);
  const plain = await daemon.request('POST', TOPICS, { body: { name: 'q', publisher: { type: 'http-poller', config: { url: origin.url('/doc') } }, subscribers: { sse: { defaultSubscriptionMode: 'snapshot-only' } } } });
  for (const answer of [poller, plain]) assertFits('Topic', answer.json);
  assertFits('TopicPage', (await daemon.request('GET', TOPICS)).json);
  assertFits('Errors', (await daemon.request('POST', TOPICS, { body: {} })).json);
  assertFits('Errors', (await daemon.request('POST', TOPICS, { body: '{' })).json);
  assertFits('Errors', (await daemon.request('GET', '/nobody')).json);
  const target = `${TOPICS}/${plain.json.id}`;
  assertFits('Accepted', (await daemon.request('POST', `${target}/poll`)).json);
  await eventually(async () => (await daemon.request('GET', `${target}/snapshot`)).status === 200, 'a document');
  assertFits('EventPage', (await daemon.request('GET', `${target}/events`)).json);
  assertFits('TopicState', (await daemon.request('GET', `${target}/debug`)).json);
  for (const path of ['/health/live', '/health/ready']) assertFits('ServerStatus', (await daemon.request('GET', path)).json);
  assertFits('TrialReport', (await daemon.request('POST', `${TOPICS}:test`, { body: { name: 'r', publisher: { type: 'http-poller', config: { url: origin.url('/doc') } } } })).json);
  await daemon.request('PATCH', target, { body: { publisher: { config: { assert: { minItems: 3 } } } } });
  await daemon.request('POST', `${target}/poll`);
  await eventually(async () => (await daemon.request('GET', `${target}/refused`)).status === 200, 'a refused payload');
  assertFits('RefusedPayload', (await daemon.request('GET', `${target}/refused`)).json);
});

test('answers of feeds are as their schemas have them', async () => {
  const topic = await createPostTopic(daemon, { name: 'posted', payload: 'snapshot' });
  const feed = await createFeed(daemon, { id: 'f', topics: ['posted'], retention: 'P1D', eventTypes: { 'posted:created': 'new' } });
  assertFits('Feed', feed);
  await createFeed(daemon, { id: 'theirs', topics: 'x', tenant: 'T' });
  assertFits('FeedPage', (await daemon.request('GET', FEEDS)).json);
  assert.equal((await post(daemon, topic, [{ id: 1 }])).status, 202);
  for (const path of ['v2/f/consumers/c/next', 'v2/f/next', 'v2/f/next?lease=PT1S', 'v1/f/next']) assertFits('FeedBatch', (await daemon.request('GET', `/eventnotifications/${path}`)).json);
  for (const path of ['f', 'f/consumers/c', 'all']) assertFits('FeedStats', (await daemon.request('GET', `${SERVED}/${path}/stats`)).json);
  assertFits('EventTypes', (await daemon.request('GET', `${SERVED}/event-notification-types`)).json);
  assert.equal((await daemon.request('PUT', `${SERVED}/f/discardAll`)).status, 200);
  const archive = await daemon.request('GET', `${FEEDS}/f/archive`);
  assert.equal(archive.json.discards.length, 1);
  assertFits('FeedArchive', archive.json);
  for (const [method, path, status] of [['GET', 'F/next', 404], ['PUT', 'f/next', 405], ['GET', 'theirs/next', 400], ['GET', 'f/next?max=0', 400]]) {
    const { headers, json, ...answer } = await daemon.request(method, `${SERVED}/${path}`);
    assert.equal(answer.status, status, path);
    const media = document.components.responses.FeedErrors.content[headers['content-type']];
    assertFits(/\w+$/.exec(media.schema.$ref)[0], json);
  }
});

test('schemas tell a wrong topic', () => {
  assert.throws(() => assertFits('Topic', { publisher: { type: 'http-poller', config: {} } }), /required/);
  assert.throws(() => assertFits('Topic', { name: '', publisher: { type: 'http-poller' } }), /minLength/);
  assert.throws(() => assertFits('Errors', { errors: [] }), /minItems/);
});
