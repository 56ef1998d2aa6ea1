// What the benchmarks make of their figures: medians, ratios, verdicts, tables. Nothing is measured here, and no peer is
// needed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { faultsOfRow, judge, median, ratioOf, summarize } from '../bench/bench_figures.mjs';
import { BEGIN, END, markdown, placed, show, table } from '../bench/bench_tables.mjs';
import { tempFolder } from './lib/daemon.js';
import { root } from './lib/program.js';

const bench = path.join(root, 'tests/bench');

// Rounds of one figure.
const rounds = (...values) => values.map((cpuUs) => ({ cpuUs }));
const nothing = async () => ({});
const rowOf = (limits, more = {}) => ({ name: 'a row', contenders: { bare: nothing, pollcast: nothing, peer: { peer: true, run: nothing } }, limits, ...more });

test('a median is the middle of an odd number and between those of an even one, in any order', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 2, 4]), 3);
  assert.equal(median([7]), 7);
  const given = [3, 1, 2];
  median(given);
  assert.deepEqual(given, [3, 1, 2]);
});

test('a ratio is the median of those of single rounds, not the ratio of medians', () => {
  // Medians are 30 and 20; the third round was slow for both.
  assert.equal(ratioOf(rounds(10, 30, 300), rounds(10, 20, 200), 'cpuUs'), 1.5);
  assert.equal(ratioOf(rounds(10, 30, 40), rounds(20, 10, 20), 'cpuUs'), 2);
});

test('limits hold up to their bound and fail behind it, of a figure or of a ratio', () => {
  const measured = { bare: rounds(10, 20), pollcast: rounds(12, 26) };
  const verdict = (limit) => judge({ figure: 'cpuUs', of: 'pollcast', ...limit }, measured).verdict;
  assert.equal(verdict({ atMost: 19 }), 'holds');
  assert.equal(verdict({ atMost: 18.9 }), 'FAILS');
  assert.equal(verdict({ atLeast: 19 }), 'holds');
  assert.equal(verdict({ atLeast: 19.1 }), 'FAILS');
  assert.equal(verdict({ against: 'bare', atMost: 1.25 }), 'holds');
  assert.equal(verdict({ against: 'bare', atMost: 1.24 }), 'FAILS');
  assert.equal(judge({ figure: 'cpuUs', of: 'pollcast', against: 'bare', atMost: 2 }, measured).value, 1.25);
});

test('a limit of a figure that nobody has is an error, one of a contender that was left out is not judged', () => {
  const measured = { bare: rounds(1), pollcast: [{ cpuUs: 1 }, {}] };
  assert.throws(() => judge({ figure: 'cpuMs', of: 'bare', atMost: 1 }, measured), /cpuMs.*bare has no such figure/);
  assert.throws(() => judge({ figure: 'cpuUs', of: 'pollcast', atMost: 1 }, measured), /pollcast has no such figure/);
  const left = judge({ figure: 'cpuUs', of: 'peer', against: 'bare', atLeast: 3 }, measured);
  assert.deepEqual([left.value, left.verdict], [null, 'not measured']);
});

test('faults of a row are found before anything is run', () => {
  const faults = (limit) => faultsOfRow(rowOf([limit])).join();
  assert.deepEqual(faultsOfRow(rowOf([{ figure: 'cpuUs', of: 'pollcast', against: 'bare', atMost: 1 }])), []);
  assert.match(faults({ figure: 'cpuUs', of: 'polcast', atMost: 1 }), /'polcast', which is not there/);
  assert.match(faults({ figure: 'cpuUs', of: 'pollcast', against: 'nobody', atMost: 1 }), /'nobody', which is not there/);
  assert.match(faults({ figure: 'cpuUs', of: 'pollcast' }), /one of atMost and atLeast/);
  assert.match(faults({ figure: 'cpuUs', of: 'pollcast', atMost: 1, atLeast: 0 }), /one of atMost and atLeast/);
  assert.match(faults({ figure: 'cpuUs', of: 'pollcast', atMost: '1' }), /a number/);
  assert.match(faults({ of: 'pollcast', atMost: 1 }), /needs a figure/);
  assert.match(faultsOfRow({ name: 'x', contenders: {} }).join(), /contenders/);
});

test('the first contender that was measured is the reference, and figures of single rounds are kept', () => {
  const row = rowOf([]);
  const all = summarize(row, { bare: rounds(10, 20), pollcast: rounds(20, 20) });
  assert.deepEqual(all.contenders.pollcast, { figures: { cpuUs: 20 }, ratios: { cpuUs: 1.5 }, rounds: rounds(20, 20) });
  assert.deepEqual(all.contenders.bare.ratios, {});
  const without = summarize(row, { pollcast: rounds(20), peer: [{ cpuUs: 40, only: 1 }] });
  assert.deepEqual(without.contenders.peer.ratios, { cpuUs: 2 });
});

test('figures are shown with three digits, zero and whole numbers as they are', () => {
  assert.deepEqual([1234.5, 123.4, 12.345, 1.2345, 0.012345, 0, 7, NaN].map(show), ['1235', '123', '12.3', '1.23', '0.0123', '0', '7', '-']);
});

test('tables show ratios beside figures, verdicts beneath, and are not wider than 140 columns', () => {
  const wide = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`aFigure${i}`, i + 1]));
  const measured = { bare: [{ cpuUs: 10, ...wide }], pollcast: [{ cpuUs: 15, ...wide }] };
  const row = rowOf([{ figure: 'cpuUs', of: 'pollcast', against: 'bare', atMost: 1.25 }], { unit: 'poll' });
  const lines = table(row, summarize(row, measured));
  assert.equal(lines[0], 'a row, per poll');
  assert.ok(lines.every((line) => line.length <= 140), lines.join('\n'));
  const text = lines.join('\n');
  assert.match(text, /pollcast +15 \(1\.50\)/);
  assert.match(text, /cpuUs of pollcast over bare at most 1\.25: 1\.50 FAILS/);
  for (const figure of Object.keys(wide)) assert.match(text, new RegExp(`\\b${figure}\\b`));
});

test('a page has its figures in the place that is marked', () => {
  const row = rowOf([{ figure: 'pssKib', of: 'pollcast', atMost: 4096 }]);
  const measured = { bare: [{ pssKib: 1024 }], pollcast: [{ pssKib: 2048 }] };
  const results = { groups: { one: { title: 'A group', rounds: 3, rows: [{ ...row, ...summarize(row, measured) }] } } };
  const page = placed(`before\n${BEGIN}\nstale\n${END}\nafter\n`, markdown(results));
  assert.match(page, /^before\n<!--[^]*### A group\n\nGroup `one`, medians of 3 rounds\.[^]*-->\nafter\n$/);
  assert.doesNotMatch(page, /stale/);
  assert.match(page, /^\| {2}\| pollcast \| 2048 \(2\) \|$/m);
  assert.match(page, /^\| a row \| memory, KiB: pollcast at most 4096 \| 2048 \| holds \|$/m);
  assert.equal(placed(page, markdown(results)), page);
  assert.throws(() => placed('a page', 'text'), /no place/);
});

// ---- the program ----

const LIMIT = { figure: 'cpuUs', of: 'pollcast', against: 'bare' };

// A folder with a group of its own and what is taken for a build: {status, out, err, json}.
function runGroup(body, ...args) {
  const folder = tempFolder();
  return runGroupIn(folder, 'tiny', body, ...args);
}

function runGroupIn(folder, name, body, ...args) {
  fs.mkdirSync(path.join(folder, 'src'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'src/pollcast'), '#!/bin/sh\necho pollcast 9.8.7\n', { mode: 0o755 });
  const lines = [
    `import { Missing } from ${JSON.stringify(`file://${path.join(bench, 'bench_figures.mjs')}`)};`,
    "export const title = 'Tiny';",
    'const [bare, pollcast] = [async () => ({ cpuUs: 10 }), async () => ({ cpuUs: 15 })];',
    "const peer = { peer: true, run: async () => { throw new Missing('it is not there'); } };",
    body,
  ];
  fs.writeFileSync(path.join(folder, `group_${name}.mjs`), lines.join('\n'));
  const json = path.join(folder, 'out.json');
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(bench, 'run.mjs'), folder, '--groups', folder, '--json', json, ...args], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr, json: fs.existsSync(json) ? JSON.parse(fs.readFileSync(json, 'utf8')) : undefined };
}

const tiny = (limit) => `export const rows = [{ name: 'a row', contenders: { bare, pollcast, peer }, limits: [${JSON.stringify({ ...LIMIT, ...limit })}] }];`;

test('a run ends well when limits hold, tells how far it is, and leaves out a peer that is not there', () => {
  const { status, out, err, json } = runGroup(tiny({ atMost: 1.5 }), '--peers', '--rounds', '2');
  assert.equal(status, 0, err);
  assert.match(out, /peer is left out: it is not there/);
  assert.match(out, /\nlimits: 1 hold, 0 FAIL; rows: 1, .*\n$/);
  assert.match(err, /tiny 1\/1: a row, round 2 of 2/);
  assert.ok(json.machine.cpus > 0 && json.machine.kernel);
  assert.ok(json.groups.tiny.pollcast === 'pollcast 9.8.7' && Date.parse(json.groups.tiny.date));
  assert.deepEqual(json.groups.tiny.rows[0].contenders.pollcast.rounds, [{ cpuUs: 15 }, { cpuUs: 15 }]);
});

test('a group that is measured again replaces itself in the file and no other', () => {
  const folder = tempFolder();
  runGroupIn(folder, 'one', tiny({ atMost: 1.5 }), '--rounds', '1');
  const { json } = runGroupIn(folder, 'two', tiny({ atMost: 1.5 }), '--rounds', '2', 'two');
  assert.deepEqual(Object.entries(json.groups).map(([name, { rounds: count }]) => [name, count]), [['one', 1], ['two', 2]]);
});

test('a limit that fails, and a figure that is not there, end with 1', () => {
  const fails = runGroup(tiny({ atMost: 1.4 }), '--rounds', '1');
  assert.equal(fails.status, 1);
  assert.match(fails.out, /\ntiny, a row: cpuUs of pollcast over bare at most 1\.4, is 1\.50\nlimits: 0 hold, 1 FAIL;/);
  const unknown = runGroup(tiny({ figure: 'cpuMs', atMost: 1 }), '--rounds', '1');
  assert.equal(unknown.status, 1);
  assert.match(unknown.out, /has no such figure[^]*\nlimits: 0 hold, 0 FAIL, 1 of what was asked could not be measured;/);
});

test('a group that cannot begin is told, and ends with 1', () => {
  const { status, out } = runGroup(`${tiny({ atMost: 2 })}\nexport function setup() { throw new Error('no setup today'); }`);
  assert.equal(status, 1);
  assert.match(out, /no setup today[^]*1 of what was asked could not be measured/);
});

test('who calls it wrongly is told how it is called', () => {
  for (const args of [['--bogus'], [bench]]) {
    const { status, stderr } = spawnSync(process.execPath, [path.join(bench, 'run.mjs'), ...args], { encoding: 'utf8' });
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /usage: run\.mjs/);
  }
  const { status, err } = runGroup(tiny({ atMost: 2 }), 'other');
  assert.equal(status, 2);
  assert.match(err, /there is no group 'other'; there are: tiny/);
});

// ---- the groups that there are ----

test('groups have no faults, and the page speaks of all of them and of no others', async () => {
  const names = fs.readdirSync(bench).map((file) => /^group_(\w+)\.mjs$/.exec(file)?.[1]).filter(Boolean);
  assert.ok(names.length > 0);
  const page = fs.readFileSync(path.join(root, 'docs/performance.md'), 'utf8');
  const titles = [];
  for (const name of names) {
    const { title, rows } = await import(path.join(bench, `group_${name}.mjs`));
    titles.push(title);
    assert.deepEqual(rows.flatMap(faultsOfRow), [], name);
    assert.ok(page.includes(`\`${name}\``), `docs/performance.md does not speak of the group ${name}`);
  }
  const chapters = [...page.slice(page.indexOf(BEGIN)).matchAll(/^### (.*)$/gm)].map(([, title]) => title);
  assert.deepEqual(chapters.filter((title) => !titles.includes(title)), []);
});
