// What holds for all calls of the API: statuses and their shape, compressed answers, conditional requests, web pages of
// other origins, names of the server.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { assertErrors, rawRequest } from './lib/api.js';
import { failToStart, startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { openStream } from './lib/sse.js';
import { createPostTopic, createTopic, eventually, pollNow, POSTS, SSE, TOPICS } from './lib/topics.js';

let daemon;
let origin;
let topic; // with a document of some KiB
const document = { list: Array.from({ length: 500 }, (_, i) => ({ id: i, name: `element ${i}` })) };

before(async () => {
  [daemon, origin] = await Promise.all([startDaemon({ args: ['--loops', '2'] }), startOrigin()]);
  origin.json('/doc', document);
  topic = await createTopic(daemon, { url: origin.url('/doc'), headers: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-Header-${i}`, 'value '.repeat(5)])) });
  await pollNow(daemon, topic);
  await eventually(async () => (await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`)).status === 200, 'a document');
});
after(() => Promise.all([daemon.stop(), origin.close()]));

// ---- statuses ----

describe('every method on every known path:', () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

  test('405 with Allow and 204 for OPTIONS, as the list of calls says', async () => {
    const list = (await daemon.request('GET', '/')).text;
    const offered = new Map();
    for (const [, method, path] of list.matchAll(/^(\w+) +(\/\S*)$/gm)) {
      const shape = path.replaceAll(/\{\w+\}/g, 'nobody');
      offered.set(shape, [...(offered.get(shape) ?? []), method]);
    }
    assert.ok(offered.size > 10);
    for (const [path, own] of offered) {
      const allow = methods.filter((method) => own.includes(method) || method === 'OPTIONS' || (method === 'HEAD' && own.includes('GET')));
      for (const method of methods.filter((one) => !own.includes(one) && !(one === 'HEAD' && own.includes('GET')))) {
        const answer = await daemon.request(method, path);
        if (method === 'OPTIONS') {
          assert.equal(answer.status, 204, path);
          assert.equal(answer.text, '');
        } else if (method === 'HEAD') {
          assert.equal(answer.status, 405, path);
          assert.equal(answer.text, '');
          assert.ok(Number(answer.headers['content-length']) > 0);
        } else if (path.startsWith('/eventnotifications/')) {
          assert.equal(answer.status, 405, path);
          assert.deepEqual(Object.keys(answer.json), ['type', 'title', 'status', 'traceId'], path);
        } else {
          assertErrors(answer, 405, { title: 'Method Not Allowed', says: new RegExp(`${method} is not offered here`) });
        }
        assert.equal(answer.headers.allow, allow.join(', '), path);
      }
    }
  });

  test('404 for any method elsewhere', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      for (const path of ['/nowhere', `${TOPICS}/`, `${TOPICS}/a/b`, '/streams']) {
        assertErrors(await daemon.request(method, path), 404, { title: 'Not Found' });
      }
    }
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      assertErrors(await daemon.request(method, `${TOPICS}/nobody`, { body: method === 'PATCH' ? {} : undefined }), 404, { says: /"nobody"/ });
    }
  });
});

describe('406:', () => {
  const cases = [
    ['application/json', true], ['*/*', true], ['application/*;q=0.1', true], ['text/html, */*;q=0.5', true], ['', true],
    ['application/json; charset=utf-8', true], ['text/html', false], ['application/json;q=0', false], ['application/json;q=0, */*', false],
    ['application/xml, text/*', false],
  ];
  for (const [accept, good] of cases) {
    test(`Accept: ${accept}`, async () => {
      for (const path of [TOPICS, `${TOPICS}/${topic.id}`, `${TOPICS}/${topic.id}/snapshot`, `${TOPICS}/${topic.id}/events`]) {
        const answer = await daemon.request('GET', path, { headers: { Accept: accept } });
        if (good) assert.equal(answer.status, 200);
        else assertErrors(answer, 406, { title: 'Not Acceptable', says: /application\/json/ });
      }
      const made = await daemon.request('POST', TOPICS, { body: {}, headers: { Accept: accept } });
      assert.equal(made.status, good ? 400 : 406);
    });
  }
  test('Accept in several fields is one list', async () => {
    assert.equal((await daemon.request('GET', TOPICS, { headers: { Accept: ['text/html', 'application/json'] } })).status, 200);
  });
});

describe('415:', () => {
  const json = ['application/json', 'Application/JSON; charset=utf-8', 'application/json;charset="UTF-8"', 'application/json ; charset=UTF-8;'];
  const other = ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'application/json; charset=utf-16', 'application/json; charset=latin1',
    'application/json; version=1', 'application/json; charset=utf-8; version=1', 'application/json, text/plain', 'multipart/form-data; boundary=x', ''];
  const merge = ['application/merge-patch+json', 'application/merge-patch+json;charset=utf-8'];
  const send = (method, type, more = {}) => daemon.request(method, method === 'POST' ? TOPICS : `${TOPICS}/${topic.id}`, { body: '[]', headers: { 'Content-Type': type, ...more } });

  for (const [method, good, bad] of [['POST', json.slice(0, 3), [...other, ...merge, 'application/json-patch+json']], ['PUT', json.slice(0, 3), [...other, ...merge]], ['PATCH', [...json.slice(0, 3), ...merge], [...other, 'application/json-patch+json']]]) {
    test(method, async () => {
      // "[]" is no topic, which is found out only after its type was accepted.
      for (const type of good) assertErrors(await send(method, type), 400, { pointer: '', says: /expected an object, found an array/ });
      for (const type of bad) {
        const answer = await send(method, type);
        assertErrors(answer, 415, { title: 'Unsupported Media Type', says: /expected Content-Type: application\// });
        const offered = answer.headers[method === 'PATCH' ? 'accept-patch' : 'accept'];
        assert.equal(offered, method === 'PATCH' ? 'application/merge-patch+json, application/json' : 'application/json');
      }
    });
  }
  test('no type at all', async () => {
    for (const [method, path] of [['POST', TOPICS], ['PUT', `${TOPICS}/${topic.id}`], ['PATCH', `${TOPICS}/${topic.id}`]]) {
      for (const body of ['{}', undefined]) {
        const answer = await rawRequest(daemon, method, path, { body });
        assert.equal(answer.status, 415);
        assert.match(answer.plain.toString(), /found none/);
      }
    }
  });
  test('a compressed body', async () => {
    for (const coding of ['gzip', 'br', 'identity, gzip']) {
      const answer = await send('POST', 'application/json', { 'Content-Encoding': coding });
      assertErrors(answer, 415, { says: /without Content-Encoding/ });
      assert.equal(answer.headers['accept-encoding'], 'identity');
    }
    assert.equal((await send('POST', 'application/json', { 'Content-Encoding': 'identity' })).status, 400);
  });
});

test('413: a topic over 256 KiB, and a body over what the server takes', async () => {
  const padded = (n) => JSON.stringify({ name: 'a', pad: 'x'.repeat(n) });
  for (const [method, path] of [['POST', TOPICS], ['PUT', `${TOPICS}/${topic.id}`], ['PATCH', `${TOPICS}/${topic.id}`]]) {
    assertErrors(await daemon.request(method, path, { body: padded(262_144) }), 413, { title: 'Content Too Large', says: /262144/ });
    const huge = await daemon.request(method, path, { body: padded(2_000_000) });
    assert.equal(huge.status, 413);
    assert.equal(huge.json.errors[0].status, 413);
  }
});

test('503 while it stops, of what opens a stream; what was begun before is done', async (t) => {
  const own = await startDaemon({ args: ['--loops', '2', '--drain', 'PT5S'] });
  t.after(() => own.stop());
  const topic = await createPostTopic(own, { payload: 'snapshot', subscribers: [{ type: 'sse' }, { type: 'websocket' }] });
  const { hostname, port } = new URL(own.url);
  const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const requests = {
    ready: [head('GET', '/health/ready'), 503],
    live: [head('GET', '/health/live'), 200],
    stream: [head('GET', `${SSE}/${topic.id}`), 503],
    websocket: [head('GET', '/streams/subscribers/websocket/api/v1/topics', upgrade), 503],
    post: [`${head('POST', `${POSTS}/${topic.id}`, 'Content-Type: application/json\r\nContent-Length: 7\r\n')}{"a":1}`, 202],
  };
  // Of each connection a whole request, which is answered, and all of another but its last byte.
  const begin = ([request]) => new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(head('GET', '/health/live') + request.slice(0, -1)));
    t.after(() => socket.destroy());
    const first = '{"status":"live"}';
    let text = '';
    const ended = new Promise((done) => socket.on('close', () => done(text.slice(text.indexOf(first) + first.length))));
    socket.on('error', reject);
    socket.on('data', (part) => {
      text += part;
      if (text.includes(first)) resolve(() => (socket.write(request.slice(-1)), within(10_000, ended, 'the end of the connection')));
    });
  });
  const begun = await Promise.all(Object.values(requests).map(begin));
  const stopped = own.stop();
  // By then all loops know.
  await eventually(() => own.request('GET', '/health/live').then(() => false, (error) => error.code === 'ECONNREFUSED'), 'nobody to listen');
  const answers = await Promise.all(begun.map((finish) => finish()));
  Object.entries(requests).forEach(([name, [, status]], i) => {
    assert.match(answers[i], new RegExp(`^HTTP/1\\.1 ${status} .*\r\nConnection: close\r\n`, 's'), name);
  });
  await stopped;
});

test('titles say which kind of fault it is', async () => {
  const { json } = await daemon.request('POST', TOPICS, { body: { name: 1, publisher: { type: 'http-poller', config: {} } } });
  assert.deepEqual(json.errors.map((error) => [error.title, error.source]), [
    ['Validation error: Topic', { parameter: 'name', pointer: '/name' }],
    ['Validation error: Publisher config', { parameter: 'config', pointer: '/publisher/config/url' }],
  ]);
  const syntax = await daemon.request('POST', TOPICS, { body: '{\n "a" }' });
  assert.deepEqual([syntax.json.errors[0].title, syntax.json.errors[0].meta], ['Bad Request', { line: 2, column: 6 }]);
});

// ---- compressed answers ----

describe('gzip:', () => {
  const paths = () => [`${TOPICS}?pageSize=100`, `${TOPICS}/${topic.id}`, `${TOPICS}/${topic.id}/snapshot`, `${TOPICS}/${topic.id}/events`, '/metrics', '/', '/openapi.yaml'];

  test('for who accepts it', async () => {
    for (const path of paths()) {
      const plain = await rawRequest(daemon, 'GET', path);
      assert.equal(plain.headers['content-encoding'], undefined, path);
      assert.match(plain.headers.vary, /Accept-Encoding/, path);
      for (const accept of ['gzip', 'br;q=1, gzip;q=0.2', '*', 'x-gzip', 'identity;q=0.5, gzip']) {
        const coded = await rawRequest(daemon, 'GET', path, { headers: { 'Accept-Encoding': accept } });
        assert.equal(coded.status, 200);
        assert.equal(coded.headers['content-encoding'], 'gzip', `${path} ${accept}`);
        assert.match(coded.headers.vary, /Accept-Encoding/);
        assert.equal(coded.headers['content-type'], plain.headers['content-type']);
        assert.ok(coded.body.length < plain.body.length / 1.5);
        if (path !== '/metrics') assert.deepEqual(coded.plain, plain.body);
      }
      for (const accept of ['', 'identity', 'gzip;q=0', 'br, deflate', '*;q=0', 'identity, gzip;q=0.5']) {
        const other = await rawRequest(daemon, 'GET', path, { headers: { 'Accept-Encoding': accept } });
        assert.equal(other.headers['content-encoding'], undefined, `${path} ${accept}`);
      }
    }
  });

  test('HEAD tells what GET would', async () => {
    const headers = { 'Accept-Encoding': 'gzip' };
    for (const path of paths().filter((one) => one !== '/metrics')) {
      const [get, head] = [await rawRequest(daemon, 'GET', path, { headers }), await rawRequest(daemon, 'HEAD', path, { headers })];
      for (const name of ['content-encoding', 'content-length', 'etag', 'vary', 'content-type']) assert.equal(head.headers[name], get.headers[name], `${path} ${name}`);
      assert.equal(head.body.length, 0);
    }
  });

  test('short answers and errors stay as they are', async () => {
    for (const path of ['/health/live', `${TOPICS}?search=name:nobody`, '/nobody']) {
      assert.equal((await rawRequest(daemon, 'GET', path, { headers: { 'Accept-Encoding': 'gzip' } })).headers['content-encoding'], undefined);
    }
  });

  test('the tag of the compressed form is another, and either stands for the state', async () => {
    for (const path of [`${TOPICS}/${topic.id}`, `${TOPICS}/${topic.id}/snapshot`]) {
      const plain = (await rawRequest(daemon, 'GET', path)).headers.etag;
      const coded = (await rawRequest(daemon, 'GET', path, { headers: { 'Accept-Encoding': 'gzip' } })).headers.etag;
      assert.match(plain, /^"[\d.]+"$/);
      assert.equal(coded, plain.replace(/"$/, '-gzip"'));
      for (const tag of [plain, coded]) {
        for (const [accept, expected] of [['', plain], ['gzip', coded]]) {
          const same = await rawRequest(daemon, 'GET', path, { headers: { 'If-None-Match': tag, 'Accept-Encoding': accept } });
          assert.equal(same.status, 304);
          assert.equal(same.body.length, 0);
          assert.equal(same.headers.etag, expected);
          assert.match(same.headers.vary, /Accept-Encoding/);
          assert.equal(same.headers['content-encoding'], undefined);
        }
      }
    }
  });
});

// ---- conditional requests ----

describe('conditions:', () => {
  const own = async () => {
    const made = await daemon.request('POST', TOPICS, { body: { name: `conditions ${Math.random()}`, publisher: { type: 'http-post', config: {} } } });
    assert.equal(made.status, 201, made.text);
    return { target: made.headers.location, etag: made.headers.etag, body: { name: made.json.name, publisher: { type: 'http-post', config: {} } }, id: made.json.id };
  };
  const tag = async (target) => (await daemon.request('GET', target)).headers.etag;

  test('each state of a topic has a tag of its own', async () => {
    const { target, etag, body } = await own();
    assert.match(etag, /^"\d+\.\d+"$/);
    assert.equal(await tag(target), etag);
    const patched = await daemon.request('PATCH', target, { body: { publisher: { alwaysOn: true } } });
    assert.notEqual(patched.headers.etag, etag);
    assert.equal(await tag(target), patched.headers.etag);
    const unchanged = await daemon.request('PATCH', target, { body: { publisher: { alwaysOn: true } } });
    assert.equal(unchanged.headers.etag, patched.headers.etag);
    const put = await daemon.request('PUT', target, { body });
    assert.equal(new Set([etag, patched.headers.etag, put.headers.etag]).size, 3);
    await daemon.request('DELETE', target);
    const anew = await daemon.request('PUT', target, { body });
    assert.equal(anew.status, 201);
    assert.ok(![etag, patched.headers.etag, put.headers.etag].includes(anew.headers.etag));
  });

  test('GET and HEAD: 304 while the topic is as it was', async () => {
    const { target, etag } = await own();
    for (const method of ['GET', 'HEAD']) {
      for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const same = await daemon.request(method, target, { headers: { 'If-None-Match': value } });
        assert.equal(same.status, 304, value);
        assert.equal(same.text, '');
        assert.equal(same.headers.etag, etag);
        assert.equal(same.headers['content-type'], undefined);
      }
      for (const value of ['"x"', etag.replaceAll('"', ''), '']) assert.equal((await daemon.request(method, target, { headers: { 'If-None-Match': value } })).status, 200, value);
      assert.equal((await daemon.request(method, target, { headers: { 'If-Match': '"x"' } })).status, 412);
      assert.equal((await daemon.request(method, target, { headers: { 'If-Match': etag } })).status, 200);
    }
    assert.equal((await daemon.request('GET', target, { headers: { 'If-None-Match': ['"x"', etag] } })).status, 304);
    await daemon.request('PATCH', target, { body: { publisher: { alwaysOn: true } } });
    assert.equal((await daemon.request('GET', target, { headers: { 'If-None-Match': etag } })).status, 200);
  });

  test('PATCH, PUT and DELETE: 412 for another state', async () => {
    const { target, etag, body } = await own();
    const patched = await daemon.request('PATCH', target, { body: { publisher: { alwaysOn: true } }, headers: { 'If-Match': etag } });
    assert.equal(patched.status, 200);
    for (const [method, more] of [['PATCH', { body: {} }], ['PUT', { body }], ['DELETE', {}]]) {
      for (const value of [etag, '"x"', `W/${patched.headers.etag}`, '']) {
        assertErrors(await daemon.request(method, target, { ...more, headers: { 'If-Match': value } }), 412, { title: 'Precondition Failed', says: /If-Match/ });
      }
      assertErrors(await daemon.request(method, target, { ...more, headers: { 'If-None-Match': patched.headers.etag } }), 412, { says: /If-None-Match/ });
    }
    assert.equal(await tag(target), patched.headers.etag);
    const coded = patched.headers.etag.replace(/"$/, '-gzip"');
    assert.equal((await daemon.request('PATCH', target, { body: { publisher: { alwaysOn: false } }, headers: { 'If-Match': `"x", ${coded}` } })).status, 200);
    assert.equal((await daemon.request('PUT', target, { body: { ...body, publisher: { ...body.publisher, alwaysOn: true } }, headers: { 'If-Match': '*' } })).status, 200);
    assert.equal((await daemon.request('DELETE', target, { headers: { 'If-Match': await tag(target) } })).status, 204);
    assert.equal((await daemon.request('GET', target)).status, 404);
  });

  test('PUT with If-None-Match: * only creates, with If-Match only replaces', async () => {
    const { id, body } = await own();
    assertErrors(await daemon.request('PUT', `${TOPICS}/${id}`, { body, headers: { 'If-None-Match': '*' } }), 412, { says: /If-None-Match/ });
    await daemon.request('DELETE', `${TOPICS}/${id}`);
    for (const value of ['*', '"1.1"']) assertErrors(await daemon.request('PUT', `${TOPICS}/${id}`, { body, headers: { 'If-Match': value } }), 412, { says: /nothing here/ });
    const made = await daemon.request('PUT', `${TOPICS}/${id}`, { body, headers: { 'If-None-Match': '*' } });
    assert.equal(made.status, 201, made.text);
    assertErrors(await daemon.request('PATCH', `${TOPICS}/11111111-2222-4333-8444-000000000000`, { body, headers: { 'If-Match': '"x"' } }), 404, {});
  });

  test('of many that race with the same tag one wins', async () => {
    const { target, etag } = await own();
    const race = await Promise.all(Array.from({ length: 20 }, (_, i) => daemon.request('PATCH', target, { body: { name: `winner ${i}` }, headers: { 'If-Match': etag } })));
    assert.deepEqual(race.map((answer) => answer.status).sort(), [200, ...Array(19).fill(412)]);
    const fresh = '11111111-2222-4333-8444-000000000001';
    const creators = await Promise.all(Array.from({ length: 20 }, (_, i) => daemon.request('PUT', `${TOPICS}/${fresh}`, { body: { name: `creator ${i}`, publisher: { type: 'http-post', config: {} } }, headers: { 'If-None-Match': '*' } })));
    assert.deepEqual(creators.map((answer) => answer.status).sort(), [201, ...Array(19).fill(412)]);
    const now = await tag(target);
    const enders = await Promise.all(Array.from({ length: 10 }, (_, i) => daemon.request(i % 2 ? 'DELETE' : 'PATCH', target, { body: i % 2 ? undefined : { name: `ender ${i}` }, headers: { 'If-Match': now } })));
    const won = enders.filter((answer) => answer.status < 300);
    assert.equal(won.length, 1, enders.map((answer) => answer.status).join());
    for (const answer of enders.filter((one) => one.status >= 300)) assert.ok([404, 412].includes(answer.status), answer.text);
  });

  test('the snapshot, too', async () => {
    const path = `${TOPICS}/${topic.id}/snapshot`;
    const { headers } = await daemon.request('GET', path);
    assert.equal((await daemon.request('GET', path, { headers: { 'If-None-Match': headers.etag } })).status, 304);
    assertErrors(await daemon.request('GET', path, { headers: { 'If-Match': '"0"' } }), 412, {});
  });
});

// ---- web pages of other origins ----

const allowed = 'https://app.example.com';
const exposed = 'Location, ETag, Link, Retry-After';
const cors = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

describe('CORS:', () => {
  let listed;
  let open;
  before(async () => {
    [listed, open] = await Promise.all([
      startDaemon({ args: ['--loops', '1', '--cors-origins', `${allowed},http://localhost:3000`] }),
      startDaemon({ args: ['--loops', '1', '--cors-origins', '*'] }),
    ]);
  });
  after(() => Promise.all([listed.stop(), open.stop()]));

  test('none without the setting', async () => {
    for (const [method, path] of [['GET', TOPICS], ['OPTIONS', TOPICS], ['GET', '/nobody']]) {
      const { headers } = await daemon.request(method, path, { headers: { Origin: allowed, 'Access-Control-Request-Method': 'POST' } });
      assert.deepEqual(cors(headers), {});
      assert.ok(!/Origin/.test(headers.vary ?? ''));
    }
  });

  test('a listed origin, on every answer', async () => {
    const headers = { Origin: allowed };
    const expected = { 'access-control-allow-origin': allowed, 'access-control-allow-credentials': 'true', 'access-control-expose-headers': exposed };
    const made = await listed.request('POST', TOPICS, { body: { name: 'a', publisher: { type: 'http-post', config: {} } }, headers });
    assert.equal(made.status, 201);
    assert.deepEqual(cors(made.headers), expected);
    for (const [method, path, status, more] of [
      ['GET', TOPICS, 200], ['HEAD', TOPICS, 200], ['GET', '/nobody', 404], ['DELETE', TOPICS, 405], ['POST', TOPICS, 400, { body: '{' }],
      ['GET', made.headers.location, 304, { headers: { ...headers, 'If-None-Match': made.headers.etag } }], ['OPTIONS', TOPICS, 204], ['DELETE', made.headers.location, 204],
    ]) {
      const answer = await listed.request(method, path, { headers, ...more });
      assert.equal(answer.status, status, `${method} ${path}`);
      assert.deepEqual(cors(answer.headers), expected, `${method} ${path}`);
      assert.match(answer.headers.vary, /Origin/);
    }
  });

  test('another origin', async () => {
    for (const other of ['https://evil.example', 'http://app.example.com', `${allowed}:8443`, 'https://app.example.com.evil.example', 'null', '*', '']) {
      const { status, headers } = await listed.request('GET', TOPICS, { headers: { Origin: other } });
      assert.equal(status, 200);
      assert.deepEqual(cors(headers), {}, other);
      assert.match(headers.vary, /Origin/);
    }
    assert.match((await listed.request('GET', TOPICS)).headers.vary, /Origin/);
  });

  test('preflight', async () => {
    const ask = (own, path, origin_, method = 'PATCH') => own.request('OPTIONS', path, { headers: { Origin: origin_, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'content-type,if-match' } });
    const answer = await ask(listed, `${TOPICS}/a`, allowed);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.allow, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS');
    assert.equal(answer.headers['access-control-allow-methods'], answer.headers.allow);
    assert.deepEqual(answer.headers['access-control-allow-headers'].toLowerCase().split(', '), ['accept', 'authorization', 'content-type', 'if-match', 'if-none-match', 'last-event-id']);
    assert.equal(answer.headers['access-control-max-age'], '600');
    assert.equal(answer.headers['access-control-allow-origin'], allowed);
    assert.equal((await ask(listed, `${TOPICS}/a`, 'https://evil.example')).headers['access-control-allow-origin'], undefined);
    assert.equal((await ask(open, TOPICS, 'https://evil.example')).headers['access-control-allow-origin'], '*');
    assert.equal((await ask(listed, '/nobody', allowed)).status, 404);
    const plain = await listed.request('OPTIONS', TOPICS, { headers: { Origin: allowed } });
    assert.equal(plain.headers['access-control-allow-methods'], undefined);
  });

  test('"*" is all, and never with credentials', async () => {
    for (const one of [allowed, 'null', undefined]) {
      const { headers } = await open.request('GET', TOPICS, { headers: one ? { Origin: one } : {} });
      assert.deepEqual(cors(headers), { 'access-control-allow-origin': '*', 'access-control-expose-headers': exposed });
      assert.ok(!/Origin/.test(headers.vary ?? ''));
    }
  });

  test('"*" beside a named origin', async (t) => {
    const both = await startDaemon({ args: ['--loops', '1', '--cors-origins', `*,${allowed}`] });
    t.after(() => both.stop());
    const named = await both.request('GET', TOPICS, { headers: { Origin: allowed } });
    assert.equal(named.headers['access-control-allow-origin'], allowed);
    assert.equal(named.headers['access-control-allow-credentials'], 'true');
    const other = await both.request('GET', TOPICS, { headers: { Origin: 'https://b.example' } });
    assert.equal(other.headers['access-control-allow-origin'], '*');
    assert.equal(other.headers['access-control-allow-credentials'], undefined);
    for (const { headers } of [named, other]) assert.match(headers.vary, /Origin/);
  });

  test('streams and their refusals', async (t) => {
    const made = await listed.request('POST', TOPICS, { body: { name: 'stream', publisher: { type: 'http-post', config: {} } } });
    const stream = await openStream(listed.url, `${SSE}/${made.json.id}`, { headers: { Origin: 'http://localhost:3000' } });
    t.after(() => stream.close());
    stream.socket.on('end', () => stream.socket.end());
    assert.equal(stream.status, 200);
    assert.equal(stream.headers['access-control-allow-origin'], 'http://localhost:3000');
    assert.equal(stream.headers['access-control-expose-headers'], exposed);
    const refused = await listed.request('GET', `${SSE}/nobody`, { headers: { Origin: allowed } });
    assert.equal(refused.status, 404);
    assert.equal(refused.headers['access-control-allow-origin'], allowed);
  });

  test('WebSocket, which browsers let any page open', async () => {
    const connect = (own, origin_) => own.request('GET', '/streams/subscribers/websocket/api/v1/topics', { headers: { Origin: origin_ } });
    for (const own of [daemon, listed]) assertErrors(await connect(own, 'https://evil.example'), 403, { says: /cors\.origins/ });
    // Let in, it lacks the upgrade.
    for (const [own, one] of [[listed, allowed], [open, 'https://evil.example'], [daemon, daemon.url]]) assertErrors(await connect(own, one), 426, {});
  });

  test('what is no origin is a fault of the settings', async () => {
    for (const wrong of ['app.example.com', 'https://a/', 'https://a:443', 'null']) {
      const { code, log } = await failToStart({ args: ['--cors-origins', wrong] });
      assert.notEqual(code, 0);
      assert.match(log, /cors\.origins: expected scheme:\/\/host/);
    }
  });
});

// ---- names of the server ----

describe('Host:', () => {
  const ask = (own, host, path = TOPICS, method = 'GET') => own.request(method, path, { headers: { Host: host } });

  test('addresses and localhost are let in, other names are not', async () => {
    const { port } = new URL(daemon.url);
    for (const host of ['localhost', `localhost:${port}`, 'LOCALHOST', '127.0.0.1', `127.0.0.1:${port}`, '[::1]', `[::1]:${port}`, '10.0.0.1', 'a.localhost', 'localhost.']) {
      assert.equal((await ask(daemon, host)).status, 200, host);
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', 'x', 'localhost:x', '[::1']) {
      for (const [path, method] of [[TOPICS, 'GET'], [TOPICS, 'OPTIONS'], ['/', 'GET'], ['/nobody', 'GET'], ['/metrics', 'GET'], [TOPICS, 'DELETE']]) {
        const answer = await ask(daemon, host, path, method);
        assertErrors(answer, 421, { title: 'Misdirected Request', says: /http\.hosts/ });
        assert.ok(answer.json.errors[0].detail.includes(host));
      }
    }
  });

  test('names of http.hosts', async (t) => {
    const own = await startDaemon({ args: ['--loops', '1', '--http-hosts', 'polls.example.com,other'] });
    t.after(() => own.stop());
    for (const host of ['polls.example.com', 'Polls.Example.com:8443', 'polls.example.com.', 'other', 'localhost']) assert.equal((await ask(own, host)).status, 200, host);
    for (const host of ['a.polls.example.com', 'example.com', 'polls.example.com.evil']) assert.equal((await ask(own, host)).status, 421, host);
    for (const wrong of ['http://a', 'a:80', '*.a']) {
      const { code, log } = await failToStart({ args: ['--http-hosts', wrong] });
      assert.notEqual(code, 0);
      assert.match(log, /http\.hosts: expected names without scheme and port/);
    }
  });

  test('it is not asked where others reach the server', async (t) => {
    const own = await startDaemon({ args: ['--loops', '1', '--listen', '0.0.0.0:0', '--insecure'] });
    t.after(() => own.stop());
    own.url = own.url.replace('0.0.0.0', '127.0.0.1');
    assert.equal((await ask(own, 'any.example')).status, 200);
  });
});
