// The commands, as a person or a script meets them: what they print, and how they end.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { run, scratch, serve, start } from './lib/program.js';

const topic = (name, url, config = {}) =>
  ({ name, publisher: { type: 'http-poller', config: { url, ...config } } });

function write(dir, name, value) {
  const file = path.join(dir, name);
  fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  return file;
}

// An origin whose nth answer (from 1) is answer(n, request) → [status, document].
function origin(t, answer) {
  return new Promise((resolve) => {
    let count = 0;
    const server = http.createServer((request, response) => {
      const [status, document] = answer(++count, request);
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(document));
    });
    t.after(() => { server.close(); server.closeAllConnections?.(); });
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/`));
  });
}

// ---- help ----

const commands = ['serve', 'try', 'tail', 'check', 'apply', 'get', 'delete', 'feed', 'diff', 'patch', 'date'];

test('every command explains itself', async () => {
  const overview = await run(['--help']);
  assert.equal(overview.status, 0);
  for (const command of commands) {
    assert.match(overview.stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await run([command, '--help']);
    assert.equal(help.status, 0, command);
    assert.match(help.stdout, new RegExp(`^usage: pollcast ${command} `), command);
    assert.match(help.stdout, /^examples?:\n  \S/m, command);
    assert.match(help.stdout, /^exit status: 0 /m, command);
    assert.equal(help.stderr, '');
    assert.equal((await run(['help', command])).stdout, help.stdout);
  }
});

test('the help of serve names every setting with flag, variable and default', async () => {
  const { stdout } = await run(['help', 'serve']);
  assert.match(stdout, /--poll-min-period DURATION\n +\S.*\n +\[poll\.minPeriod, POLLCAST_POLL_MIN_PERIOD, default PT0\.5S\]/);
  assert.match(stdout, /areas to trace:\n  \w+ +\S/);
});

test('version, and what is not known', async () => {
  assert.match((await run(['--version'])).stdout, /^pollcast \d+\.\d+\.\d+\n$/);
  const wrong = await run(['aply']);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /no command "aply"; did you mean apply\?/);
  assert.equal((await run([])).status, 2);
  const option = await run(['apply', 'x.json', '--dryrun']);
  assert.equal(option.status, 2);
  assert.match(option.stderr, /--dryrun is not known; did you mean --dry-run\?/);
  assert.match((await run(['get', 'topics', '--server'])).stderr, /--server needs a value/);
});

// ---- settings ----

test('--print-config says what is in force and where it came from', async (t) => {
  const file = write(scratch(t), 's.json', '{\n "loops": 2,\n "poll": {"perHost": 7},\n "drain": "PT1S"\n}');
  const { status, stdout } = await run(['serve', '--config', file, '--print-config', '--drain', 'PT9S', '--no-insecure'], {
    env: { POLLCAST_POLL_PER_HOST: '9', POLLCAST_SERVER: 'http://127.0.0.1:1' },
  });
  assert.equal(status, 0);
  const lines = new Set(stdout.split('\n'));
  for (const line of [
    'listen = "127.0.0.1:8080"  # default',
    `loops = 2  # ${file}:2`,
    'poll.perHost = 9  # environment POLLCAST_POLL_PER_HOST',
    'drain = PT9S  # flag --drain',
    'insecure = false  # flag --no-insecure',
  ]) assert.ok(lines.has(line), `${line} in\n${stdout}`);
});

test('bad settings: all faults of all sources at once, and nothing starts', async (t) => {
  const file = write(scratch(t), 's.json', '{"listne": 1,\n "poll": {"maxPeriod": "1h"}}');
  const { status, stderr, stdout } = await run(
    ['serve', '--config', file, '--loops', 'many', '--payload-max-byte=1', 'stray'],
    { env: { POLLCAST_DRAIN: 'soon', POLLCAST_HTTP_IDLE_TIMEOU: 'PT1S' } });
  assert.equal(status, 2);
  assert.equal(stdout, '');
  for (const fault of [
    /setting "listne" is not known \(\S+s\.json:1\); did you mean "listen"\?/,
    /poll\.maxPeriod: expected .* found "1h" \(\S+s\.json:2\)/,
    /loops: expected a whole number from 0 to 64, found "many" \(flag --loops\)/,
    /flag "--payload-max-byte" is not known; did you mean "--payload-max-bytes"\?/,
    /argument "stray" is not expected/,
    /drain: .* found "soon" \(environment POLLCAST_DRAIN\)/,
    /"POLLCAST_HTTP_IDLE_TIMEOU" is not known; did you mean "POLLCAST_HTTP_IDLE_TIMEOUT"\?/,
  ]) assert.match(stderr, fault);
});

test('what is only found at the start ends it with a reason', async (t) => {
  const dir = scratch(t);
  for (const [args, why] of [
    [['--config', path.join(dir, 'none.json')], /none\.json: No such file/],
    [['--trace', 'pollr'], /trace: .*pollr/],
    [['--listen', 'here'], /"here" has no port: write ADDRESS:PORT/],
    [['--egress-allow', '10.0.0.0/99'], /egress\.allow: .*10\.0\.0\.0\/99/],
    [['--tls-certificate', path.join(dir, 'c.pem'), '--tls-key', path.join(dir, 'k.pem')], /c\.pem/],
  ]) {
    const { status, stderr } = await run(['serve', '--listen', '127.0.0.1:0', '--data', path.join(dir, 'data'), ...args]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
  }
});

// ---- serve ----

test('beyond this machine only with --insecure, which says so', async (t) => {
  const data = path.join(scratch(t), 'data');
  const refused = await run(['serve', '--listen', '0.0.0.0:0', '--data', data]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /0\.0\.0\.0:0 is reached from other machines.*--insecure/);
  assert.ok(!fs.existsSync(data));
  const server = start(t, ['serve', '--listen', '0.0.0.0:0', '--data', data, '--insecure']);
  await server.sees('stderr', /msg=listening/);
  assert.match(server.stderr, /level=warn msg="insecure: anybody/);
  assert.equal(await server.end('SIGTERM'), 0);
});

test('a data directory serves one process', async (t) => {
  const first = await serve(t);
  const second = await run(['serve', '--listen', '127.0.0.1:0', '--data', first.data]);
  assert.equal(second.status, 2);
  assert.match(second.stderr, /cannot start: .*in use by another process/);
  assert.equal(await first.end('SIGTERM'), 0);
  const third = await serve(t, [], { data: first.data });
  assert.equal(await third.end('SIGTERM'), 0);
});

test('a port in use is named', async (t) => {
  const taken = await origin(t, () => [200, {}]);
  const { status, stderr } = await run(['serve', '--listen', new URL(taken).host, '--data', path.join(scratch(t), 'd')]);
  assert.equal(status, 2);
  assert.match(stderr, new RegExp(`${new URL(taken).port}.*in use`));
  // A server of our own shares its port among its loops, but with nobody else.
  const first = await serve(t);
  const second = await run(['serve', '--listen', new URL(first.url).host, '--data', path.join(scratch(t), 'd')]);
  assert.equal(second.status, 2);
  assert.match(second.stderr, /in use by another process/);
});

test('all loops answer on the one port that the system chose', async (t) => {
  const server = await serve(t, ['--loops', '4']);
  const answers = await Promise.all(Array.from({ length: 40 }, () =>
    fetch(`${server.url}/health/live`, { headers: { Connection: 'close' } }).then((r) => r.status)));
  assert.deepEqual(new Set(answers), new Set([200]));
  assert.equal(await server.end('SIGINT'), 0);
});

test('TERM ends it in order: channels are told, and it does not wait for more', async (t) => {
  const server = await serve(t, ['--drain', 'PT0.2S']);
  const source = await origin(t, (n) => [200, { n }]);
  assert.equal((await run(['apply', '-', '--server', server.url], { input: JSON.stringify(topic('x', source)) })).status, 0);
  const stream = await fetch(`${server.url}/streams/subscribers/sse/api/v1/topics/x`);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value;
  const began = Date.now();
  const ended = server.end('SIGTERM', 3000);
  for (let part; !(part = await reader.read()).done;) text += part.value;
  assert.match(text, /event: snapshot\n[^]*event: error\ndata: \{.*"code":50503.*\}\n\n$/);
  assert.equal(await ended, 0);
  assert.ok(Date.now() - began < 2500);
  assert.match(server.stderr, /msg=stopped\n$/);
});

// A stream of a topic: reads on until it has seen the pattern.
async function stream(url, name) {
  const answer = await fetch(`${url}/streams/subscribers/sse/api/v1/topics/${name}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    async sees(pattern) {
      for (let part; !pattern.test(text);) {
        part = await reader.read();
        assert.ok(!part.done, `${pattern} in ${text}`);
        text += part.value;
      }
    },
    close: () => reader.cancel(),
  };
}

test('topics, and what they know of their source, survive a restart', async (t) => {
  const asked = [];
  let polled;
  const source = await new Promise((resolve) => {
    const s = http.createServer((request, response) => {
      asked.push(request.headers['if-none-match']);
      polled?.();
      response.writeHead(asked.length === 1 ? 200 : 304, { 'Content-Type': 'application/json', ETag: '"v1"' });
      response.end(asked.length === 1 ? '{"n":1}' : undefined);
    });
    t.after(() => { s.close(); s.closeAllConnections?.(); });
    s.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${s.address().port}/`));
  });
  const first = await serve(t);
  await run(['apply', '-', '--server', first.url], { input: JSON.stringify(topic('kept', source, { pollingPeriod: 'PT1H' })) });
  const before = JSON.parse((await run(['get', 'topics', 'kept', '--server', first.url])).stdout);
  const follower = await stream(first.url, 'kept');
  await follower.sees(/#1\nevent: snapshot\n/);
  await follower.close();
  assert.equal(await first.end('SIGTERM'), 0);
  const second = await serve(t, [], { data: first.data });
  assert.match(second.stderr, /msg="topics loaded" topics=1 skipped=0/);
  assert.deepEqual(JSON.parse((await run(['get', 'topics', 'kept', '--server', second.url])).stdout), before);
  const again = new Promise((resolve) => { polled = resolve; });
  const resumed = await stream(second.url, 'kept');
  await resumed.sees(/#1\nevent: snapshot\ndata: \{"n":1\}/);
  await again;
  assert.deepEqual(asked, [undefined, '"v1"']);
  await resumed.close();
  assert.equal(await second.end('SIGTERM'), 0);
});

test('TERM does not wait for a source that hangs', async (t) => {
  let asked;
  const arrived = new Promise((resolve) => { asked = resolve; });
  const source = await new Promise((resolve) => {
    const s = http.createServer(() => asked());
    t.after(() => { s.close(); s.closeAllConnections?.(); });
    s.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${s.address().port}/`));
  });
  const server = await serve(t);
  const always = topic('hangs', source);
  always.publisher.alwaysOn = true;
  await run(['apply', '-', '--server', server.url], { input: JSON.stringify(always) });
  await arrived;
  assert.equal(await server.end('SIGTERM', 2000), 0);
  assert.doesNotMatch(server.stderr, /still under way/);
});

test('HUP takes over what can change, and says what cannot', async (t) => {
  const dir = scratch(t);
  const file = write(dir, 's.json', { log: { level: 'info' } });
  const server = await serve(t, ['--config', file]);
  write(dir, 's.json', { log: { level: 'debug', format: 'json' }, trace: 'store', loops: 3 });
  server.process.kill('SIGHUP');
  await server.sees('stderr', /"msg":"settings reloaded"/);
  assert.match(server.stderr, /"msg":"setting changed".*"setting":"log\.level","was":"info","now":"debug"/);
  assert.match(server.stderr, /takes effect only at the next start.*"setting":"loops"/);
  write(dir, 's.json', '{"log": 5');
  server.process.kill('SIGHUP');
  await server.sees('stderr', /"msg":"settings not reloaded".*s\.json:1:/);
  assert.equal((await fetch(`${server.url}/health/live`)).status, 200);
  assert.equal(await server.end('SIGTERM'), 0);
});

// ---- check ----

test('check: no fault', async (t) => {
  const dir = scratch(t);
  const url = 'http://127.0.0.1:1/';
  const one = await run(['check', write(dir, 'one.json', topic('a', url))]);
  assert.deepEqual([one.status, one.stdout.replace(dir, '')], [0, '/one.json: 1 topic, no fault\n']);
  const two = await run(['check', write(dir, 'two.json', { topics: [topic('a', url), topic('b', url)] }), '-'], {
    input: JSON.stringify([topic('c', url)]),
  });
  assert.equal(two.status, 0);
  assert.match(two.stdout, /two\.json: 2 topics, no fault\n-: 1 topic, no fault/);
  const settings = await run(['check', write(dir, 's.json', { loops: 1 })]);
  assert.match(settings.stdout, /s\.json: settings, no fault/);
});

test('check: every fault with line and pointer', async (t) => {
  const dir = scratch(t);
  const topics = await run(['check', write(dir, 't.json',
    '{"topics": [\n {"name": "", "publisher": {"type": "http-poller", "config": {\n  "url": "ftp://x/",\n  "pollingPeriodd": "PT1S"}}},\n'
    + ' {"name": "b",\n  "publisher": {"type": "http-poler", "config": {}}}]}')]);
  assert.equal(topics.status, 1);
  for (const fault of [
    /t\.json:2: \/topics\/0\/name: /,
    /t\.json:3: \/topics\/0\/publisher\/config\/url: .*ftp/,
    /t\.json:4: \/topics\/0\/publisher\/config\/pollingPeriodd: .*did you mean "pollingPeriod"\?/,
    /t\.json:6: \/topics\/1\/publisher\/type: .*did you mean "http-poller"\?/,
  ]) assert.match(topics.stdout, fault);
  const settings = await run(['check', write(dir, 's.json', '{"loops": "x",\n"datta": ""}')]);
  assert.equal(settings.status, 1);
  assert.match(settings.stdout, /loops: .*s\.json:1\)/);
  assert.match(settings.stdout, /"datta" is not known \(\S+s\.json:2\); did you mean "data"\?/);
  const syntax = await run(['check', write(dir, 'x.json', '[\n  1,\n  oops]')]);
  assert.equal(syntax.status, 1);
  assert.match(syntax.stdout, /x\.json:3:3: /);
  const none = await run(['check', path.join(dir, 'none.json')]);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /none\.json: No such file/);
});

test('check --config takes the bounds of a server', async (t) => {
  const dir = scratch(t);
  const file = write(dir, 't.json', topic('a', 'http://127.0.0.1:1/', { pollingPeriod: 'PT0.2S' }));
  assert.equal((await run(['check', file])).status, 1);
  const settings = write(dir, 's.json', { poll: { minPeriod: 'PT0.1S' } });
  assert.equal((await run(['check', file, '--config', settings])).status, 0);
  assert.equal((await run(['check', file, '--config', write(dir, 'bad.json', '{"x":1}')])).status, 2);
});

// ---- apply, get, delete ----

test('apply makes the server equal to the files', async (t) => {
  const server = await serve(t);
  const env = { POLLCAST_SERVER: server.url };
  const dir = scratch(t);
  const url = 'http://127.0.0.1:1/';
  const apply = (...args) => run(['apply', ...args], { env });
  const names = async () => JSON.parse((await run(['get', 'topics', '--json'], { env })).stdout).map((x) => x.name).sort();

  write(dir, 'a.json', topic('a', url, { headers: { 'X-One': '1' } }));
  write(dir, 'b.json', { topics: [topic('b', url), topic('c d/ü', url, { headers: { Authorization: 'Bearer one' } })] });
  write(dir, 'notes.txt', 'not JSON');

  const plan = await apply(dir, '--dry-run');
  assert.deepEqual([plan.status, plan.stdout], [0, 'create  a\ncreate  b\ncreate  c d/ü\n3 topics, 3 would change\n']);
  assert.deepEqual(await names(), []);
  assert.equal((await apply(dir)).stdout, 'create  a\ncreate  b\ncreate  c d/ü\n3 topics, 3 changed\n');
  assert.deepEqual(await names(), ['a', 'b', 'c d/ü']);
  assert.equal((await apply(dir)).stdout, 'same    a\nsame    b\nsame    c d/ü\n3 topics, 0 changed\n');

  // What a file no longer says goes back to its default.
  write(dir, 'a.json', topic('a', url, { pollingPeriod: 'PT7S' }));
  write(dir, 'b.json', [topic('c d/ü', url, { headers: { Authorization: 'Bearer two' } })]);
  const changed = await apply(dir);
  assert.equal(changed.stdout, 'change  a\nsecrets c d/ü\n2 topics, 2 changed\n');
  const a = JSON.parse((await run(['get', 'topics', 'a'], { env })).stdout);
  assert.equal(a.publisher.config.pollingPeriod, 'PT7S');
  assert.equal(a.publisher.config.headers, undefined);

  assert.equal((await apply(dir, '--prune')).stdout, 'same    a\nsame    c d/ü\ndelete  b\n3 topics, 1 changed\n');
  assert.deepEqual(await names(), ['a', 'c d/ü']);

  // What a server shows can be applied again.
  const shown = (await run(['get', 'topics', '--json'], { env })).stdout;
  assert.match(shown, /"\*{8}"/);
  const again = await run(['apply', '-'], { env, input: shown });
  assert.equal(again.stdout, 'same    a\nsame    c d/ü\n2 topics, 0 changed\n');
});

test('apply: a fault in any file and nothing is done', async (t) => {
  const server = await serve(t);
  const env = { POLLCAST_SERVER: server.url };
  const dir = scratch(t);
  const url = 'http://127.0.0.1:1/';
  write(dir, 'a.json', topic('a', url));
  write(dir, 'b.json', topic('b', 'nonsense'));
  const bad = await run(['apply', dir], { env });
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /b\.json:\d+: \/publisher\/config\/url: /);
  assert.equal((await run(['get', 'topics'], { env })).stdout, '');
  write(dir, 'b.json', [topic('b', url), topic('a', url)]);
  const twice = await run(['apply', dir], { env });
  assert.equal(twice.status, 1);
  assert.match(twice.stderr, /b\.json:\d+: \/1\/name: the name "a" is used by another topic/);
  assert.equal((await run(['apply', path.join(dir, 'none')], { env })).status, 2);

  // The server has bounds of its own; the rest is done.
  write(dir, 'b.json', topic('b', url, { pollingPeriod: 'PT0.1S' }));
  const refused = await run(['apply', dir], { env });
  assert.equal(refused.status, 1);
  assert.match(refused.stdout, /create  a\ncreate  b  \(refused\)\n2 topics, 1 changed/);
  assert.match(refused.stderr, /b: \/publisher\/config\/pollingPeriod: .*PT0\.5S/);
});

test('get and delete', async (t) => {
  const server = await serve(t);
  const args = ['--server', server.url];
  const empty = await run(['get', 'topics', '--json', ...args]);
  assert.deepEqual([empty.status, empty.stdout], [0, '[]\n']);
  await run(['apply', '-', ...args], { input: JSON.stringify([topic('a', 'http://127.0.0.1:1/x'), topic('b c', 'http://127.0.0.1:1/')]) });
  assert.match((await run(['get', 'topics', ...args])).stdout, /^a +http-poller +http:\/\/127\.0\.0\.1:1\/x$/m);
  assert.equal(JSON.parse((await run(['get', 'topics', 'b c', ...args])).stdout).name, 'b c');
  const none = await run(['get', 'topics', 'z', ...args]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /no topic has the id or name "z"|there is no topic/);
  const gone = await run(['delete', 'topics', 'b c', 'z', 'a', ...args]);
  assert.deepEqual([gone.status, gone.stdout], [1, 'deleted b c\ndeleted a\n']);
  assert.equal((await run(['get', 'integrations', ...args])).status, 2);
  assert.equal((await run(['delete', 'topics', ...args])).status, 2);
});

test('no server: what to do is said', async (t) => {
  const closed = await new Promise((resolve) => {
    const s = http.createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(`http://127.0.0.1:${port}`));
    });
  });
  for (const args of [['get', 'topics'], ['delete', 'topics', 'x']]) {
    const { status, stderr } = await run([...args, '--server', closed]);
    assert.equal(status, 2);
    assert.match(stderr, /no answer from http:\/\/127\.0\.0\.1:\d+ .*pollcast serve/);
  }
  assert.equal((await run(['get', 'topics', '--server', 'nonsense'])).status, 2);
  const other = await origin(t, () => [500, 'oops']);
  assert.match((await run(['get', 'topics', '--server', other])).stderr, /answers 500.*is it the right server/);
});

// ---- tail ----

const list = (...prices) => ({ updated: 'x'.repeat(200), items: prices.map((price, i) => ({ id: i + 1, price })) });

test('tail prints the document, then what changes', async (t) => {
  const dir = scratch(t);
  const url = await origin(t, (n) => [200, list(100, n < 3 ? 5 : 6)]);
  const { status, stdout, stderr } = await run(['tail', url, '--every', 'PT0.1S', '--count', '2'], { env: { TMPDIR: dir } });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(stdout, /^\d\d:\d\d:\d\d snapshot #1\n\{\n  "updated": [^]*\n\}\n\d\d:\d\d:\d\d patch #2\n  replace \/items\/1\/price 6\n$/);
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('tail --json: one line per event, errors too, for the part, mode and headers asked for', async (t) => {
  const seen = [];
  const url = await origin(t, (n, request) => {
    seen.push(request.headers['x-token']);
    return n === 2 ? [404, {}] : [200, list(n)];
  });
  const { status, stdout } = await run(['tail', '--json', url, '--every=PT0.1S', '--count=3', '--pointer', '/items', '--key', 'id',
    '--mode', 'snapshot-only', '-H', 'X-Token: a: b ']);
  assert.equal(status, 0);
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(events.map((e) => e.event), ['snapshot', 'error', 'snapshot']);
  assert.deepEqual(events[0].data, [{ id: 1, price: 1 }]);
  assert.equal(events[1].data.code, 70404);
  assert.match(events[2].id, /^[0-9a-f-]{36}#2$/);
  assert.deepEqual(new Set(seen), new Set(['a: b']));
});

test('tail --mode changes: a line per element', async (t) => {
  const url = await origin(t, (n) => [200, n < 3 ? list(100, 5) : { ...list(100), more: [1] }]);
  const { status, stdout } = await run(['tail', url, '--every', 'PT0.1S', '--count', '2', '--mode', 'changes']);
  assert.equal(status, 0);
  assert.match(stdout, /changes #2\n  deleted \/items 2 \{"id":2,"price":5\}\n  created \/more \[1\]\n$/);
});

test('tail: status 1 when the last event was an error', async (t) => {
  const url = await origin(t, () => [403, {}]);
  const { status, stdout } = await run(['tail', url, '--count', '1']);
  assert.equal(status, 1);
  assert.match(stdout, /error 70403: /);
});

test('tail ends at Ctrl-C and leaves nothing behind', async (t) => {
  const dir = scratch(t);
  const url = await origin(t, (n) => [200, { n }]);
  const tail = start(t, ['tail', url, '--every', 'PT0.1S'], { env: { TMPDIR: dir } });
  await tail.sees('stdout', /snapshot #3/);
  assert.equal(await tail.end('SIGINT', 3000), 0);
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('tail: what is wrong is named', async () => {
  for (const [args, why] of [
    [[], /which URL/],
    [['not a url'], /\/publisher\/config\/url: /],
    [['http://127.0.0.1:1/', '--every', '5s'], /pollingPeriod: .*5s/],
    [['http://127.0.0.1:1/', '--pointer', 'items'], /payloadPointer: /],
    [['http://127.0.0.1:1/', '--mode', 'event'], /--mode "event": expected snapshot-patch/],
    [['http://127.0.0.1:1/', '--count', '0'], /--count "0"/],
    [['http://127.0.0.1:1/', '-H', 'nothing'], /-H "nothing": expected 'Name: value'/],
    [['http://127.0.0.1:1/', '--trace', 'x'], /--trace: /],
  ]) {
    const { status, stderr } = await run(['tail', ...args]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
  }
});
