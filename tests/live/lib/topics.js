// What tests of topics have in common: making them, following them, looking at them.
import assert from 'node:assert/strict';

import { within } from './daemon.js';
import { openStream } from './sse.js';

export const TOPICS = '/streams/hub/api/v1/topics';
export const SSE = '/streams/subscribers/sse/api/v1/topics';
export const POSTS = '/streams/publishers/http-post/api/v1/topics';

// The figures of a program built with sanitizers say nothing about its memory.
export const memoryCounts = process.env.ASAN_OPTIONS === undefined;

let unique = 0;

// A topic with this config of its http-poller; more: alwaysOn, payload, and other attributes of the topic.
export function createTopic(daemon, config, { alwaysOn = false, payload = 'snapshot', ...more } = {}) {
  return create(daemon, { type: 'http-poller', config, alwaysOn, payload: { type: payload } }, more);
}

// One that is posted to.
export function createPostTopic(daemon, { alwaysOn = true, payload = 'event', ...more } = {}) {
  return create(daemon, { type: 'http-post', config: {}, alwaysOn, payload: { type: payload } }, more);
}

// One that polls a feed.
export function createFeedTopic(daemon, config, { alwaysOn = false, ...more } = {}) {
  return create(daemon, { type: 'feed-poller', config, alwaysOn, payload: { type: 'event' } }, more);
}

async function create(daemon, publisher, more) {
  const body = { name: `topic ${process.pid} ${++unique}`, publisher, ...more };
  const answer = await daemon.request('POST', TOPICS, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

export async function patchConfig(daemon, topic, config, more = {}) {
  const answer = await daemon.request('PATCH', `${TOPICS}/${topic.id}`, { body: { publisher: { config, ...more } } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

export async function pollNow(daemon, topic) {
  const answer = await daemon.request('POST', `${TOPICS}/${topic.id}/poll`);
  assert.equal(answer.status, 202, answer.text);
}

// Posts a document; text is sent as it is.
export const post = (daemon, topic, body, options = {}) => daemon.request('POST', `${POSTS}/${topic.id}`, { body, ...options });

// The number of the event that a post became.
export function postedSeq(answer, topic) {
  assert.equal(answer.status, 202, answer.text);
  const [id, seq] = answer.headers['x-axway-streams-event-id'].split('#');
  assert.equal(id, topic.id);
  return Number(seq);
}

// The whole journal.
export async function journalOf(daemon, topic) {
  const items = [];
  for (let after = 0; ;) {
    const answer = await daemon.request('GET', `${TOPICS}/${topic.id}/events?after=${after}&limit=1000`);
    assert.equal(answer.status, 200, answer.text);
    items.push(...answer.json.items);
    if (!answer.json.more) return items;
    after = Number(items.at(-1).id.split('#')[1]);
  }
}

// Follows a topic until the test ends.
export async function follow(t, daemon, topic, { query = '', ...options } = {}) {
  const stream = await openStream(daemon.url, `${SSE}/${topic.id}${query}`, options);
  t.after(() => stream.close());
  stream.socket.on('end', () => stream.socket.end()); // as clients do: the server need not wait for it
  assert.equal(stream.status, 200);
  return stream;
}

export const isEvent = (frame) => frame.event !== undefined;
export const seqOf = (frame) => Number(frame.id.split('#')[1]);

// The next event, which must be an error; its data.
export async function nextError(stream, ms) {
  const frame = await stream.next(isEvent, ms);
  assert.equal(frame.event, 'error', JSON.stringify(frame).slice(0, 500));
  return JSON.parse(frame.data);
}

export async function debugOf(daemon, topic) {
  const answer = await daemon.request('GET', `${TOPICS}/${topic.id}/debug`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

export async function metric(daemon, name) {
  const { text } = await daemon.request('GET', '/metrics');
  return Number(new RegExp(`^pollcast_${name} (\\S+)$`, 'm').exec(text)[1]);
}

// Until probe() is true, for what tells nobody when it changes; resolves to what probe() gave.
export async function eventually(probe, what, ms = 20_000) {
  let going = true;
  const looking = (async () => {
    for (let found; going; await new Promise((resolve) => setTimeout(resolve, 10))) {
      if ((found = await probe())) return found;
    }
    return undefined;
  })();
  return within(ms, looking, what).finally(() => { going = false; });
}
