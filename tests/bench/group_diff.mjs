// What a changed document costs: parsing it, comparing it with the one before, which is parsed already, and writing the
// patch. And how long patches are.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { tempFolder } from '../live/lib/daemon.js';
import { figuresOf, Missing } from './bench_rig.mjs';
import { anyPairs, pair } from './diff_documents.mjs';

export const title = 'Changed documents, parsed, compared and their patch written';

const run = promisify(execFile);
const here = path.dirname(new URL(import.meta.url).pathname);
const measuredMs = 200;
const anyCount = 1000;
const npmPeers = ['fast-json-patch', 'jsondiffpatch', 'jsondiffpatch-rfc6902'];

// undefined where cJSON is not there.
async function compileCjson(folder) {
  const at = path.join(here, '../../build/deps/bench');
  if (!fs.existsSync(path.join(at, 'lib/libcjson.a'))) return undefined;
  const file = path.join(folder, 'bench_cjson');
  await run(process.env.CC ?? 'cc', ['-std=gnu11', '-O2', `-I${at}/include`, path.join(here, 'bench_cjson.c'), `${at}/lib/libcjson.a`, '-lm', '-o', file]);
  return file;
}

export async function setup(ctx) {
  const folder = tempFolder();
  ctx.cleanup(() => fs.rmSync(folder, { recursive: true }));
  ctx.write = (name, text) => {
    const file = path.join(folder, name);
    if (!fs.existsSync(file)) fs.writeFileSync(file, text());
    return file;
  };
  ctx.cjson = ctx.peers ? await compileCjson(folder) : undefined;
}

const withMoves = 'pollcast, with moves';

// [file, first arguments] of who takes part.
function commandOf(ctx, who) {
  if (who === 'pollcast' || who === withMoves) return [ctx.tool('bench_json'), []];
  if (who !== 'cJSON') return [process.execPath, [path.join(here, 'peer_diff.mjs'), who]];
  if (!ctx.cjson) throw new Missing('cJSON is not there (tools/deps --bench)');
  return [ctx.cjson, []];
}

function measure(who, { kind, bytes, keyed }) {
  return async (ctx) => {
    const [file, args] = commandOf(ctx, who);
    const name = `${kind}-${bytes}-${keyed}`;
    const before = ctx.write(`${name}.before`, () => pair(kind, bytes, keyed).before);
    const after = ctx.write(`${name}.after`, () => pair(kind, bytes, keyed).after);
    const env = { ...process.env, ...(who === withMoves ? { BENCH_MOVES: '1' } : {}) };
    return figuresOf(file, [...args, 'measure', before, after, measuredMs], { env });
  };
}

async function patchesOf(ctx, who) {
  const [file, args] = commandOf(ctx, who);
  const pairs = ctx.write('pairs', () => `${[...anyPairs(anyCount)].flat().join('\n')}\n`);
  const { stdout } = await run(file, [...args, 'patches', pairs], { maxBuffer: 1 << 28 });
  const lengths = stdout.trimEnd().split('\n').map((line) => Buffer.byteLength(line));
  if (lengths.length !== anyCount) throw new Error(`${who} wrote ${lengths.length} patches`);
  return lengths;
}

// Bytes of all patches, and how many of them are shorter than ours.
function measureLengths(who) {
  return async (ctx) => {
    const lengths = await patchesOf(ctx, who);
    const ours = await patchesOf(ctx, 'pollcast');
    return { patchBytes: lengths.reduce((sum, n) => sum + n, 0), shorter: lengths.filter((n, i) => n < ours[i]).length };
  };
}

function contendersOf(measureOf, { ours = ['pollcast'], npm = npmPeers } = {}) {
  const peers = ['cJSON', ...npm].map((who) => [who, { peer: true, run: measureOf(who) }]);
  return Object.fromEntries([...ours.map((who) => [who, measureOf(who)]), ...peers]);
}

const faster = (of, times) => ({ figure: 'cpuUs', of, against: 'pollcast', atLeast: times });
const longer = (of) => ({ figure: 'patchBytes', of, against: 'pollcast', atLeast: 1 });
const promised = [faster('cJSON', 5), faster('fast-json-patch', 3.5), longer('cJSON'), longer('fast-json-patch')];

const KB = 1024;
const names = {
  fields: 'a fifth of the fields changed',
  head: 'one element inserted at the head',
  move: 'one element moved',
  reorder: 'another order',
  deletions: 'a tenth of the elements gone',
};

function row(kind, kb, { keyed = true, limits = [] } = {}) {
  const moves = kind === 'move' || kind === 'reorder';
  const contenders = contendersOf((who) => measure(who, { kind, bytes: kb * KB, keyed }), {
    ours: moves ? ['pollcast', withMoves] : ['pollcast'],
    // jsondiffpatch looks at every pair of elements: seconds for one document.
    npm: kb === KB && (moves || kind === 'deletions') ? ['fast-json-patch'] : npmPeers,
  });
  const size = kb === KB ? '1 MB' : `${kb} KB`;
  return { name: `${size}, ${names[kind]}${keyed ? '' : ', without keys'}`, unit: 'document', contenders, limits: [...promised, ...limits] };
}

export const rows = [
  row('fields', 50),
  row('fields', 50, { keyed: false }),
  row('head', 48, { limits: [{ figure: 'patchBytes', of: 'pollcast', atMost: 1000 }] }),
  row('head', 48, { keyed: false }),
  ...['move', 'reorder', 'deletions'].map((kind) => row(kind, 50)),
  ...Object.keys(names).flatMap((kind) => [1, 20, KB].map((kb) => row(kind, kb))),
  {
    name: `${anyCount} pairs of documents of all kinds`,
    rounds: 1,
    contenders: contendersOf(measureLengths, { npm: ['fast-json-patch', 'jsondiffpatch-rfc6902'] }),
    limits: ['cJSON', 'fast-json-patch'].map((of) => ({ figure: 'shorter', of, atMost: 0 })),
  },
];
