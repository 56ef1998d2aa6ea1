// What the documents tell to type works, shows what they say it shows, and what they name is there. Blocks by what stands
// behind their fence:
//
//   sh                 starts what the tests start themselves, with other ports: nothing else may stand there
//   sh run             must succeed; blocks of a page are run one after the other
//   sh follow [WORD]   has no end of its own: must show WORD ("snapshot")
//   sh look            only looks: is repeated until it shows what the next block says
//   text shows         what the block before it shows: these lines in this order, maybe with others between; "…" stands
//                      for anything in a line
//   json topic [FILE]  a topic that is valid, and the same as in FILE; `json feed` likewise a feed
//   json config        attributes of an http-poller's config that are valid
//   ANY file FILE      the same as FILE
//
// Addresses, the program, the server's data directory and files named /tmp/pollcast-… are put in their places.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { Running, program, root, run, serve } from './lib/program.js';
import { eventually } from './lib/topics.js';

const ORIGINS = [
  { file: 'prices/api.mjs', port: 9000 },
  { file: 'shapes/serve.mjs', port: 9100, args: ['100'] },
  { file: 'orders/serve.mjs', port: 9200 },
  { file: 'account/serve.mjs', port: 9300 },
  { file: 'stock/serve.mjs', port: 9400 },
  { file: 'tickets/serve.mjs', port: 9500 },
  { file: 'receiver/serve.mjs', port: 9600 },
];

function documents(dir = root) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) return /^(\.|build$|node_modules$|tests$)/.test(entry.name) ? [] : documents(file);
    return entry.name.endsWith('.md') ? [file] : [];
  });
}

const nameOf = (file) => path.relative(root, file);

// [{info, words, text, line}]: words are those of the info string.
function fences(file) {
  const text = fs.readFileSync(file, 'utf8');
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map((match) => ({
    info: match[1],
    words: match[1].split(' '),
    text: match[2],
    line: text.slice(0, match.index).split('\n').length,
  }));
}

// [{kind, word, text, line, shows}]: what is to be typed.
function blocks(file) {
  const all = fences(file);
  return all.filter(({ words }) => words[0] === 'sh' && words[1] && words[1] !== 'file').map((block) => {
    const next = all[all.indexOf(block) + 1];
    return { ...block, kind: block.words[1], word: block.words[2] ?? 'snapshot', shows: next?.info === 'text shows' ? next.text : undefined };
  });
}

function pattern(shows) {
  const literal = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const lines = shows.split('\n').filter((line) => line.trim() !== '');
  return new RegExp(lines.map((line) => `^${line.trimEnd().split('…').map(literal).join('.*')}$`).join('[^]*?'), 'm');
}

// ---- what is typed ----

// Those that a text speaks of; to the function that puts their addresses in.
async function startOrigins(t, text) {
  const wanted = ORIGINS.filter(({ file, port }) => text.includes(`127.0.0.1:${port}`) || text.includes(`examples/${path.dirname(file)}`));
  const started = await Promise.all(wanted.map(async ({ file, port, args = [] }) => {
    const running = new Running(t, process.execPath, [path.join(root, 'examples', file), '0', ...args]);
    const [host] = await running.sees('stdout', /127\.0\.0\.1:\d+/);
    return { port, host };
  }));
  return (given) => started.reduce((placed, { port, host }) => placed.replaceAll(`127.0.0.1:${port}`, host), given);
}

async function perform({ kind, word, text, line, shows }, place, options) {
  const { t, ...rest } = options;
  const where = `line ${line}:\n${text}`;
  const begin = () => new Running(t, 'bash', ['-euc', `exec 2>&1\n${place(text)}`], rest);
  const expected = shows === undefined ? undefined : pattern(place(shows));
  if (kind === 'run') {
    const shell = begin();
    assert.equal(await shell.end(), 0, `${where}${shell.stdout}`);
    if (expected) assert.match(shell.stdout, expected, where);
  } else if (kind === 'look') {
    let shell;
    await eventually(async () => {
      shell = begin();
      return await shell.end() === 0 && expected.test(shell.stdout);
    }, 'what the page shows', 10_000).catch((error) => assert.fail(`${where}${error.message}: ${shell.stdout}`));
  } else {
    const shell = begin();
    await shell.sees('stdout', expected ?? new RegExp(word)).catch((error) => assert.fail(`${where}${error.message}`));
    await shell.end('SIGTERM');
  }
}

test('the documents hold examples to run', () => {
  const kinds = documents().flatMap((file) => blocks(file).map((block) => block.kind));
  assert.deepEqual([...new Set(kinds)].sort(), ['follow', 'look', 'run']);
});

test('blocks that are looked at say what they show, and what is shown comes from a block', () => {
  const wrong = [];
  for (const file of documents()) {
    const all = fences(file);
    for (const [i, { info, words, line }] of all.entries()) {
      const typed = words[0] === 'sh' && words[1] !== 'file' && words[1];
      if (words[1] === 'look' && all[i + 1]?.info !== 'text shows') wrong.push(`${nameOf(file)}:${line}: nothing is shown`);
      if (info === 'text shows' && !(all[i - 1]?.words[0] === 'sh' && all[i - 1].words[1])) wrong.push(`${nameOf(file)}:${line}: of nothing`);
      if (typed && !['run', 'follow', 'look'].includes(typed)) wrong.push(`${nameOf(file)}:${line}: ${info}`);
    }
  }
  assert.deepEqual(wrong, []);
});

// Mostly they wait: several at a time, each with a server and APIs of its own.
describe('what the documents tell to type', { concurrency: 6 }, () => {
  for (const file of documents().filter((name) => blocks(name).length > 0)) {
    test(`${nameOf(file)} tells what works`, async (t) => {
      const server = await serve(t);
      const addresses = await startOrigins(t, fs.readFileSync(file, 'utf8'));
      const place = (text) => addresses(text)
        .replaceAll('127.0.0.1:8080', new URL(server.url).host)
        .replaceAll('/tmp/pollcast-', `${path.dirname(server.data)}/`)
        .replaceAll(/\/tmp\/pollcast(?![\w-])/g, server.data)
        .replaceAll(/(?<![\w/])build\/pollcast/g, program);
      // Files that name an address are given as they would be once edited.
      const edited = fs.mkdtempSync(path.join(path.dirname(server.data), 'edited-'));
      fs.cpSync(path.join(root, 'examples'), path.join(edited, 'examples'), { recursive: true });
      for (const name of fs.readdirSync(edited, { recursive: true }).map(String).filter((name) => name.endsWith('.json'))) {
        const at = path.join(edited, name);
        fs.writeFileSync(at, place(fs.readFileSync(at, 'utf8')));
      }
      // Where its output is no terminal, curl draws how far it is.
      fs.writeFileSync(path.join(edited, '.curlrc'), 'silent\nshow-error\n');
      const env = { POLLCAST_SERVER: server.url, CURL_HOME: edited };
      for (const block of blocks(file)) await perform(block, place, { t, cwd: edited, env });
    });
  }
});

test('what is to be started by hand is what the tests start, at the address that is told', () => {
  const started = ORIGINS.map(({ file, port }) => [`node examples/${file}`, `http://127.0.0.1:${port}`]);
  const known = [['build/pollcast serve --data /tmp/pollcast', 'http://127.0.0.1:8080'], ...started];
  const wrong = [];
  for (const file of documents()) {
    for (const { text, line } of fences(file).filter(({ info }) => info === 'sh')) {
      for (const typed of text.trimEnd().split('\n')) {
        const [, command, address] = /^(.*?)(?: +# (http:\/\/[^\s/]+)\S*)?$/.exec(typed);
        const found = known.find(([name]) => name === command);
        if (command !== 'make demo' && (!found || (address ?? found[1]) !== found[1])) wrong.push(`${nameOf(file)}:${line}: ${typed}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  for (const { file, port } of ORIGINS) {
    assert.match(fs.readFileSync(path.join(root, 'examples', file), 'utf8'), new RegExp(`process\\.argv\\[2\\] \\?\\? ${port}\\b`), file);
  }
});

// ---- what is written ----

async function check(topic) {
  const { status, stdout, stderr } = await run(['check', '-'], { input: topic });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

// In a page of the guide, all JSON but answers is one of these.
for (const file of documents().filter((name) => fences(name).some(({ words }) => words[0] === 'json'))) {
  test(`${nameOf(file)}: its topics are valid`, async () => {
    for (const { words: [language, kind, name], text, line } of fences(file)) {
      if (language !== 'json') continue;
      const where = `${nameOf(file)}:${line}`;
      if (kind === 'topic' || kind === 'feed') {
        assert.equal(await check(text), '', where);
        if (name) assert.equal(text, fs.readFileSync(path.join(root, name), 'utf8'), `${where}: not as in ${name}`);
      } else if (kind === 'config') {
        const config = { url: 'http://127.0.0.1:9000/', ...JSON.parse(text) };
        assert.equal(await check(JSON.stringify({ name: 'x', publisher: { type: 'http-poller', config } })), '', where);
      } else {
        assert.equal(kind, undefined, where);
        assert.ok(!nameOf(file).startsWith('docs/guide/'), `${where}: neither topic nor config`);
      }
    }
  });
}

test('programs that are shown are those that are there', () => {
  const shown = documents().flatMap((file) => fences(file).filter(({ words }) => words[1] === 'file').map((fence) => ({ file, ...fence })));
  assert.ok(shown.length > 0);
  for (const { file, words: [, , name], text, line } of shown) {
    assert.equal(text, fs.readFileSync(path.join(root, name), 'utf8'), `${nameOf(file)}:${line}: not as in ${name}`);
  }
});

// [{head, cells, line}] of all tables, a row each; head: the cells of the first one.
function rows(file) {
  let head;
  return fs.readFileSync(file, 'utf8').split('\n').flatMap((text, i) => {
    if (!text.startsWith('| ')) {
      if (!text.startsWith('|-')) head = undefined;
      return [];
    }
    const cells = text.slice(2).replace(/ \|$/, '').split(' | ');
    if (head) return [{ head, cells, line: i + 1 }];
    head = cells;
    return [];
  });
}

const guide = documents().filter((file) => nameOf(file).startsWith('docs/guide/'));

test('the guide says of attributes what docs/topics.md says', () => {
  const manual = new Map(rows(path.join(root, 'docs', 'topics.md')).map(({ cells }) => [cells[0], cells]));
  const told = guide.flatMap((file) => rows(file).filter(({ head }) => head[0] === 'attribute').map((row) => ({ file, ...row })));
  assert.ok(told.length > 0);
  for (const { file, cells, line } of told) {
    assert.deepEqual(cells.slice(0, 3), manual.get(cells[0])?.slice(0, 3), `${nameOf(file)}:${line}`);
  }
});

// Texts between the places where a value is put in, with C's escapes and the joints of literals gone.
function words(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).map((entry) => {
    const file = path.join(dir, entry.name);
    return entry.isDirectory() ? words(file) : fs.readFileSync(file, 'utf8').replaceAll(/"\s*"/g, '').replaceAll('\\"', '"');
  }).join('\n');
}

test('the messages that the guide tells of are those of the program', () => {
  const said = words(path.join(root, 'src'));
  const told = guide.flatMap((file) => rows(file).filter(({ head }) => head[0] === 'message').map((row) => ({ file, ...row })));
  assert.ok(told.length > 0);
  for (const { file, cells, line } of told) {
    const texts = [...cells[0].matchAll(/`([^`]+)`/g)].flatMap(([, text]) => text.split('…'));
    // Punctuation at the joints may come from where two messages are put together.
    const parts = texts.map((text) => text.replace(/^[\s:;,.()]+|[\s:;,.()]+$/g, '')).filter((text) => text !== '');
    assert.ok(parts.length > 0, `${nameOf(file)}:${line}: no message`);
    assert.deepEqual(parts.filter((text) => !said.includes(text)), [], `${nameOf(file)}:${line}`);
  }
});

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
      if (!fs.existsSync(to) || (part && !anchors(to).includes(part))) dead.push(`${nameOf(file)}: ${target}`);
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
  test(`${nameOf(file)} names sources that are there`, () => {
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
