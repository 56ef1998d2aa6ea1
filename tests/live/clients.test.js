// The clients that docs/clients.md and the README of clients/js show: each example that can be run is run against a server
// that is restarted under it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { startDaemon, tempFolder } from './lib/daemon.js';
import { Running, root, scratch } from './lib/program.js';
import { ARGS } from './lib/rig.js';
import { createPostTopic, post } from './lib/topics.js';

const PAGES = ['docs/clients.md', 'clients/js/README.md'];
const filler = 'so that patches are shorter than the whole'.repeat(20);
const python = spawnSync('python3', ['--version']).status === 0;

const examples = PAGES.flatMap((page) => {
  const text = fs.readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(/^```(js|python)( run)?\n([^]*?)^```$/gm)].map((match) => ({
    page, language: match[1], runs: match[2] !== undefined, code: match[3], line: text.slice(0, match.index).split('\n').length,
  }));
});

// The example as a program that finds the packages it names.
function program(t, { language, code }, host) {
  const dir = scratch(t);
  const placed = code.replaceAll('127.0.0.1:8080', host);
  if (language === 'python') {
    fs.writeFileSync(path.join(dir, 'example.py'), placed);
    return new Running(t, 'python3', [path.join(dir, 'example.py')]);
  }
  fs.mkdirSync(path.join(dir, 'node_modules'));
  fs.symlinkSync(path.join(root, 'clients', 'js'), path.join(dir, 'node_modules', 'pollcast-client'));
  fs.symlinkSync(path.join(root, 'tests', 'live', 'node_modules', 'eventsource'), path.join(dir, 'node_modules', 'eventsource'));
  const prelude = code.includes('new EventSource(') ? "import { EventSource } from 'eventsource';\n" : '';
  fs.writeFileSync(path.join(dir, 'example.mjs'), prelude + placed);
  return new Running(t, process.execPath, [path.join(dir, 'example.mjs')]);
}

test('the pages have examples of each kind', () => {
  const running = examples.filter(({ runs }) => runs);
  const of = (page, language) => running.filter((example) => example.page === page && example.language === language).length;
  assert.deepEqual([of(PAGES[0], 'js'), of(PAGES[0], 'python'), of(PAGES[1], 'js')], [2, 1, 2]);
});

describe('examples:', { concurrency: 5 }, () => {
  for (const example of examples.filter(({ runs }) => runs)) {
    const skip = example.language === 'python' && !python ? 'needs python3' : false;
    test(`${example.page}:${example.line} follows, also over a restart`, { skip }, async (t) => {
      const data = tempFolder();
      let daemon = await startDaemon({ data, args: ARGS });
      t.after(() => daemon.kill());
      const { host } = new URL(daemon.url);
      const topic = await createPostTopic(daemon, { payload: 'snapshot', name: 'prices' });
      await post(daemon, topic, { n: 'one', filler });
      const running = program(t, example, host);
      await running.sees('stdout', /one/);
      await post(daemon, topic, { n: 'two', filler });
      await running.sees('stdout', /two/);
      await daemon.kill();
      daemon = await startDaemon({ data, args: [...ARGS, '--listen', host] });
      await post(daemon, topic, { n: 'three', filler });
      await running.sees('stdout', /three/, 20_000);
      assert.equal(running.stdout.match(/\bone\b/g).length, 1, running.stdout);
      assert.equal(running.stderr, '');
    });
  }

  for (const { page, line, code } of examples.filter(({ runs, language }) => !runs && language === 'js')) {
    test(`${page}:${line} is well formed`, (t) => {
      const file = path.join(scratch(t), 'example.mjs');
      fs.writeFileSync(file, code);
      const run = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
    });
  }
});
