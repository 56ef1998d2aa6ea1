// The npm packages in group_diff.mjs, each in a process of its own, warmed up.
//
//   node peer_diff.mjs PACKAGE measure BEFORE AFTER MS     as json_rig.c
//   node peer_diff.mjs PACKAGE patches PAIRS
//
// PACKAGE: fast-json-patch; jsondiffpatch, whose own format is no JSON Patch; or jsondiffpatch-rfc6902, the same
// with its formatter of JSON Patch. jsondiffpatch is told what identifies elements, and to leave out what was removed.
import fs from 'node:fs';

async function fastJsonPatch() {
  const { default: { compare } } = await import('fast-json-patch');
  return compare;
}

async function jsonDiffPatch(format) {
  const { create } = await import('jsondiffpatch');
  const options = { objectHash: (element) => element?.id, omitRemovedValues: !format };
  const patcher = create(options);
  return format ? (before, after) => format(patcher.diff(before, after)) : (before, after) => patcher.diff(before, after) ?? {};
}

const differs = {
  'fast-json-patch': fastJsonPatch,
  jsondiffpatch: () => jsonDiffPatch(),
  'jsondiffpatch-rfc6902': async () => {
    const { format } = await import('jsondiffpatch/formatters/jsonpatch');
    return jsonDiffPatch((delta) => (delta ? format(delta) : []));
  },
};

// CPU time of all threads: collecting garbage is part of it.
function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

// Of one call. Warm is what ran for a while, often enough to have been compiled (what takes long is, by its loops).
function costUs(work, ms) {
  const begin = performance.now();
  let count = 0;
  do {
    work();
    count++;
  } while (performance.now() - begin < ms || (count < 100 && performance.now() - begin < 5 * ms));
  const times = Math.ceil((ms * count) / (performance.now() - begin));
  const start = cpuUs();
  for (let i = 0; i < times; i++) work();
  return (cpuUs() - start) / times;
}

function measure(diff, beforePath, afterPath, ms) {
  const before = JSON.parse(fs.readFileSync(beforePath, 'utf8'));
  const text = fs.readFileSync(afterPath, 'utf8');
  const after = JSON.parse(text);
  let kept; // so that nothing is left out as unused
  const all = costUs(() => { kept = JSON.stringify(diff(before, JSON.parse(text))); }, ms);
  const patchBytes = Buffer.byteLength(kept);
  const parse = costUs(() => { kept = JSON.parse(text); }, ms / 3);
  const compared = costUs(() => { kept = JSON.stringify(diff(before, after)); }, ms / 3);
  return { cpuUs: all, parseUs: parse, diffUs: compared, mbPerS: Buffer.byteLength(text) / all, patchBytes };
}

function patches(diff, pairs) {
  const lines = fs.readFileSync(pairs, 'utf8').trimEnd().split('\n');
  const out = [];
  for (let i = 0; i < lines.length; i += 2) out.push(JSON.stringify(diff(JSON.parse(lines[i]), JSON.parse(lines[i + 1]))));
  return out;
}

const [name, what, ...args] = process.argv.slice(2);
const diff = await differs[name]();
if (what === 'measure') console.log(JSON.stringify(measure(diff, args[0], args[1], Number(args[2]))));
else process.stdout.write(`${patches(diff, args[0]).join('\n')}\n`);
