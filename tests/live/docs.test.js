// What the documents tell to type works, and what they name is there. Blocks marked ```sh run must succeed, one after the
// other; those marked ```sh follow have no end of their own and must show a snapshot, or the word that stands behind
// (```sh follow resume). Addresses and the program are put in their places.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Running, program, root, run, serve } from './lib/program.js';

function documents(dir = root) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) return /^(\.|build$|node_modules$|tests$)/.test(entry.name) ? [] : documents(file);
    return entry.name.endsWith('.md') ? [file] : [];
  });
}

// [{kind, word, text, line}]
function blocks(file) {
  const text = fs.readFileSync(file, 'utf8');
  return [...text.matchAll(/^```sh (\w+)(?: (\w+))?\n([^]*?)^```$/gm)].map((match) => ({
    kind: match[1],
    word: match[2] ?? 'snapshot',
    text: match[3],
    line: text.slice(0, match.index).split('\n').length,
  }));
}

async function api(t, file, args) {
  const running = new Running(t, process.execPath, [path.join(root, 'examples', file), ...args]);
  const [host] = await running.sees('stdout', /127\.0\.0\.1:\d+/);
  return host;
}

test('the documents hold examples to run', () => {
  const kinds = documents().flatMap((file) => blocks(file).map((block) => block.kind));
  assert.deepEqual([...new Set(kinds)].sort(), ['follow', 'run']);
});

for (const file of documents().filter((name) => blocks(name).length > 0)) {
  test(`${path.relative(root, file)} tells what works`, async (t) => {
    const server = await serve(t);
    const prices = await api(t, 'prices/api.mjs', ['0']);
    const shapes = await api(t, 'shapes/serve.mjs', ['0', '100']);
    const place = (text) => text
      .replaceAll('127.0.0.1:8080', new URL(server.url).host)
      .replaceAll('127.0.0.1:9000', prices)
      .replaceAll('127.0.0.1:9100', shapes)
      .replaceAll(/^build\/pollcast/gm, program);
    // Files that name an address are given as they would be once edited.
    const edited = fs.mkdtempSync(path.join(path.dirname(server.data), 'edited-'));
    fs.cpSync(path.join(root, 'examples'), path.join(edited, 'examples'), { recursive: true });
    for (const name of fs.readdirSync(edited, { recursive: true }).map(String).filter((name) => name.endsWith('.json'))) {
      const at = path.join(edited, name);
      fs.writeFileSync(at, place(fs.readFileSync(at, 'utf8')));
    }
    for (const { kind, word, text, line } of blocks(file)) {
      const where = `line ${line}:\n${text}`;
      const shell = new Running(t, 'bash', ['-euc', `exec 2>&1\n${place(text)}`], { cwd: edited, env: { POLLCAST_SERVER: server.url } });
      if (kind === 'run') {
        assert.equal(await shell.end(), 0, `${where}${shell.stdout}`);
      } else {
        await shell.sees('stdout', new RegExp(word)).catch((error) => assert.fail(`${where}${error.message}`));
        await shell.end('SIGTERM');
      }
    }
  });
}

// ---- links ----

// As the web pages of forges make them.
const anchor = (heading) => heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-');

function anchors(file) {
  return [...fs.readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1]));
}

test('links between the documents lead somewhere', () => {
  const dead = [];
  for (const file of documents()) {
    for (const [, target] of fs.readFileSync(file, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(target)) continue;
      const [name, part] = target.split('#');
      const to = name ? path.join(path.dirname(file), name) : file;
      if (!fs.existsSync(to) || (part && !anchors(to).includes(part))) dead.push(`${path.relative(root, file)}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

// ---- the tour ----

const src = path.join(root, 'src');
const folders = fs.readdirSync(src).filter((name) => fs.statSync(path.join(src, name)).isDirectory());
const sources = folders.flatMap((folder) => fs.readdirSync(path.join(src, folder)).map((name) => `${folder}/${name}`));

// Names such as `core/hub`, `core/hub.h`, `store/store_sqlite*`.
function named(file) {
  const form = new RegExp(`^(${folders.join('|')})/[\\w.]+\\*?$`);
  return [...fs.readFileSync(file, 'utf8').matchAll(/`([^`\n]+)`/g)].map((match) => match[1]).filter((name) => form.test(name));
}

function fits(name, source) {
  if (name.endsWith('*')) return source.startsWith(name.slice(0, -1));
  return source === name || source.replace(/\.[ch]$/, '') === name;
}

for (const file of documents().filter((name) => named(name).length > 0)) {
  test(`${path.relative(root, file)} names sources that are there`, () => {
    assert.deepEqual(named(file).filter((name) => !sources.some((source) => fits(name, source))), []);
  });
}

test('ARCHITECTURE.md leads past every source, and names what is there', () => {
  const file = path.join(root, 'ARCHITECTURE.md');
  const names = named(file);
  assert.deepEqual(sources.filter((source) => source.endsWith('.c') && !names.some((name) => fits(name, source))), []);
  const others = [...fs.readFileSync(file, 'utf8').matchAll(/`((?:tests|docs|examples)\/[^`\n]*)`/g)].map((match) => match[1]);
  assert.ok(others.length > 0);
  assert.deepEqual(others.filter((name) => !fs.existsSync(path.join(root, name))), []);
});

// ---- the commands ----

test('docs/cli.md has every command and every option', async () => {
  const overview = await run(['--help']);
  const commands = [...overview.stdout.matchAll(/^ {2}(\w+) +[A-Z]/gm)].map((match) => match[1]).filter((name) => name !== 'help');
  const manual = fs.readFileSync(path.join(root, 'docs', 'cli.md'), 'utf8').split(/^## /m);
  assert.ok(commands.length > 0);
  for (const command of commands) {
    const section = manual.find((text) => text.startsWith(`pollcast ${command}\n`));
    assert.ok(section, `there is no section "pollcast ${command}"`);
    const help = (await run([command, '--help'])).stdout;
    // The options of the server are its settings: docs/settings.md.
    const options = command === 'serve' ? ['--config', '--print-config']
      : [...help.matchAll(/^ {2}(--?[\w-]+)/gm)].map((match) => match[1]);
    assert.deepEqual(options.filter((option) => !section.includes(`- \`${option}`)), [], command);
  }
});
