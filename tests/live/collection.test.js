// The collection of topics: pages, orders, searches, and the links between pages. Two loops: each has a copy of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertErrors } from './lib/api.js';
import { startDaemon } from './lib/daemon.js';
import { TOPICS, eventually } from './lib/topics.js';

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const names = (answer) => answer.json.items.map((topic) => topic.name);
const query = (params) => `${TOPICS}?${new URLSearchParams(params)}`;

let daemon;
const topics = []; // in the order in which they were made

async function create(name, publisher) {
  const body = { name, publisher: { config: {}, ...publisher } };
  const answer = await daemon.request('POST', TOPICS, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

before(async () => {
  daemon = await startDaemon({ args: ['--loops', '2'] });
  for (let i = 0; i < 30; i++) {
    const poller = i % 3 === 0;
    topics.push(await create(`${i % 2 ? 'T' : 't'}opic ${String((i * 7) % 30).padStart(2, '0')}${i === 4 ? ' é' : ''}`, {
      type: poller ? 'http-poller' : 'http-post',
      config: poller ? { url: `http://127.0.0.1:9/${i}`, headers: { Authorization: 'Bearer hush' } } : {},
      payload: { type: i % 5 === 0 ? 'event' : 'snapshot' },
      alwaysOn: !poller && i % 4 === 1,
    }));
    // Times tell topics apart only where they differ.
    await eventually(async () => Date.now() > Date.parse(topics[i].createTimestamp), 'a millisecond');
  }
});
after(() => daemon.stop());

// What the whole collection is in this order, by a sort of our own.
function sorted(...keys) {
  const value = (topic, field) => field.split('.').reduce((at, name) => at[name], topic);
  return [...topics].sort((a, b) => {
    for (const [field, direction] of keys) {
      const order = byBytes(value(a, field), value(b, field));
      if (order) return direction === 'DESC' ? -order : order;
    }
    return byBytes(a.name, b.name);
  }).map((topic) => topic.name);
}

// ---- pages ----

test('pages: 20 topics unless asked for others, in the order of names', async () => {
  const first = await daemon.request('GET', TOPICS);
  assert.equal(first.status, 200);
  assert.deepEqual(Object.keys(first.json), ['items', 'links']);
  assert.deepEqual(names(first), sorted().slice(0, 20));
  assert.deepEqual(first.json.items[0], topics.find((topic) => topic.name === first.json.items[0].name));
  assert.deepEqual(first.json.links, {
    self: `${TOPICS}?page=1&pageSize=20`, first: `${TOPICS}?page=1&pageSize=20`,
    next: `${TOPICS}?page=2&pageSize=20`, last: `${TOPICS}?page=2&pageSize=20`,
  });
  assert.equal((await daemon.request('GET', `${TOPICS}?pageSize=1000`)).json.items.length, 30);
  assert.equal((await daemon.request('GET', `${TOPICS}?pageSize=1`)).json.items.length, 1);
});

// As RFC 8288 writes them.
function linkField(value) {
  return Object.fromEntries(value.split(', ').map((link) => {
    const [, target, rel] = /^<([^<>]*)>; rel="(\w+)"$/.exec(link);
    return [rel, target];
  }));
}

for (const rest of ['', '&sort=createTimestamp%2CDESC', '&search=name%21x+AND+%28publisher.type:http-post+OR+publisher.type:http-poller%29&sort=name,desc', '&other=%3Ca%3E&sort=publisher.type&x']) {
  test(`links lead through all pages and keep ${rest || 'nothing else'}`, async () => {
    const all = [];
    let target = `${TOPICS}?page=1&pageSize=7${rest}`;
    let number = 0;
    for (; target; number++) {
      const answer = await daemon.request('GET', target);
      assert.equal(answer.status, 200, answer.text);
      const url = (page) => `${TOPICS}?page=${page}&pageSize=7${rest}`;
      assert.deepEqual(answer.json.links, {
        self: url(number + 1), first: url(1), ...(number > 0 && { prev: url(number) }),
        ...(number < 4 && { next: url(number + 2) }), last: url(5),
      });
      assert.deepEqual(linkField(answer.headers.link), answer.json.links);
      all.push(...names(answer));
      target = answer.json.links.next;
    }
    assert.equal(number, 5);
    assert.deepEqual([...all].sort(byBytes), sorted());
  });
}

test('links: what was sent cannot end their target', async () => {
  const { headers, json } = await daemon.request('GET', `${TOPICS}?a=<b>;"c"&page=2&z="`);
  assert.equal(json.links.prev, `${TOPICS}?page=1&pageSize=20&a=%3Cb%3E;%22c%22&z=%22`);
  assert.equal(linkField(headers.link).prev, json.links.prev);
});

test('pages beyond the last are empty and lead back', async () => {
  const beyond = await daemon.request('GET', `${TOPICS}?page=4000000000&pageSize=1000`);
  assert.equal(beyond.status, 200);
  assert.deepEqual(beyond.json.items, []);
  assert.equal(beyond.json.links.prev, `${TOPICS}?page=1&pageSize=1000`);
  assert.equal(beyond.json.links.next, undefined);
  const none = await daemon.request('GET', query({ search: 'name:nobody', page: 3 }));
  assert.deepEqual(none.json.items, []);
  assert.equal(none.json.links.last, `${TOPICS}?page=1&pageSize=20&search=name%3Anobody`);
});

test('wrong page numbers are refused', async () => {
  for (const wrong of ['page=0', 'page=x', 'page=-1', 'page=', 'page=1.5', 'page=%zz', 'pageSize=0', 'pageSize=1001', 'page=99999999999999999999']) {
    assertErrors(await daemon.request('GET', `${TOPICS}?${wrong}`), 400, { parameter: wrong.split('=')[0], title: 'Validation error: Query' });
  }
});

test('parameters that are not known are passed over', async () => {
  assert.deepEqual((await daemon.request('GET', `${TOPICS}?pagesize=3&Sort=x&q=1&%zz`)).json.items.length, 20);
});

// ---- order ----

describe('sort:', () => {
  const fields = ['name', 'createTimestamp', 'modifyTimestamp', 'publisher.type', 'publisher.payload.type'];
  for (const field of fields) {
    for (const direction of ['ASC', 'DESC']) {
      test(`${field},${direction}`, async () => {
        assert.deepEqual(names(await daemon.request('GET', query({ sort: `${field},${direction}`, pageSize: 100 }))), sorted([field, direction]));
      });
    }
  }

  test('several fields in order, over pages', async () => {
    const sort = 'sort=publisher.payload.type,DESC&sort=publisher.type&sort=createTimestamp,desc';
    const all = [];
    for (let page = 1; page <= 3; page++) all.push(...names(await daemon.request('GET', `${TOPICS}?${sort}&page=${page}&pageSize=11`)));
    assert.deepEqual(all, sorted(['publisher.payload.type', 'DESC'], ['publisher.type', 'ASC'], ['createTimestamp', 'DESC']));
  });

  test('a topic that is changed moves, on every loop', async () => {
    const oldest = topics[0];
    const changed = await daemon.request('PATCH', `${TOPICS}/${oldest.id}`, { body: { name: 'zzz renamed' } });
    for (let i = 0; i < 8; i++) {
      assert.equal(names(await daemon.request('GET', query({ sort: 'modifyTimestamp,DESC', pageSize: 1 })))[0], 'zzz renamed');
      assert.equal(names(await daemon.request('GET', query({ sort: 'name,DESC', pageSize: 1 })))[0], 'zzz renamed');
    }
    topics[0] = { ...changed.json };
    assert.deepEqual(names(await daemon.request('GET', `${TOPICS}?pageSize=100`)), sorted());
    const gone = await create('AAA', { type: 'http-post' });
    assert.equal(names(await daemon.request('GET', TOPICS))[0], 'AAA');
    await daemon.request('DELETE', `${TOPICS}/${gone.id}`);
    assert.deepEqual(names(await daemon.request('GET', `${TOPICS}?pageSize=100`)), sorted());
  });

  for (const wrong of ['', 'id', 'Name', 'name,', 'name,UP', 'name,ASC,x', ',ASC', 'publisher', 'publisher.config.url', '%zz']) {
    test(`"${wrong}" is refused`, async () => {
      assertErrors(await daemon.request('GET', `${TOPICS}?sort=${wrong}`), 400, { parameter: 'sort', title: 'Validation error: Query' });
    });
  }
  test('more than five fields are refused', async () => {
    assert.equal((await daemon.request('GET', `${TOPICS}?${'sort=name&'.repeat(5)}`)).status, 200);
    assertErrors(await daemon.request('GET', `${TOPICS}?${'sort=name&'.repeat(6)}`), 400, { parameter: 'sort', says: /at most 5/ });
  });
});

// ---- search ----

describe('search:', () => {
  const cases = {
    'name:"Topic 07"': (t) => t.name === 'Topic 07',
    'name:"topic 28 é"': (t) => t.name === 'topic 28 é',
    'name!"Topic 07"': (t) => t.name !== 'Topic 07',
    'publisher.type:http-poller': (t) => t.publisher.type === 'http-poller',
    'publisher.payload.type:event AND publisher.type:http-post': (t) => t.publisher.payload.type === 'event' && t.publisher.type === 'http-post',
    'publisher.alwaysOn:true': (t) => t.publisher.alwaysOn,
    'publisher.alwaysOn!true AND publisher.type!http-poller': (t) => !t.publisher.alwaysOn && t.publisher.type !== 'http-poller',
    'subscribers.type:sse': () => true,
    'subscribers.type:webhook': () => false,
    'subscribers.allowedSubscriptionModes:event': (t) => t.publisher.payload.type === 'event',
    'subscribers.defaultSubscriptionMode:snapshot-patch OR name:nobody': (t) => t.publisher.payload.type === 'snapshot',
    'publisher?': () => true,
    'nobody?': () => false,
    '(publisher.type:http-post OR publisher.payload.type:event) AND publisher.alwaysOn:false':
      (t) => (t.publisher.type === 'http-post' || t.publisher.payload.type === 'event') && !t.publisher.alwaysOn,
  };
  for (const [search, fits] of Object.entries(cases)) {
    test(search, async () => {
      const expected = sorted().filter((name) => fits(topics.find((topic) => topic.name === name)));
      assert.deepEqual(names(await daemon.request('GET', query({ search, pageSize: 100 }))), expected);
      const backward = await daemon.request('GET', query({ search, pageSize: 3, sort: 'name,DESC' }));
      assert.deepEqual(names(backward), [...expected].reverse().slice(0, 3));
      assert.match(backward.json.links.last, new RegExp(`page=${Math.max(Math.ceil(expected.length / 3), 1)}&`));
    });
  }

  test('by id and by time', async () => {
    const { id, createTimestamp } = topics[5];
    assert.deepEqual((await daemon.request('GET', query({ search: `id:${id}` }))).json.items, [topics[5]]);
    assert.deepEqual((await daemon.request('GET', query({ search: `createTimestamp:${createTimestamp}` }))).json.items, [topics[5]]);
  });

  test('with an order of its own', async () => {
    const found = names(await daemon.request('GET', query({ search: 'publisher.type:http-poller', sort: 'createTimestamp,DESC', pageSize: 4, page: 2 })));
    assert.deepEqual(found, sorted(['createTimestamp', 'DESC']).filter((name) => topics.find((t) => t.name === name).publisher.type === 'http-poller').slice(4, 8));
  });

  test('an empty one asks for all', async () => {
    for (const search of ['', '  ']) assert.equal((await daemon.request('GET', query({ search }))).json.items.length, 20);
  });

  const refused = {
    'name:a and name:b': /at character 8: expected AND, OR or the end, found and/,
    'name': /at character 5: expected ":", "!" or "\?" after the name, found the end/,
    'é:ü (': /at character 5: expected AND, OR or the end/,
    'name:"a': /at character 8: expected the closing quote/,
    '(((name?))': /at character 11: expected AND, OR or "\)"/,
    'publisher.config.url:x': /publisher\.config/,
    'name? OR publisher.config?': /publisher\.config/,
    [`name:${'x'.repeat(5000)}`]: /at most 4096 bytes/,
    [Array(65).fill('a?').join(' OR ')]: /at most 64 operands/,
    [`${'('.repeat(33)}a?${')'.repeat(33)}`]: /at most 32 parentheses/,
  };
  for (const [search, says] of Object.entries(refused)) {
    test(`refused: ${search.slice(0, 40)}`, async () => {
      assertErrors(await daemon.request('GET', query({ search })), 400, { parameter: 'search', title: 'Validation error: Query', says });
    });
  }
  test('refused: what is no text', async () => {
    for (const search of ['%zz', 'name:%ff', '%00']) {
      assertErrors(await daemon.request('GET', `${TOPICS}?search=${search}`), 400, { parameter: 'search' });
    }
  });
});

test('the order outlives a restart', async (t) => {
  let own = await startDaemon({ args: ['--loops', '2'] });
  t.after(() => own.stop());
  for (const name of ['c', 'a', 'd', 'b']) {
    const { json } = await own.request('POST', TOPICS, { body: { name, publisher: { type: 'http-post', config: {} } } });
    await eventually(async () => Date.now() > Date.parse(json.createTimestamp), 'a millisecond');
  }
  await own.stop();
  own = await startDaemon({ data: own.data, args: ['--loops', '2'] });
  for (let i = 0; i < 4; i++) assert.deepEqual(names(await own.request('GET', TOPICS)), ['a', 'b', 'c', 'd']);
  assert.deepEqual(names(await own.request('GET', `${TOPICS}?sort=createTimestamp`)), ['c', 'a', 'd', 'b']);
});
