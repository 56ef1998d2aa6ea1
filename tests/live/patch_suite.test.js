// The public JSON Patch test suite through `pollcast patch`, and its documents through
// `pollcast diff`, whose patches another implementation applies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import jsonpatch from 'fast-json-patch';

import { program as pollcast } from './lib/program.js';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'pollcast-patch-'));
after(() => rmSync(folder, { recursive: true }));

function file(name, value) {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

function run(...args) {
  const { status, stdout, stderr, error } = spawnSync(pollcast, args, { encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.ok([0, 1, 2].includes(status), `ended with ${status}: ${stderr}`);
  return { status, stdout, stderr };
}

const suites = ['tests.json', 'spec_tests.json'].map((name) => ({
  name,
  records: require(`json-patch-test-suite/${name}`).filter((r) => !r.disabled && r.doc !== undefined && r.patch),
}));
const title = (record, i) => `${i}: ${record.comment ?? record.error ?? JSON.stringify(record.patch)}`;

for (const { name, records } of suites) {
  describe(`patch, ${name}`, () => {
    assert.ok(records.length > 10);
    records.forEach((record, i) => test(title(record, i), () => {
      const result = run('patch', file('doc.json', record.doc), file('patch.json', record.patch));
      if (record.error !== undefined) {
        assert.notEqual(result.status, 0, `applied, giving ${result.stdout}`);
        assert.match(result.stderr, /patch\.json: (operation \d+ |a JSON Patch must be)/);
      } else {
        assert.equal(result.status, 0, result.stderr);
        if (record.expected !== undefined) assert.deepEqual(JSON.parse(result.stdout), record.expected);
      }
    }));
  });
}

// Each record is a pair of documents; others come from neighbours, which have little in common.
const documents = suites.flatMap(({ records }) => records.flatMap((r) => (r.expected === undefined ? [r.doc] : [r.doc, r.expected])));
describe('diff, applied by fast-json-patch', () => {
  documents.slice(1).forEach((to, i) => test(`documents ${i} and ${i + 1}`, () => {
    const from = documents[i];
    const { status, stdout, stderr } = run('diff', file('from.json', from), file('to.json', to));
    assert.equal(stderr, '');
    const patch = JSON.parse(stdout);
    assert.equal(status, patch.length ? 1 : 0);
    const result = jsonpatch.applyPatch(structuredClone(from), patch, true).newDocument;
    assert.deepEqual(result, to);
  }));
});

test('diff and patch read standard input', () => {
  const path = file('in.json', { a: [1] });
  const diff = spawnSync(pollcast, ['diff', path, '-'], { input: '{"a":[1,2.50]}', encoding: 'utf8' });
  assert.equal(diff.status, 1);
  const patched = spawnSync(pollcast, ['patch', path, '-'], { input: diff.stdout, encoding: 'utf8' });
  assert.equal(patched.stdout, '{"a":[1,2.50]}\n');
});

test('faults name the file, the line and the column', () => {
  const path = join(folder, 'bad.json');
  writeFileSync(path, '{\n  "a": 1,\n}');
  const { status, stderr } = run('diff', path, path);
  assert.equal(status, 2);
  assert.match(stderr, /bad\.json:2:9: trailing comma is not allowed; \S/);
  assert.equal(run('diff', path).status, 2);
  assert.match(run('diff', join(folder, 'none.json'), path).stderr, /none\.json: No such file/);
});
