// The demo shows a snapshot and patches within 5 s of its start, and leaves nothing running.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Running, program, root, scratch } from './lib/program.js';

const demo = path.join(root, 'examples', 'prices', 'run');

test('the demo shows a snapshot and a patch within 5 s, and says what to do next', async (t) => {
  const dir = scratch(t);
  const running = new Running(t, demo, [], { env: { POLLCAST: program, DEMO_SECONDS: '6', TMPDIR: dir } });
  await running.sees('stdout', /^event: snapshot$/m, 5000);
  await running.sees('stdout', /^event: patch$/m, 5000);
  assert.equal(await running.end(), 0);
  assert.equal(running.stderr, '');
  assert.match(running.stdout, /\d+ polls, \d+ of them found nothing new/);
  assert.match(running.stdout, /curl -N http:/);
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('the demo ends at once when told to, with what it started', async (t) => {
  const dir = scratch(t);
  const running = new Running(t, demo, [], { env: { POLLCAST: program, DEMO_SECONDS: '60', TMPDIR: dir } });
  const [, api] = await running.sees('stdout', /A live API: +(\S+)/);
  await running.sees('stdout', /^event: snapshot$/m);
  assert.equal(await running.end('SIGTERM', 5000), 143);
  await assert.rejects(fetch(api));
  assert.deepEqual(fs.readdirSync(dir), []);
});
