// Feeds on the command line: `pollcast feed`, and what `apply`, `check`, `get` and `delete` make of feeds.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startDaemon, within } from './lib/daemon.js';
import { createFeed, createPair, FEEDS, next, nextJson, postRange, SERVED } from './lib/feeds.js';
import { program, root, run, scratch, start } from './lib/program.js';
import { startProxy } from './lib/proxy.js';
import { createPostTopic, eventually, post } from './lib/topics.js';

const ARGS = ['--loops', '2', '--drain', 'PT0S'];
let daemon;
before(async () => { daemon = await startDaemon({ args: ARGS }); });
after(() => daemon.stop());

const pair = (feed) => createPair(daemon, feed);
const postAll = (...args) => postRange(daemon, ...args);
const env = () => ({ POLLCAST_SERVER: daemon.url });
const feed = (args, options = {}) => run(['feed', ...args], { env: env(), ...options });
const follow = (t, args, options = {}) => start(t, ['feed', 'follow', ...args], { env: env(), ...options });
const linesOf = (text) => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
const numbers = (text) => linesOf(text).map(({ payload }) => payload.n);
const upTo = (n) => Array.from({ length: n }, (_, i) => i);
const stats = async (id) => (await daemon.request('GET', `${SERVED}/${id}/stats`)).json;
const completedAll = (id) => eventually(async () => (await stats(id)).queued === 0, 'all to be completed');

function write(dir, name, value) {
  const file = path.join(dir, name);
  fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  return file;
}

// ---- next, complete ----

test('next prints a batch and how to complete it, and is 1 when nothing is queued', async () => {
  const { topic, id } = await pair({ batchSize: 2 });
  const empty = await feed(['next', id]);
  assert.deepEqual([empty.status, empty.stdout], [1, '']);
  assert.match(empty.stderr, new RegExp(`nothing is queued for ${id}`));
  await post(daemon, topic, { text: 'one\nline' });
  await postAll(topic, 1, 3);
  const shown = await feed(['next', id]);
  assert.equal(shown.status, 0);
  const [batch, ...lines] = shown.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[0], new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3} ${topic.name}:event {"text":"one\\\\nline"}$`));
  assert.match(shown.stderr, /more is queued behind it/);
  const raw = await feed(['next', id, '--json']);
  assert.equal(raw.stdout, `${(await next(daemon, id)).text}\n`, 'byte for byte');
  assert.equal(JSON.parse(raw.stdout).batchId, batch);
  // What it says is typed as it stands.
  const [, told] = /when it is processed: pollcast (feed complete .*)\n$/.exec(shown.stderr);
  assert.deepEqual(told.split(' '), ['feed', 'complete', id, batch]);
  const done = await run(told.split(' '), { env: env() });
  assert.deepEqual([done.status, done.stdout], [0, `completed ${batch}\n`]);
  assert.equal((await run(told.split(' '), { env: env() })).status, 0, 'a second time');
  assert.deepEqual((await feed(['next', id])).stdout.split('\n').length, 3);
});

test('next --wait answers when something comes, --max bounds a batch', async () => {
  const { topic, id } = await pair();
  const waiting = feed(['next', id, '--wait', 'PT20S', '--max', '1', '--json', '--consumer', 'c']);
  await eventually(async () => (await stats(`${id}/consumers/c`)).queued === 0, 'the consumer');
  await postAll(topic, 0, 2);
  const answer = await waiting;
  assert.equal(answer.status, 0);
  assert.deepEqual(JSON.parse(answer.stdout).notifications.map(({ payload }) => payload.n), [0]);
});

test('consumers and tenants: what is said to complete a batch works in a shell', async () => {
  const { topic, id } = await pair({ tenant: "A'c me" });
  await postAll(topic, 0, 1);
  const none = await feed(['next', id]);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /is a tenant's: name it by --tenant/);
  const other = await feed(['next', id, '--tenant', 'other']);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /is not that tenant's/);
  const { stderr } = await run(['feed', 'next', id, '--tenant', "A'c me", '--consumer', 'mail', '--server', daemon.url]);
  const [, told] = /processed: pollcast (.*)\n$/.exec(stderr);
  const typed = spawn('sh', ['-c', `"$0" ${told}`, program], { stdio: 'ignore' });
  assert.equal(await new Promise((resolve) => { typed.on('close', resolve); }), 0, told);
  const empty = await feed(['next', id, '--tenant', "A'c me", '--consumer', 'mail']);
  assert.deepEqual([empty.status, empty.stderr], [1, `pollcast: feed next: nothing is queued for ${id}, consumer mail\n`]);
  const queued = await feed(['stats', id, '--tenant', "A'c me", '--json']);
  assert.deepEqual(linesOf(queued.stdout).map((s) => [s.consumer, s.queued]), [[null, 1], ['mail', 0]]);
});

test('complete: another batch than the open one is not, and is told which is', async () => {
  const { topic, id } = await pair({ batchSize: 1 });
  const early = await feed(['complete', id, '17']);
  assert.equal(early.status, 1);
  assert.match(early.stderr, /batch 17 is not to be completed: none is open/);
  await postAll(topic, 0, 2);
  const { batchId } = await nextJson(daemon, id);
  for (const wrong of ['17', 'x y', `0${batchId}`]) {
    const { status, stderr, stdout } = await feed(['complete', id, wrong]);
    assert.deepEqual([status, stdout], [1, ''], wrong);
    assert.ok(stderr.includes(`batch ${wrong} is not to be completed, but ${batchId} is`), stderr);
  }
  assert.equal((await stats(id)).queued, 2);
});

test('discard says how much there was', async () => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 12);
  await nextJson(daemon, id);
  const discarded = await feed(['discard', id]);
  assert.equal(discarded.status, 0);
  assert.match(discarded.stdout, /^discarded what was queued, 12 notifications a moment ago/);
  assert.equal((await feed(['next', id])).status, 1);
  assert.deepEqual(await feed(['discard', id]).then(({ status, stdout }) => [status, stdout]), [0, 'nothing was queued a moment ago\n']);
});

test('stats: the feed and its consumers', async () => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 2);
  const { batchId } = await nextJson(daemon, `${id}/consumers/mail`);
  const { status, stdout } = await feed(['stats', id]);
  assert.equal(status, 0);
  const [head, own, mail, ...rest] = stdout.trimEnd().split('\n');
  assert.deepEqual(rest, []);
  assert.match(head, /^CONSUMER +QUEUED +OLDEST +LAG +OPEN BATCH$/);
  assert.match(own, /^\(the feed's own\) +2 +\d{4}-\S+ +PT\S+$/);
  assert.match(mail, new RegExp(`^mail +2 +\\S+ +PT\\S+ +${batchId}, 2 notifications$`));
  const one = await feed(['stats', id, '--consumer', 'mail', '--json']);
  assert.deepEqual(linesOf(one.stdout).map((s) => [s.feed, s.consumer, s.queued]), [[id, 'mail', 2]]);
  const none = await feed(['stats', id, '--consumer', 'nobody']);
  assert.deepEqual([none.status, none.stdout], [2, '']);
  assert.match(none.stderr, /has no consumer "nobody"/);
});

test('what is wrong is named, before anything is asked for where that can be', async () => {
  const { id } = await pair();
  const wrongCase = id.toUpperCase();
  for (const [args, why] of [
    [[], /feed: what\?/],
    [['nxt', id], /"nxt" is not known; did you mean next\?/],
    [['empty', id], /"empty" is not known; there are: next, complete/],
    [['next'], /which feed\? `pollcast get feeds`/],
    [['complete', id], new RegExp(`which batch\\? .*feed next ${id}`)],
    [['next', id, 'x'], /"x" is too much/],
    [['next', wrongCase], new RegExp(`no feed has the id "${wrongCase}"; did you mean "${id}"\\? \\(ids are case-sensitive\\)`)],
    [['follow', `${id}x`], new RegExp(`no feed has the id .*; did you mean "${id}`)],
    [['stats', 'quite-another'], /no feed has the id "quite-another"; `pollcast get feeds`/],
    [['complete', wrongCase, '1'], /no feed has the id/],
    [['discard', wrongCase], /no feed has the id/],
    [['next', 'a b'], /"a b" is no id of a feed/],
    [['next', '..'], /"\.\." is no id of a feed/],
    [['next', id, '--consumer', 'a/b'], /"a\/b" is no name of a consumer/],
    [['complete', id, '..'], /"\.\." is no id of a batch/],
    [['next', id, '--max', '0'], /--max "0": expected a number from 1 to 1000/],
    [['next', id, '--max', '1001'], /--max "1001": expected/],
    [['follow', id, '--max', 'x'], /--max "x": expected/],
    [['next', id, '--wait', '30s'], /--wait "30s": expected an ISO-8601 duration/],
    [['next', id, '--wait', 'PT6M'], /--wait "PT6M": expected an ISO-8601 duration up to PT5M/],
    [['follow', id, '--wait', 'PT1S'], /--wait goes with next\n/],
    [['next', id, '--exec', 'cat'], /--exec goes with follow\n/],
    [['discard', id, '--consumer', 'c'], /--consumer goes with next, complete, follow, stats\n/],
    [['follow', id, '--count', '0'], /--count "0": expected a number from 1/],
    [['follow', id, '--exec', ''], /--exec: expected a command/],
    [['next', id, '--tenant', 'a\nb'], /X-TENANT-ID has a control character/],
    [['next', id, '--consumr', 'c'], /--consumr is not known; did you mean --consumer\?/],
    [['next', id, '--server', 'http://127.0.0.1:1'], /no answer from http:\/\/127\.0\.0\.1:1 \(connection refused\): .*pollcast serve/],
  ]) {
    const { status, stderr, stdout } = await feed(args);
    assert.deepEqual([status, stdout], [2, ''], `${args}: ${stderr}`);
    assert.match(stderr, why, `${args}`);
  }
});

test('a server that is none of ours is said to be so', async (t) => {
  const proxy = await startProxy(t, daemon.url);
  for (const [status, body] of [[200, '<html>'], [200, '{}'], [404, ''], [500, 'oops']]) {
    proxy.onRequest = (req, res) => { res.writeHead(status, { 'Content-Type': 'text/html' }); res.end(body); };
    const answer = await feed(['next', 'x', '--server', proxy.url]);
    assert.deepEqual([answer.status, answer.stdout], [2, ''], `${status} ${body}`);
    assert.match(answer.stderr, status === 404 ? /has no feed "x"/ : /is it the right server\?/);
  }
});

// ---- follow ----

test('follow prints each notification on a line, completes it, and waits for more', async (t) => {
  const { topic, id } = await pair({ batchSize: 3 });
  await postAll(topic, 0, 7);
  const following = follow(t, [id]);
  await following.sees('stdout', /"n":6/);
  await completedAll(id);
  await postAll(topic, 7, 9);
  await following.sees('stdout', /"n":8/);
  await completedAll(id);
  assert.equal(await following.end('SIGTERM', 2000), 0);
  assert.deepEqual(numbers(following.stdout), upTo(9));
  assert.deepEqual(Object.keys(linesOf(following.stdout)[0]), ['id', 'eventType', 'when', 'tenantId', 'causationId', 'correlationId', 'relativeUrl', 'payload']);
  assert.equal(following.stderr, '');
});

test('follow --count ends after so many batches; consumers are apart', async () => {
  const { topic, id } = await pair({ batchSize: 2 });
  await postAll(topic, 0, 5);
  const some = await feed(['follow', id, '--count', '2']);
  assert.deepEqual([some.status, numbers(some.stdout)], [0, upTo(4)]);
  const mine = await feed(['follow', id, '--count', '1', '--consumer', 'mine', '--max', '1']);
  assert.deepEqual(numbers(mine.stdout), [4]);
  assert.equal((await stats(id)).queued, 1);
});

test('follow into a file: what is completed is in it', async (t) => {
  const { topic, id } = await pair();
  const file = path.join(scratch(t), 'all.jsonl');
  await postAll(topic, 0, 30);
  const fd = fs.openSync(file, 'a');
  const child = spawn(program, ['feed', 'follow', id, '--count', '3'], { env: { ...process.env, ...env() }, stdio: ['ignore', fd, 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  assert.equal(await within(10_000, new Promise((resolve) => { child.on('close', resolve); }), 'three batches'), 0);
  fs.closeSync(fd);
  assert.deepEqual(numbers(fs.readFileSync(file, 'utf8')), upTo(30));
});

// A command is ended while it prints, or while its `complete` is on the way, which the proxy decides.
async function heldUp(t) {
  const { topic, id } = await pair();
  await postAll(topic, 0, 3);
  const proxy = await startProxy(t, daemon.url);
  let tell;
  const held = new Promise((resolve) => { tell = resolve; });
  proxy.onRequest = (req, res, pass) => {
    if (req.url.endsWith('/complete')) tell(pass);
    else pass();
  };
  return { topic, id, proxy, held };
}

test('kill -9 between printing and completing: it is printed again, and nothing is lost', async (t) => {
  const { topic, id, proxy, held } = await heldUp(t);
  const first = follow(t, [id, '--server', proxy.url]);
  await held;
  assert.deepEqual(numbers(first.stdout), upTo(3), 'printed before it is completed');
  assert.equal(await first.end('SIGKILL'), 'SIGKILL');
  await postAll(topic, 3, 5);
  const second = await feed(['follow', id, '--count', '2']);
  assert.deepEqual(numbers(second.stdout), upTo(5));
  assert.deepEqual(linesOf(second.stdout).slice(0, 3), linesOf(first.stdout), 'with the same ids');
});

test('a signal between printing and completing: it is completed first', async (t) => {
  const { id, proxy, held } = await heldUp(t);
  const following = follow(t, [id, '--server', proxy.url]);
  const pass = await held;
  following.process.kill('SIGTERM');
  pass();
  assert.equal(await following.end(), 0);
  assert.equal((await stats(id)).queued, 0);
});

test('complete that fails: it is tried again, and nothing is printed twice', async (t) => {
  const { id, proxy } = await heldUp(t);
  let refused = 0;
  proxy.onRequest = (req, res, pass) => {
    if (!req.url.endsWith('/complete') || refused++ === 2) return pass();
    if (refused === 1) return res.destroy();
    res.writeHead(503);
    return res.end();
  };
  const following = await feed(['follow', id, '--count', '1', '--server', proxy.url]);
  assert.deepEqual([following.status, numbers(following.stdout)], [0, upTo(3)]);
  assert.match(following.stderr, /no answer from .* it is tried again[^]*answers again\n$/);
  assert.equal((await stats(id)).queued, 0);
});

test('complete whose answer is lost: the batch is not printed again', async (t) => {
  const { topic, id, proxy } = await heldUp(t);
  let lost = false;
  proxy.onRequest = (req, res, pass) => {
    if (!req.url.endsWith('/complete') || lost) return pass();
    lost = true;
    res.writeHead = () => res.destroy(); // it reaches the server
    return pass();
  };
  await postAll(topic, 3, 12);
  const following = await feed(['follow', id, '--count', '2', '--server', proxy.url]);
  assert.deepEqual([following.status, numbers(following.stdout)], [0, upTo(12)]);
});

test('a batch that somebody else completed or discarded meanwhile is said, and it goes on', async (t) => {
  const { topic, id, proxy, held } = await heldUp(t);
  const following = follow(t, [id, '--server', proxy.url, '--count', '1']);
  const pass = await held;
  assert.equal((await daemon.request('PUT', `${SERVED}/${id}/discardAll`)).status, 200);
  proxy.onRequest = (req, res, on) => on();
  pass();
  await following.sees('stderr', /is not to be completed: none is open.*; somebody else completed or discarded it/);
  await postAll(topic, 3, 4);
  assert.equal(await following.end(), 0);
  assert.deepEqual(numbers(following.stdout), upTo(4));
});

test('a signal while nobody reads what is printed: it ends, and nothing is completed', async (t) => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 10, (n) => ({ n, text: 'x'.repeat(60_000) }));
  const child = spawn(program, ['feed', 'follow', id], { env: { ...process.env, ...env() }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  // It has begun, and all of it does not fit.
  await within(10_000, new Promise((resolve) => { child.stdout.once('readable', resolve); }), 'the first of it');
  child.kill('SIGTERM');
  const status = await within(5000, new Promise((resolve) => { child.on('exit', resolve); }), 'ending');
  assert.equal(status, 0);
  assert.equal((await stats(id)).queued, 10);
});

test('a reader that has seen enough ends it, and nothing is completed that he did not get', async (t) => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 10, (n) => ({ n, text: 'x'.repeat(60_000) }));
  const child = spawn('bash', ['-c', `"${program}" feed follow ${id} | head -c 10; exit "\${PIPESTATUS[0]}"`],
    { env: { ...process.env, ...env() }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (text) => { stderr += text; });
  child.stdout.resume();
  assert.equal(await within(10_000, new Promise((resolve) => { child.on('close', resolve); }), 'ending'), 0);
  assert.equal(stderr, '');
  assert.equal((await stats(id)).queued, 10);
});

test('output that cannot be written: said, and not completed', async () => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 1);
  const child = spawn('sh', ['-c', `exec "${program}" feed follow ${id} > /dev/full`], { env: { ...process.env, ...env() }, stdio: ['ignore', 'inherit', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => { stderr += text; });
  assert.equal(await within(10_000, new Promise((resolve) => { child.on('close', resolve); }), 'ending'), 2);
  assert.match(stderr, /standard output cannot be written: No space left on device; batch \d+ is not completed/);
  assert.equal((await stats(id)).queued, 1);
});

test('a server that goes away is waited for, and nothing is lost or printed twice', async (t) => {
  let own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { name: 'orders' });
  await createFeed(own, { id: 'journey', topics: ['orders'] });
  const following = start(t, ['feed', 'follow', 'journey'], { env: { POLLCAST_SERVER: own.url } });
  await post(own, topic, { n: 0 });
  await following.sees('stdout', /"n":0/);
  await eventually(async () => (await own.request('GET', `${SERVED}/journey/stats`)).json.queued === 0, 'its completion');
  await own.kill();
  await following.sees('stderr', /no answer from .*it is tried again until that answers/);
  own = await startDaemon({ data: own.data, args: [...ARGS, '--listen', new URL(own.url).host] });
  await post(own, topic, { n: 1 });
  await following.sees('stdout', /"n":1/);
  assert.match(following.stderr, /answers again\n$/);
  assert.equal(await following.end('SIGINT', 2000), 0);
  assert.deepEqual(numbers(following.stdout), [0, 1]);
});

test('a feed that is deleted ends it; a server that does not hold the request is not flooded', async (t) => {
  const { topic, id } = await pair();
  const proxy = await startProxy(t, daemon.url);
  let asked = 0;
  proxy.onRequest = (req, res, pass) => {
    if (++asked > 2) return pass();
    res.writeHead(204);
    return res.end();
  };
  const began = Date.now();
  const following = follow(t, [id, '--server', proxy.url]);
  await postAll(topic, 0, 1);
  await following.sees('stdout', /"n":0/);
  assert.ok(Date.now() - began > 1000, 'two pauses');
  await completedAll(id);
  assert.equal((await daemon.request('DELETE', `${FEEDS}/${id}`)).status, 204);
  assert.equal(await following.end(), 2);
  assert.match(following.stderr, /no feed has the id/);
});

// ---- follow --exec ----

test('--exec: a command that fails gets the same batch again, and nothing is completed before it ends with 0', async (t) => {
  const { topic, id } = await pair({ batchSize: 2 });
  const dir = scratch(t);
  await postAll(topic, 0, 3);
  const { text } = await next(daemon, id);
  const command = `cat >> ${dir}/got; "${program}" feed stats ${id} --json >> ${dir}/stats; test -e ${dir}/ok || { touch ${dir}/ok; exit 3; }`;
  const following = await feed(['follow', id, '--exec', command, '--count', '2']);
  assert.deepEqual([following.status, following.stdout], [0, '']);
  assert.match(following.stderr, /^pollcast: feed follow: the command ended with status 3: batch \d+ stays, and is tried again in 0\.\d s\n$/);
  const got = fs.readFileSync(path.join(dir, 'got'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(got.slice(0, 2), [text, text], 'byte for byte');
  assert.deepEqual(JSON.parse(got[2]).notifications.map(({ payload }) => payload.n), [2]);
  const queued = linesOf(fs.readFileSync(path.join(dir, 'stats'), 'utf8')).map((s) => s.queued);
  assert.deepEqual(queued, [3, 3, 1]);
  assert.equal((await stats(id)).queued, 0);
});

test('--exec: what a command prints is printed, and it need not read anything', async () => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 10, (n) => ({ n, text: 'x'.repeat(60_000) }));
  const following = await feed(['follow', id, '--exec', 'echo done', '--count', '1']);
  assert.deepEqual([following.status, following.stdout, following.stderr], [0, 'done\n', '']);
});

// The children of a process that is waited for are gone with its group.
const alive = (pid) => fs.existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));

test('--exec: a signal goes on to the command, and a batch that it did not finish is not completed', async (t) => {
  const { topic, id } = await pair();
  await postAll(topic, 0, 1);
  const one = follow(t, [id, '--exec', 'sleep 60 & echo "$!"; wait']);
  const [, pid] = await one.sees('stdout', /^(\d+)\n/);
  assert.equal(await one.end('SIGTERM', 5000), 0);
  assert.match(one.stderr, /the command ended with signal 15: batch \d+ is not completed/);
  await eventually(() => !alive(pid), 'the end of all that the command started');
  assert.equal((await stats(id)).queued, 1);

  const stubborn = follow(t, [id, '--exec', 'trap "echo no" TERM; echo ready; while :; do sleep 0.1; done']);
  await stubborn.sees('stdout', /ready/);
  stubborn.process.kill('SIGTERM');
  await stubborn.sees('stdout', /no/);
  assert.equal(await stubborn.end('SIGTERM', 5000), 0);
  assert.match(stubborn.stderr, /ended with signal 9/);
  assert.equal((await stats(id)).queued, 1);

  const orderly = follow(t, [id, '--exec', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done']);
  await orderly.sees('stdout', /ready/);
  assert.equal(await orderly.end('SIGTERM', 5000), 0);
  assert.equal((await stats(id)).queued, 0, 'it was processed');
});

// ---- files ----

const orders = { name: 'orders', publisher: { type: 'http-post', config: {}, alwaysOn: true } };
const journey = { id: 'journey', topics: ['orders'], batchSize: 5 };

test('check: feeds, alone and beside topics; each fault with its line and pointer', async (t) => {
  const dir = scratch(t);
  for (const [value, says] of [
    [journey, '1 feed, no fault'],
    [[journey, { ...journey, id: 'b' }], '2 feeds, no fault'],
    [{ feeds: [journey] }, '1 feed, no fault'],
    [{ topics: [orders], feeds: [journey] }, '1 feed, 1 topic, no fault'],
    [{ feeds: [] }, '0 feeds, no fault'],
  ]) {
    const { status, stdout } = await run(['check', write(dir, 'good.json', value)]);
    assert.deepEqual([status, stdout.replace(dir, '')], [0, `/good.json: ${says}\n`]);
  }
  const bad = await run(['check', write(dir, 'bad.json',
    '{"topics": [{"name": "x", "publisher": {"type": "http-post", "config": {}}}],\n "feeds": [\n  {"id": "a b",\n   "topics": [1]},\n'
    + '  {"id": "b", "topics": [],\n   "batchSize": 0,\n   "retention": "7d",\n   "topcis": ["x"]},\n  {"id": "all", "topics": ["x"]},\n  7]}')]);
  assert.equal(bad.status, 1);
  for (const fault of [
    /bad\.json:3: \/feeds\/0\/id: .*"a b"/,
    /bad\.json:4: \/feeds\/0\/topics\/0: /,
    /bad\.json:5: \/feeds\/1\/topics: expected one topic/,
    /bad\.json:6: \/feeds\/1\/batchSize: expected an integer between 1 and 1000/,
    /bad\.json:7: \/feeds\/1\/retention: /,
    /bad\.json:8: \/feeds\/1\/topcis: .*did you mean "topics"\?/,
    /bad\.json:9: \/feeds\/2\/topics: feed "all" holds every topic/,
    /bad\.json:10: \/feeds\/3: expected an object/,
  ]) assert.match(bad.stdout, fault);
  assert.equal(bad.stdout.trimEnd().split('\n').length, 8, bad.stdout);
  const lists = await run(['check', write(dir, 'lists.json', '{"topics": [],\n"feds": [],\n"feeds": {}}')]);
  assert.equal(lists.status, 1);
  assert.match(lists.stdout, /lists\.json:2: \/feds: unknown list; did you mean "feeds"\?\n.*lists\.json:3: \/feeds: expected an array/);
});

test('apply makes the feeds equal to the files, next to topics', async (t) => {
  const own = await startDaemon({ args: ARGS });
  t.after(() => own.stop());
  const dir = scratch(t);
  const apply = (...args) => run(['apply', ...args], { env: { POLLCAST_SERVER: own.url } });
  const ids = async () => (await own.request('GET', FEEDS)).json.items.map(({ id }) => id);
  const file = write(dir, 'both.json', { topics: [orders], feeds: [journey, { id: 'other', topics: 'x*' }] });

  const plan = await apply(dir, '--dry-run');
  assert.deepEqual([plan.status, plan.stdout], [0, 'create  feed journey\ncreate  feed other\ncreate  orders\n2 feeds, 1 topic, 3 would change\n']);
  assert.deepEqual(await ids(), ['all']);
  // Feeds come first: what happens to the topics from the first moment is queued.
  assert.equal((await apply(dir)).stdout, 'create  feed journey\ncreate  feed other\ncreate  orders\n2 feeds, 1 topic, 3 changed\n');
  assert.equal((await apply(dir)).stdout, 'same    feed journey\nsame    feed other\nsame    orders\n2 feeds, 1 topic, 0 changed\n');

  // What a file no longer says goes back to its default.
  write(dir, 'both.json', { feeds: [{ id: 'journey', topics: ['orders', 'x'], eventTypes: { 'orders:created': 'new' }, retention: 'P1D' }] });
  assert.equal((await apply(file)).stdout, 'change  feed journey\n1 feed, 1 changed\n');
  const shown = (await own.request('GET', `${FEEDS}/journey`)).json;
  assert.deepEqual([shown.topics, shown.batchSize, shown.retention, shown.eventTypes], [['orders', 'x'], 10, 'P1D', { 'orders:created': 'new' }]);

  // What the server shows can be applied; that does not ask for what nobody asked for.
  const all = (await run(['get', 'feeds', '--json', '--server', own.url])).stdout;
  assert.equal((await run(['apply', '-', '--server', own.url], { input: all })).stdout, 'same    feed all\nsame    feed journey\nsame    feed other\n3 feeds, 0 changed\n');
  assert.equal((await own.request('GET', `${FEEDS}/all`)).json.active, false);
  const one = (await run(['get', 'feeds', 'journey', '--server', own.url])).stdout;
  assert.equal((await run(['apply', '-', '--server', own.url], { input: one })).stdout, 'same    feed journey\n1 feed, 0 changed\n');

  // Only what files speak of is pruned, and never `all`.
  assert.equal((await apply(file, '--prune', '--dry-run')).stdout, 'same    feed journey\ndelete  feed other\n2 feeds, 1 would change\n');
  assert.deepEqual(await ids(), ['all', 'journey', 'other']);
  assert.equal((await apply(file, '--prune')).stdout, 'same    feed journey\ndelete  feed other\n2 feeds, 1 changed\n');
  assert.deepEqual(await ids(), ['all', 'journey']);
  assert.equal((await apply(write(dir, 'topics.json', [{ ...orders, name: 'more' }]), '--prune')).stdout, 'create  more\ndelete  orders\n2 topics, 2 changed\n');
  assert.equal((await apply(write(dir, 'none.json', { feeds: [] }), '--prune')).stdout, 'delete  feed journey\n1 feed, 1 changed\n');
  assert.deepEqual(await ids(), ['all']);
});

test('apply: a fault in any feed and nothing is done; a feed is described once', async (t) => {
  const dir = scratch(t);
  write(dir, 'a.json', { feeds: [{ id: 'fine', topics: ['x'] }] });
  write(dir, 'b.json', { feeds: [{ id: 'bad', topics: ['x'], batchSize: 5000 }] });
  const bad = await run(['apply', dir], { env: env() });
  assert.deepEqual([bad.status, bad.stdout], [1, '']);
  assert.match(bad.stderr, /b\.json:\d+: \/feeds\/0\/batchSize: expected an integer between 1 and 1000/);
  assert.equal((await daemon.request('GET', `${FEEDS}/fine`)).status, 404);
  write(dir, 'b.json', [{ id: 'fine', topics: ['y'] }]);
  const twice = await run(['apply', dir], { env: env() });
  assert.equal(twice.status, 1);
  assert.match(twice.stderr, /b\.json:\d+: \/0\/id: the id "fine" is used by another feed of these files/);
  write(dir, 'b.json', { topics: [], feds: [] });
  const lost = await run(['apply', dir, '--prune'], { env: env() });
  assert.deepEqual([lost.status, lost.stdout], [1, '']);
  assert.match(lost.stderr, /\/feds: unknown list; did you mean "feeds"\?/);
});

test('apply: the retention that a file leaves to the server is the server’s', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--feed-retention', 'P3D'] });
  t.after(() => own.stop());
  const apply = async (feeds, ...args) => (await run(['apply', '-', '--server', own.url, ...args], { input: JSON.stringify({ feeds }) })).stdout;
  const retention = async () => (await own.request('GET', `${FEEDS}/journey`)).json.retention;
  assert.match(await apply([journey]), /^create /);
  assert.equal(await retention(), 'P3D');
  assert.match(await apply([journey]), /^same    feed journey\n1 feed, 0 changed\n$/);
  assert.match(await apply([{ ...journey, retention: 'P7D' }]), /^change /);
  assert.equal(await retention(), 'P7D');
  assert.match(await apply([journey]), /^change  feed journey\n1 feed, 1 changed\n$/);
  assert.equal(await retention(), 'P3D');
  assert.match(await apply([{ id: 'all', topics: '*' }]), /^same    feed all\n/);
  assert.equal((await own.request('GET', `${FEEDS}/all`)).json.active, false);
});

test('get, delete and try know feeds', async (t) => {
  const { topic, id } = await pair();
  const listed = await run(['get', 'feeds'], { env: env() });
  assert.match(listed.stdout, new RegExp(`^${id} +active +\\["${topic.name}"\\]$`, 'm'));
  const gone = await run(['delete', 'feeds', id, 'nothing'], { env: env() });
  assert.deepEqual([gone.status, gone.stdout], [1, `deleted ${id}\n`]);
  assert.match(gone.stderr, /no feed has the id "nothing"/);
  assert.match((await run(['get', 'feds'], { env: env() })).stderr, /"feds" is not known; there are: feeds, topics/);
  const tried = await run(['try', write(scratch(t), 'f.json', { feeds: [journey] })], { cwd: root });
  assert.equal(tried.status, 2);
  assert.match(tried.stderr, /there is no topic in .*f\.json/);
});
