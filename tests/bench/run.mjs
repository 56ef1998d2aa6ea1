#!/usr/bin/env node
// The benchmarks: runs groups (group_*.mjs), prints a table of each and writes all figures of all rounds as JSON.
// How it is called: USAGE, below.
//
// A group is a module:
//
//   export const title = 'Polls, unchanged and changed';
//   export async function setup(ctx) {}      // optional; what it puts on ctx, contenders find there
//   export async function teardown(ctx) {}   // optional
//   export const rows = [{
//     name, unit,                            // unit: what costs are per
//     rounds,                                // optional: at most so many
//     contenders: {                          // the first is the reference of ratios
//       'libcurl loop': async (ctx) => ({ cpuUs, p50Ms, p99Ms, maxMs, pssKib, ... }),   // any figures; larger is not better
//       pollcast: async (ctx) => ({ ... }),
//       prometheus: { peer: true, run: async (ctx) => ({ ... }) },                      // only with --peers
//     },
//     limits: [{ figure: 'cpuUs', of: 'pollcast', against: 'libcurl loop', atMost: 1.25 }],   // against is optional; or atLeast
//   }];
//
// ctx: {build, program, peers, tool(name): path of a program of this folder, cleanup(fn)}. What cleanup is given is
// done, last first, when the contender's run is over; of setup's, when the group is. A peer that throws Missing (of
// bench_rig.mjs), or whose module is not found, is left out.
//
// For each row, in each round, each contender runs once, there and back in turns. Figures are medians; a ratio is the median
// of the ratios of single rounds. A row whose unit of work differs between contenders is no row.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { faultsOfRow, Missing, summarize } from './bench_figures.mjs';
import { markdown, placed, table } from './bench_tables.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);

const USAGE = `usage: run.mjs BUILD_DIR [--peers] [--rounds N] [--rows TEXT] [--json FILE] [--groups FOLDER] [GROUP ...]
       run.mjs --markdown FILE [PAGE]

  GROUP             only these; without any, all
  --peers           other programs too, where they are installed (tools/deps --bench)
  --rounds N        so many of each row; 3
  --rows TEXT       only rows whose name contains TEXT; then figures are written only with --json
  --json FILE       where all figures go; build/bench.json. Other groups in it stay as they are
  --groups FOLDER   where groups are; the folder of this program
  --markdown FILE   measures nothing: prints the figures of FILE, or puts them in PAGE, in their place

Ends with 1 when a limit does not hold or something could not be measured, with 2 when it is called wrongly.`;

class Wrong extends Error {}

function readArguments(args) {
  const string = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  try {
    const { values, positionals: [build, ...groups] } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: flag, peers: flag, rounds: { ...string, default: '3' }, rows: { ...string, default: '' }, json: string,
        groups: { ...string, default: here }, markdown: string,
      },
    });
    return { ...values, build, wanted: groups, folder: path.resolve(values.groups), rounds: Number(values.rounds) };
  } catch (error) {
    throw new Wrong(error.message);
  }
}

function groupNames({ folder, wanted }) {
  const all = fs.readdirSync(folder).map((file) => /^group_(\w+)\.mjs$/.exec(file)?.[1]).filter(Boolean).sort();
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length) throw new Wrong(`there is no group '${unknown[0]}'; there are: ${all.join(', ')}`);
  return wanted.length ? wanted : all;
}

// ---- what is seen while it runs ----

const terminal = process.stderr.isTTY;

// How far it is, on standard error: on a terminal one line that is written over, elsewhere a line per round.
function tell(where, contender) {
  if (terminal) process.stderr.write(`\r\x1b[K${`${where}, ${contender}`.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  else if (tell.last !== where) process.stderr.write(`${where}\n`);
  tell.last = where;
}

function print(text) {
  if (terminal) process.stderr.write('\r\x1b[K');
  console.log(text);
}

// ---- measuring ----

// Runs what is asked with a ctx of its own, and cleans up after it whatever comes.
async function withContext(base, work) {
  const undo = [];
  const ctx = Object.assign(Object.create(base), { cleanup: (fn) => undo.push(fn) });
  try {
    return await work(ctx);
  } finally {
    while (undo.length) await undo.pop()();
  }
}

const isMissing = (error) => error instanceof Missing || error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';

// {measured: {name: rounds}, notes: [text]}
async function measureRow(ctx, row, rounds, where) {
  const left = new Map();
  for (const [name, it] of Object.entries(row.contenders)) {
    const { peer = false, run } = typeof it === 'function' ? { run: it } : it;
    if (!peer || ctx.peers) left.set(name, { peer, run });
  }
  const measured = {};
  const notes = [];
  const most = Math.min(rounds, row.rounds ?? rounds);
  for (let round = 0; round < most; round++) {
    // There and back: who begins changes, and a contender stays next to the reference it is compared with.
    for (const name of round % 2 ? [...left.keys()].reverse() : [...left.keys()]) {
      tell(`${where}: ${row.name}, round ${round + 1} of ${most}`, name);
      try {
        (measured[name] ??= []).push(await withContext(ctx, left.get(name).run));
      } catch (error) {
        if (!left.get(name).peer || !isMissing(error)) throw error;
        notes.push(`${name} is left out: ${error.message.split('\n')[0]}`);
        left.delete(name);
        delete measured[name];
      }
    }
  }
  return { measured, notes };
}

async function runRow(ctx, row, rounds, where) {
  const out = { name: row.name, unit: row.unit };
  try {
    const { measured, notes } = await measureRow(ctx, row, rounds, where);
    Object.assign(out, { notes }, summarize(row, measured));
    print([...table(row, out), ...notes.map((note) => `  ${note}`), ''].join('\n'));
  } catch (error) {
    out.error = String(error.stack ?? error);
    print(`${row.name}\n  could not be measured: ${out.error}\n`);
  }
  return out;
}

async function runGroup(base, name, { folder, rows, rounds }) {
  const group = await import(pathToFileURL(path.join(folder, `group_${name}.mjs`)));
  const faults = group.rows.flatMap(faultsOfRow);
  if (faults.length) throw new Error(faults.join('; '));
  const chosen = group.rows.filter((row) => row.name.includes(rows));
  const out = { title: group.title, rows: [] };
  if (!chosen.length) return out;
  print(`== ${group.title}\n`);
  return withContext(base, async (ctx) => {
    await group.setup?.(ctx);
    try {
      for (const [i, row] of chosen.entries()) out.rows.push(await runRow(ctx, row, rounds, `${name} ${i + 1}/${chosen.length}`));
    } finally {
      await group.teardown?.(ctx);
    }
    return out;
  });
}

const machine = {
  cpu: os.cpus()[0]?.model, cpus: os.cpus().length, memoryMib: Math.round(os.totalmem() / 1048576), kernel: os.release(), node: process.version,
};

// ---- the file ----

// What was measured before on this machine, by name of the group.
function readGroups(file) {
  if (!file || !fs.existsSync(file)) return {};
  const old = JSON.parse(fs.readFileSync(file, 'utf8'));
  return JSON.stringify(old.machine) === JSON.stringify(machine) ? old.groups : {};
}

// ---- the end ----

// The last line says it all. True when everything is as it should be.
function conclude(groups, file, minutes) {
  const broken = Object.entries(groups).filter(([, { error }]) => error).map(([name]) => `${name}: could not be measured`);
  const rows = Object.entries(groups).flatMap(([name, { rows: list }]) => list.map((row) => ({ ...row, group: name })));
  broken.push(...rows.filter((row) => row.error).map((row) => `${row.group}, ${row.name}: could not be measured`));
  const limits = rows.flatMap((row) => (row.limits ?? []).map((limit) => ({ ...limit, where: `${row.group}, ${row.name}` })));
  const judged = limits.filter(({ verdict }) => verdict !== 'not measured');
  const failed = judged.filter(({ verdict }) => verdict === 'FAILS');
  for (const text of [...failed.map(({ where, text, value }) => `${where}: ${text}, is ${value.toFixed(2)}`), ...broken]) print(text);
  const verdicts = [
    `${judged.length - failed.length} hold`, `${failed.length} FAIL`,
    limits.length > judged.length ? `${limits.length - judged.length} need peers that were not measured` : '',
    broken.length ? `${broken.length} of what was asked could not be measured` : '',
  ];
  const at = file ? `; figures: ${path.relative('.', file).startsWith('..') ? file : path.relative('.', file)}` : '';
  print(`limits: ${verdicts.filter(Boolean).join(', ')}; rows: ${rows.length}, in ${minutes.toFixed(1)} minutes${at}`);
  return !failed.length && !broken.length;
}

async function measure(options) {
  const program = path.join(options.build, 'src/pollcast');
  if (!fs.existsSync(program)) throw new Wrong(`there is no ${program}`);
  process.env.POLLCAST = program; // what tests/live/lib/daemon.js starts
  const ctx = { build: options.build, program, peers: options.peers, tool: (name) => path.join(options.build, 'tests/bench', name) };
  const file = options.json ?? (options.rows ? undefined : path.join(here, '../../build/bench.json'));
  const began = performance.now();
  const all = readGroups(file);
  const run = {};
  const pollcast = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  for (const name of groupNames(options)) {
    const facts = { pollcast, date: new Date().toISOString(), peers: options.peers, rounds: options.rounds };
    try {
      run[name] = { ...facts, ...await runGroup(ctx, name, options) };
    } catch (error) {
      run[name] = { ...facts, title: name, rows: [], error: String(error.stack ?? error) };
      print(`${name}: could not be measured: ${run[name].error}\n`);
    }
    if (file) fs.writeFileSync(file, `${JSON.stringify({ machine, groups: { ...all, ...run } }, null, 1)}\n`);
  }
  return conclude(run, file, (performance.now() - began) / 60_000);
}

function show({ markdown: file, build: page }) {
  const text = markdown(JSON.parse(fs.readFileSync(file, 'utf8')));
  if (page) fs.writeFileSync(page, placed(fs.readFileSync(page, 'utf8'), text));
  else print(text);
}

async function main(args) {
  const options = readArguments(args);
  if (options.help || options.markdown) {
    if (options.help) print(USAGE);
    else show(options);
    return 0;
  }
  if (!options.build) throw new Wrong('which build?');
  if (!(Number.isInteger(options.rounds) && options.rounds >= 1)) throw new Wrong('--rounds: a number from 1 on');
  options.build = path.resolve(options.build);
  return (await measure(options)) ? 0 : 1;
}

// What was started ends when this process does, by its own wish.
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(status));

main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof Wrong)) throw error;
  console.error(`run.mjs: ${error.message}\n\n${USAGE}`);
  return 2;
}).then((status) => process.exit(status));
