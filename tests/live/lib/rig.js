// What most files of live tests begin with: a scripted origin and a server on two loops that may poll as fast as it can,
// both for the whole file; and what is done with them in every other test.
//
//     import { daemon, newPath, origin, pollOnce, rig } from './lib/rig.js';
//     rig();                                                 // or with options of startDaemon()
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { startDaemon } from './daemon.js';
import { startOrigin } from './origin.js';
import { debugOf, eventually, pollNow } from './topics.js';

export const PERIOD = 'PT0.1S';
export const ARGS = ['--loops', '2', '--poll-min-period', PERIOD, '--drain', 'PT0S'];
export const FAST_RETRIES = { retryBackOffInitialDuration: 'PT0.02S', retryBackOffMaxDuration: 'PT0.05S' };

// Of the file that called rig(); there when its tests run.
export let daemon;
export let origin;

// then: what else comes before the first test (hooks of a file do not wait for one another).
export function rig({ args = ARGS, ...options } = {}, then = async () => {}) {
  before(async () => {
    origin = await startOrigin();
    daemon = await startDaemon({ args, ...options });
    await then();
  });
  after(async () => {
    await daemon?.stop();
    await origin?.close();
  });
}

let unique = 0;
// A path of the origin that no other test asks for.
export const newPath = () => `/source${++unique}`;

export const requestCount = (at) => origin.requests(at).length;
export const queryOf = (req) => new URL(req.url, 'http://h').searchParams;

// One poll of a topic that nobody follows; resolves to its outcome, and from before it was asked for to after it had ended.
export async function pollOnce(topic, on = daemon) {
  const { poller } = await debugOf(on, topic);
  const from = Date.now();
  await pollNow(on, topic);
  const now = await eventually(async () => {
    const debug = await debugOf(on, topic);
    return debug.poller.runs > poller.runs && !debug.poller.step && !debug.poller.running ? debug : undefined;
  }, 'the poll');
  assert.equal(now.poller.runs, poller.runs + 1);
  return { ...now.lastPolls.at(-1), from, to: Date.now() };
}
