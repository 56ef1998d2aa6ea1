// The consumers of examples/feeds, in shell, JavaScript and C: each processes every notification once, whatever is killed, and is
// as short as the guide says.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { SERVED, createFeed } from './lib/feeds.js';
import { pause, rand } from './lib/kills.js';
import { root, scratch } from './lib/program.js';
import { startProxy } from './lib/proxy.js';
import { createPostTopic, eventually, post } from './lib/topics.js';

const ARGS = ['--loops', '2', '--drain', 'PT0S'];
const examples = path.join(root, 'examples', 'feeds');
let built;
before(() => {
  built = path.join(scratch({ after: (fn) => process.on('exit', fn) }), 'consumer');
  const cc = spawnSync(process.env.CC ?? 'cc', ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Werror', '-o', built, path.join(examples, 'consumer.c'), '-lcurl'], { encoding: 'utf8' });
  assert.equal(cc.status, 0, cc.stderr);
});

const CONSUMERS = {
  sh: () => ['sh', path.join(examples, 'consumer.sh')],
  js: () => [process.execPath, path.join(examples, 'consumer.mjs')],
  c: () => [built],
};

// In a group of its own, since a shell has children. What it prints: the ids of what it processed.
class Consumer {
  text = '';
  #looks = new Set();

  constructor(t, [file, ...args], url, folder) {
    this.child = spawn(file, [...args, url, folder], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    this.ended = new Promise((resolve) => { this.child.on('close', (code, signal) => resolve(signal ?? code)); });
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.text += text;
      for (const look of this.#looks) look();
    });
    t.after(() => this.kill());
  }

  get ids() {
    return this.text.split('\n').filter((id) => id !== '');
  }

  processed(count) {
    return within(20_000, new Promise((resolve) => {
      const look = () => {
        if (this.ids.length >= count) { this.#looks.delete(look); resolve(); }
      };
      this.#looks.add(look);
      look();
    }), `${count} notifications`);
  }

  kill(signal = 'SIGKILL') {
    try { process.kill(-this.child.pid, signal); } catch { /* it has ended */ }
    return within(10_000, this.ended, 'its end');
  }
}

// The notification in a file of a consumer.
function kept(folder, file) {
  const json = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
  return json.notifications?.[0] ?? json;
}

for (const [name, command] of Object.entries(CONSUMERS)) {
  test(`${name}: each notification once, over its own end and the server's`, async (t) => {
    let daemon = await startDaemon({ args: ARGS });
    t.after(() => daemon.stop());
    const topic = await createPostTopic(daemon, { name: 'orders' });
    await createFeed(daemon, { id: 'journey', topics: ['orders'], batchSize: 3 });
    const folder = path.join(scratch(t), 'done');
    const at = (url) => `${url}${SERVED}/journey/consumers/mine`;
    const files = () => fs.readdirSync(folder).filter((file) => file !== '.new').sort();
    for (let n = 0; n < 5; n++) await post(daemon, topic, { n, quotes: '"},{"id":"x' });

    // It is killed when a batch is processed and not completed.
    const proxy = await startProxy(t, daemon.url);
    const held = new Promise((resolve) => {
      proxy.onRequest = (req, res, pass) => (req.url.endsWith('/complete') ? resolve() : pass());
    });
    const first = new Consumer(t, command(), at(proxy.url), folder);
    await within(20_000, held, 'the first batch');
    await first.processed(1);
    await first.kill();
    assert.deepEqual(files(), [...first.ids].sort());

    // The rest, with the server gone in the midst of it.
    const second = new Consumer(t, command(), at(daemon.url), folder);
    await second.processed(5 - first.ids.length);
    await daemon.kill();
    daemon = await startDaemon({ data: daemon.data, args: [...ARGS, '--listen', new URL(daemon.url).host] });
    for (let n = 5; n < 8; n++) await post(daemon, topic, { n, quotes: '"},{"id":"x' });
    await second.processed(8 - first.ids.length);
    await eventually(async () => (await daemon.request('GET', `${SERVED}/journey/consumers/mine/stats`)).json.queued === 0, 'all to be completed');
    await second.kill('SIGTERM');

    const ids = [...first.ids, ...second.ids];
    assert.equal(new Set(ids).size, ids.length, 'none was processed twice');
    assert.deepEqual(files(), [...ids].sort());
    const numbers = ids.map((id) => kept(folder, id).payload.n);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
  });
}

for (const [name, command] of Object.entries(CONSUMERS)) {
  test(`${name}: killed again and again, wherever it is`, async (t) => {
    const daemon = await startDaemon({ args: ARGS });
    t.after(() => daemon.stop());
    const topic = await createPostTopic(daemon, { name: 'orders' });
    await createFeed(daemon, { id: 'journey', topics: ['orders'], batchSize: 4 });
    const folder = path.join(scratch(t), 'done');
    const inodes = new Map();
    const printed = [];
    const EVENTS = 80;
    for (let n = 0; n < EVENTS; n++) await post(daemon, topic, { n, text: 'x'.repeat(rand(20_000)) });
    const queued = async () => (await daemon.request('GET', `${SERVED}/journey/consumers/mine/stats`)).json.queued;
    let kills = 0;
    for (let left = EVENTS; left > 0; kills++) {
      const consumer = new Consumer(t, command(), `${daemon.url}${SERVED}/journey/consumers/mine`, folder);
      // Where all is processed and the last batch is not completed, nothing is printed any more.
      await eventually(async () => (kills < 10 && consumer.ids.length > 0) || await queued() === 0, 'something to be processed');
      if (kills < 10) await pause(rand(10));
      await consumer.kill();
      printed.push(...consumer.ids);
      left = await queued();
      // What was processed once stays as it is: whole, and under its name.
      for (const file of fs.readdirSync(folder).filter((each) => each !== '.new')) {
        assert.equal(kept(folder, file).id, file);
        const { ino } = fs.statSync(path.join(folder, file));
        assert.equal(inodes.get(file) ?? ino, ino, `${file} was processed twice`);
        inodes.set(file, ino);
      }
      assert.ok(inodes.size >= EVENTS - left, 'what is completed is processed');
    }
    assert.ok(kills >= 3, `${kills} kills`);
    assert.equal(new Set(printed).size, printed.length);
    const numbers = [...inodes.keys()].map((file) => kept(folder, file).payload.n).sort((a, b) => a - b);
    assert.deepEqual(numbers, Array.from({ length: EVENTS }, (_, n) => n));
  });
}

// Lines with something in them but comments, includes and brackets.
const linesOf = (file) => fs.readFileSync(path.join(examples, file), 'utf8').split('\n').filter((line) => !/^\s*(#|\/\/|\/\*|\*|$|[{}();]*$)/.test(line));

test('they are as short as the guide says', () => {
  const guide = fs.readFileSync(path.join(root, 'docs', 'guide', 'feeds-polled.md'), 'utf8');
  const [, least, most] = /each of (\d+) to\s+(\d+) lines/.exec(guide);
  const counts = ['consumer.sh', 'consumer.mjs', 'consumer.c'].map((file) => linesOf(file).length);
  assert.deepEqual([Math.min(...counts), Math.max(...counts)], [Number(least), Number(most)], `${counts}`);
});
