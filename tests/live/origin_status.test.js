// What a source says by its status: which error that is, what is retried and how often, how long it asks to be left alone,
// what redirects may do, and what "not modified" is worth.
import assert from 'node:assert/strict';
import https from 'node:https';
import { describe, it, test } from 'node:test';

import { makeAuthority } from './lib/authority.js';
import { startDaemon } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { ARGS, daemon, FAST_RETRIES, newPath, origin, PERIOD, pollOnce, requestCount as count, rig } from './lib/rig.js';
import { createTopic, debugOf, eventually, follow, isEvent, metric, nextError, patchConfig, pollNow, seqOf } from './lib/topics.js';

rig();

// ---- codes ----

const codes = {
  300: 70300, 301: 70300, 302: 70300, 304: 70012, 307: 70300, 308: 70300,
  400: 70400, 401: 70401, 402: 70012, 403: 70403, 404: 70404, 405: 70405, 406: 70406, 408: 70408, 409: 70012, 410: 70410,
  418: 70012, 422: 70012, 429: 70429, 451: 70012,
  500: 70500, 501: 70012, 502: 70502, 503: 70503, 504: 70504, 505: 70012, 599: 70012,
};

describe('statuses and their codes:', { concurrency: 9 }, () => {
  for (const [status, code] of Object.entries(codes)) {
    it(`${status} is ${code}`, async (t) => {
      const at = newPath();
      origin.json(at, { a: 1 });
      const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, retryOnHttpCodes: [] });
      const stream = await follow(t, daemon, topic);
      const first = await stream.next(isEvent);
      origin.status(at, Number(status));
      const error = await nextError(stream);
      assert.equal(error.code, code, error.message);
      assert.equal(error.category, 'publication');
      assert.match(error.message, new RegExp(`\\b${status}\\b`));
      // Nothing but listed statuses is retried: one request for each poll.
      await origin.asked(at, count(at) + 3);
      assert.equal((await metric(daemon, 'polls_retried_total')), 0);
      origin.json(at, { a: 2 });
      assert.equal(seqOf(await stream.next(isEvent)), seqOf(first) + 1);
    });
  }
});

test('an error is told once for each change of the code, also after it was well in between', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, retryOnHttpCodes: [] });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  const told = [];
  for (const status of [500, 404, 500]) {
    origin.status(at, status);
    told.push((await nextError(stream)).code);
    await origin.asked(at, count(at) + 3);
  }
  origin.json(at, { a: 1 }); // well again, and nothing has changed
  await eventually(async () => (await debugOf(daemon, topic)).error === null, 'the end of the error');
  origin.status(at, 500);
  told.push((await nextError(stream)).code);
  assert.deepEqual(told, [70500, 70404, 70500, 70500]);
  assert.equal(stream.frames.filter((f) => f.event === 'error').length, 4);
  assert.equal(daemon.log.filter((line) => line.includes('poll failed') && line.includes(topic.name)).length, 4);
  assert.equal(daemon.log.filter((line) => line.includes('works again') && line.includes(topic.name)).length, 1);
});

// ---- retries ----

describe('retries:', () => {
  const cases = [
    ['a listed status, by default three times', 503, {}, 4],
    ['as often as retryMaxAttempts says', 500, { retryMaxAttempts: 5 }, 6],
    ['none', 504, { retryMaxAttempts: 0 }, 1],
    ['none of a status that is not listed', 502, {}, 1],
    ['only what the list says', 500, { retryOnHttpCodes: [404] }, 1],
    ['what the list says', 404, { retryOnHttpCodes: [404], retryMaxAttempts: 2 }, 3],
    ['connections that break, like a listed status', 0, { retryOnHttpCodes: [], retryMaxAttempts: 2 }, 3],
  ];
  for (const [name, status, config, requests] of cases) {
    it(name, async (t) => {
      // Of its own: on connections that were kept, libcurl repeats a request that got no answer.
      const own = await startOrigin();
      t.after(() => own.close());
      own.on('/', (req, res) => {
        if (!status) res.socket.destroy();
        res.statusCode = status || 200;
        res.end();
      });
      const topic = await createTopic(daemon, { url: own.url('/'), ...FAST_RETRIES, ...config });
      const outcome = await pollOnce(topic);
      assert.equal(outcome.exit, 'error');
      assert.equal(own.requests('/').length, requests);
    });
  }

  it('one that succeeds makes the poll a success, of which nobody hears', async (t) => {
    const at = newPath();
    origin.on(at, (req, res, n) => {
      if (n % 3) res.statusCode = 503;
      res.end(JSON.stringify({ n }));
    });
    const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, ...FAST_RETRIES });
    const stream = await follow(t, daemon, topic);
    for (const n of [3, 6, 9]) {
      const frame = await stream.next(isEvent);
      assert.equal(frame.event, 'snapshot');
      assert.deepEqual(JSON.parse(frame.data), { n });
    }
    assert.equal(daemon.log.filter((line) => line.includes(topic.name) && line.includes('poll failed')).length, 0);
  });

  it('wait at least the initial and at most the longest back-off', async () => {
    const at = newPath();
    origin.status(at, 503);
    const topic = await createTopic(daemon, {
      url: origin.url(at), retryBackOffInitialDuration: 'PT0.1S', retryBackOffMaxDuration: 'PT0.3S', retryBackOffFactor: 0,
    });
    await pollOnce(topic);
    const times = origin.requests(at).map((r) => r.at);
    [100, 200, 300].forEach((wait, i) => {
      const took = times[i + 1] - times[i];
      assert.ok(took > wait - 5 && took < wait + 150, `retry ${i} after ${took} ms`);
    });
  });
});

// ---- Retry-After ----

describe('Retry-After:', { concurrency: 6 }, () => {
  const inSeconds = (s) => new Date(Date.now() + s * 1000).toUTCString();
  for (const [name, status, value, [least, most]] of [
    ['seconds on 429', 429, () => '2', [1950, 3500]],
    ['seconds on 503', 503, () => '2', [1950, 3500]],
    ['a date on 429', 429, () => inSeconds(3), [1900, 4500]],
    ['zero', 429, () => '0', [0, 1000]],
    ['a date that has passed', 503, () => inSeconds(-3600), [0, 1000]],
    ['a date of the year 1', 503, () => 'Mon, 01 Jan 0001 00:00:00 GMT', [0, 1000]],
    ['a negative number', 429, () => '-5', [0, 1000]],
    ['what means nothing', 429, () => 'soon', [0, 1000]],
    ['another status, of which it is no matter', 500, () => '60', [0, 1000]],
  ]) {
    it(name, async (t) => {
      const at = newPath();
      origin.json(at, { a: 1 });
      const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD, retryOnHttpCodes: [] });
      const stream = await follow(t, daemon, topic);
      await stream.next(isEvent);
      let asked;
      origin.on(at, (req, res) => {
        asked = performance.now();
        res.writeHead(status, { 'Retry-After': value() });
        res.end();
        origin.json(at, { a: 2 });
      });
      await nextError(stream);
      await stream.next(isEvent);
      const took = origin.requests(at).find((r) => r.at > asked).at - asked;
      assert.ok(took >= least && took <= most, `${took} ms`);
    });
  }

  it('absurd numbers and dates are cut to a day', async (t) => {
    for (const value of ['99999999999999999999999', '2592000', 'Fri, 31 Dec 9999 23:59:59 GMT']) {
      const at = newPath();
      origin.status(at, 503, { 'Retry-After': value });
      const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD });
      const stream = await follow(t, daemon, topic);
      await nextError(stream);
      const { poller } = await debugOf(daemon, topic);
      assert.match(poller.askedToWait, /^(P1D|PT24H|PT86400S|PT863\d\d(\.\d+)?S)$/, value);
      assert.equal(poller.nextIn, poller.askedToWait);
      assert.equal(count(at), 1);
    }
  });

  it('within a poll the retry waits for it', async () => {
    const at = newPath();
    origin.on(at, (req, res, n) => {
      if (n === 1) res.writeHead(503, { 'Retry-After': '1' });
      res.end('{"a":1}');
    });
    const topic = await createTopic(daemon, { url: origin.url(at), ...FAST_RETRIES });
    const outcome = await pollOnce(topic);
    assert.equal(outcome.exit, 'ok');
    const [first, second] = origin.requests(at);
    assert.ok(second.at - first.at > 950, `${second.at - first.at} ms`);
  });

  it('survives a restart', async (t) => {
    let own = await startDaemon({ args: ARGS });
    t.after(() => own.stop());
    const at = newPath();
    origin.status(at, 429, { 'Retry-After': '4' });
    const topic = await createTopic(own, { url: origin.url(at), pollingPeriod: PERIOD }, { alwaysOn: true });
    const { at: asked } = await origin.asked(at);
    await eventually(async () => (await debugOf(own, topic)).error, 'the error');
    origin.json(at, { a: 1 });
    await own.stop();
    own = await startDaemon({ args: ARGS, data: own.data });
    assert.match((await debugOf(own, topic)).poller.askedToWait, /^PT[0-4](\.\d+)?S$/);
    const next = await origin.asked(at, 2);
    assert.ok(next.at - asked > 3900 && next.at - asked < 6000, `${next.at - asked} ms`);
  });
});

// ---- redirects ----

async function firstOf(t, config, on = daemon) {
  const topic = await createTopic(on, { pollingPeriod: 'PT1H', retryMaxAttempts: 0, ...config });
  const stream = await follow(t, on, topic);
  return stream.next(isEvent);
}

const redirect = (to, status = 302) => (req, res) => {
  res.writeHead(status, { Location: to });
  res.end();
};

test('redirects are followed, five of them', async (t) => {
  const chain = (n) => {
    const at = newPath();
    for (let i = 0; i < n; i++) origin.on(`${at}/${i}`, redirect(i + 1 < n ? `${i + 1}` : './end?of=it', [301, 302, 303, 307, 308][i % 5]));
    origin.json(`${at}/end`, { reached: n });
    return origin.url(`${at}/0`);
  };
  const frame = await firstOf(t, { url: chain(5) });
  assert.deepEqual(JSON.parse(frame.data), { reached: 5 });
  const error = JSON.parse((await firstOf(t, { url: chain(6) })).data);
  assert.equal(error.code, 70300);
  assert.match(error.message, /more than 5 redirects/);
});

test('redirects without end', async (t) => {
  const self = newPath();
  origin.on(self, redirect(self));
  const error = JSON.parse((await firstOf(t, { url: origin.url(self) })).data);
  assert.equal(error.code, 70300);
  assert.match(error.message, /loop/);
  assert.equal(count(self), 1);
  const on = newPath();
  origin.on(on, (req, res, n) => redirect(`${on}?n=${n}`)(req, res));
  const other = JSON.parse((await firstOf(t, { url: origin.url(on) })).data);
  assert.equal(other.code, 70300);
  assert.equal(count(on), 6);
});

test('redirects to what cannot be followed', async (t) => {
  for (const to of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'gopher://127.0.0.1/', 'http://', '//', 'http://127.0.0.1:99999/']) {
    const at = newPath();
    origin.on(at, redirect(to));
    const frame = await firstOf(t, { url: origin.url(at) });
    assert.equal(frame.event, 'error', to);
    const { code } = JSON.parse(frame.data);
    assert.ok([70300, 70404].includes(code), `${to}: ${code}`);
    if (!to.startsWith('/')) assert.equal(code, 70300, to);
  }
});

test('configured headers stay at the origin of the url', async (t) => {
  const other = await startOrigin();
  t.after(() => other.close());
  const headers = { Authorization: 'Bearer hush', Cookie: 'a=hush', 'X-Api-Key': 'hush', 'X-Own': 'hush' };
  const [start, within, end] = [newPath(), newPath(), newPath()];
  origin.on(start, redirect(within));
  origin.on(within, redirect(other.url('/there'), 307));
  other.on('/there', redirect(origin.url(end)));
  origin.json(end, { a: 1 });
  const frame = await firstOf(t, { url: origin.url(start), headers });
  assert.deepEqual(JSON.parse(frame.data), { a: 1 });
  for (const at of [start, within]) assert.equal(origin.requests(at)[0].headers['x-own'], 'hush');
  const [request] = other.requests('/there');
  assert.equal(JSON.stringify(request.rawHeaders).includes('hush'), false, request.rawHeaders.join());
});

test('a redirect from https to http is refused; from http to https it is not', async (t) => {
  const authority = makeAuthority();
  if (!authority) {
    t.skip('needs the program openssl to make a certificate');
    return;
  }
  const plain = newPath();
  origin.json(plain, { plain: true });
  const secure = https.createServer(authority.issue({ names: ['IP:127.0.0.1'] }), (req, res) => {
    if (req.url === '/down') redirect(origin.url(plain))(req, res);
    else res.end('{"secure":true}');
  });
  await new Promise((resolve) => secure.listen(0, '127.0.0.1', resolve));
  t.after(() => { secure.close(); secure.closeAllConnections(); });
  const base = `https://127.0.0.1:${secure.address().port}`;
  const own = await startDaemon({ args: [...ARGS, '--poll-ca-file', authority.file] });
  t.after(() => own.stop());

  const up = newPath();
  origin.on(up, redirect(`${base}/`));
  assert.deepEqual(JSON.parse((await firstOf(t, { url: origin.url(up) }, own)).data), { secure: true });
  const error = JSON.parse((await firstOf(t, { url: `${base}/down` }, own)).data);
  assert.equal(error.code, 70300);
  assert.match(error.message, /https to http/);
  assert.equal(count(plain), 0);
  // Who does not know the authority does not talk to it.
  const distrust = JSON.parse((await firstOf(t, { url: `${base}/` })).data);
  assert.equal(distrust.code, 70013);
  assert.match(distrust.message, /not trusted/);
});

test('redirects can be turned off', async (t) => {
  const own = await startDaemon({ args: [...ARGS, '--no-poll-follow-redirects'] });
  t.after(() => own.stop());
  const [at, end] = [newPath(), newPath()];
  origin.on(at, redirect(end));
  origin.json(end, { a: 1 });
  assert.equal(JSON.parse((await firstOf(t, { url: origin.url(at) }, own)).data).code, 70300);
  assert.equal(count(end), 0);
});

// ---- not modified ----

const conditions = (request) => [request.headers['if-none-match'], request.headers['if-modified-since']];
const DATE = 'Wed, 01 Jan 2025 00:00:00 GMT';

test('validators go back both together, and 304 is a success without a change', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 }, { etag: '"one"', headers: { 'Last-Modified': DATE } });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  await pollNow(daemon, topic);
  await eventually(async () => (await debugOf(daemon, topic)).lastPolls.length === 2, 'the poll');
  assert.deepEqual(origin.requests(at).map(conditions), [[undefined, undefined], ['"one"', DATE]]);
  assert.deepEqual((await debugOf(daemon, topic)).lastPolls.map((p) => [p.exit, p.status]), [['ok', 200], ['unchanged', 304]]);
  assert.equal(stream.frames.filter(isEvent).length, 1);
});

test('validators belong to the exact request', async (t) => {
  const [one, two] = [newPath(), newPath()];
  const value = { a: { b: 1 } };
  origin.json(one, value, { etag: '"one"' });
  origin.json(two, { a: { b: 2 } }, { etag: '"one"' }); // the same tag means another document here
  const topic = await createTopic(daemon, { url: origin.url(one), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  await patchConfig(daemon, topic, { url: origin.url(two) });
  assert.deepEqual(conditions(await origin.asked(two)), [undefined, undefined]);
  assert.equal(seqOf(await stream.next(isEvent)), 2);
  await patchConfig(daemon, topic, { headers: { 'X-Who': 'me' } });
  assert.deepEqual(conditions(await origin.asked(two, 2)), [undefined, undefined]);
  // The same answer, but another part of it: the hash of the body must not say "unchanged".
  await patchConfig(daemon, topic, { payloadPointer: '/a' });
  assert.deepEqual(conditions(await origin.asked(two, 3)), [undefined, undefined]);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { b: 2 });
  await pollNow(daemon, topic);
  assert.equal(conditions(await origin.asked(two, 4))[0], '"one"');
});

test('validators are of the url that was asked, not of where it redirects', async (t) => {
  const [at, one, two] = [newPath(), newPath(), newPath()];
  const tagged = (a) => ({ a, filler: 'x'.repeat(100) });
  origin.json(at, tagged(0), { etag: '"1"' });
  origin.json(one, tagged(1), { etag: '"1"' });
  origin.json(two, tagged(2), { etag: '"1"' }); // the same tag, each time of another document
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  for (const to of [one, two]) {
    origin.on(at, redirect(to));
    await pollNow(daemon, topic);
    assert.equal(JSON.parse((await stream.next(isEvent)).data)[0].value, to === one ? 1 : 2);
  }
  assert.deepEqual(origin.requests(at).map((r) => conditions(r)[0]), [undefined, '"1"', undefined]);
});

test('validators of an answer that was not published are not kept', async (t) => {
  const at = newPath();
  origin.json(at, { a: 1 }, { etag: '"good"' });
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const stream = await follow(t, daemon, topic);
  await stream.next(isEvent);
  origin.json(at, '{"a":', { etag: '"bad"' });
  await pollNow(daemon, topic);
  assert.equal((await nextError(stream)).code, 70016);
  origin.json(at, { a: 2 }, { etag: '"bad"' }); // repaired, without another tag
  await pollNow(daemon, topic);
  assert.deepEqual(JSON.parse((await stream.next(isEvent)).data), { a: 2 });
  assert.deepEqual(origin.requests(at).map((r) => conditions(r)[0]), [undefined, '"good"', '"good"']);
});

test('304 that nobody asked for is an error, not an empty document', async (t) => {
  const at = newPath();
  origin.status(at, 304, { ETag: '"x"' });
  const error = JSON.parse((await firstOf(t, { url: origin.url(at) })).data);
  assert.equal(error.code, 70012);
});

test('new validators of the same document are taken over', async () => {
  const at = newPath();
  const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: 'PT1H' });
  const versions = [
    [{ ETag: '"1"' }, '{"a":1}'],
    [{ ETag: '"2"' }, '{"a":1}'], // the same bytes
    [{ ETag: '"3"' }, '{ "a": 1.0 }'], // the same value
    [{ 'Last-Modified': DATE }, '{ "a": 1.0 }'],
    [{ 'Last-Modified': 'Thu, 02 Jan 2025 00:00:00 GMT' }, '{ "a": 1.0 }'],
    [{}, '{ "a": 1.0 }'],
    [{}, '{ "a": 1.0 }'],
  ];
  origin.on(at, (req, res, n) => {
    res.writeHead(200, versions[n - 1][0]);
    res.end(versions[n - 1][1]);
  });
  for (const _ of versions) await pollOnce(topic);
  assert.deepEqual(origin.requests(at).map(conditions), [
    [undefined, undefined], ['"1"', undefined], ['"2"', undefined], ['"3"', undefined],
    [undefined, DATE], [undefined, 'Thu, 02 Jan 2025 00:00:00 GMT'], [undefined, undefined],
  ]);
  const { sequence, lastPolls } = await debugOf(daemon, topic);
  assert.equal(sequence, 1);
  assert.deepEqual(lastPolls.map((p) => p.exit), ['ok', ...Array(6).fill('unchanged')]);
});
