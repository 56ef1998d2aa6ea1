// What tests of feeds have in common.
import assert from 'node:assert/strict';

import { createPostTopic, post } from './topics.js';

export const FEEDS = '/streams/hub/api/v1/feeds';
export const SERVED = '/eventnotifications/v2';

export async function createFeed(daemon, body) {
  const answer = await daemon.request('POST', FEEDS, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

let unique = 0;
// A topic that is posted to, and a feed that holds it alone, by its id too.
export async function createPair(daemon, feed = {}) {
  const topic = await createPostTopic(daemon, { name: `topic${++unique}` });
  const made = await createFeed(daemon, { id: `feed${unique}`, topics: [topic.name], ...feed });
  return { topic, feed: made, id: made.id };
}

// Messages numbered from `from`, and before `to`.
export async function postRange(daemon, topic, from, to, make = (n) => ({ n })) {
  for (let n = from; n < to; n++) assert.equal((await post(daemon, topic, make(n))).status, 202);
}

// feed: or <feed>/consumers/<name>
export const next = (daemon, feed, query = '') => daemon.request('GET', `${SERVED}/${feed}/next${query}`);
export const complete = (daemon, feed, batchId) => daemon.request('POST', `${SERVED}/${feed}/${batchId}/complete`);

// A batch that has to be there.
export async function nextJson(daemon, feed, query) {
  const answer = await next(daemon, feed, query);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
