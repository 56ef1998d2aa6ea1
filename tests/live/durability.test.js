// A subscriber that only applies patches holds exactly what the origin served, whatever happens to
// the server: killed at random moments, it loses no event, repeats no number, and never goes back.
//
// CHANGES and KILLS in the environment make it shorter or longer.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import jsonpatch from 'fast-json-patch';

import { startDaemon } from './lib/daemon.js';

const CHANGES = Number(process.env.CHANGES ?? 10_000);
const KILLS = Number(process.env.KILLS ?? 100);

// A small generator, so that a failing run can be repeated with SEED.
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`durability: SEED=${seed} CHANGES=${CHANGES} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

const document = {
  version: 0,
  items: Array.from({ length: 30 }, (_, i) => ({ id: i, price: 100 + i, name: `item ${i}`, tags: ['a'] })),
  rows: [1, 2, 3],
  text: { a: 'x', 'b/c': 'y', 'd~e': 'z' },
};
let nextId = 1000;

const mutations = [
  (d) => { d.items[rand(d.items.length)].price = rand(10000) / 100; },
  (d) => { d.items.splice(rand(d.items.length + 1), 0, { id: nextId++, price: rand(100), name: 'new', tags: [] }); },
  (d) => { if (d.items.length > 5) d.items.splice(rand(d.items.length), 1); },
  (d) => { const [x] = d.items.splice(rand(d.items.length), 1); d.items.splice(rand(d.items.length + 1), 0, x); },
  (d) => { d.rows.splice(rand(d.rows.length + 1), rand(2), rand(50)); },
  (d) => { d.text[`k${rand(8)}`] = ['é☃𝄞', null, true, { deep: [rand(9)] }][rand(4)]; },
  (d) => { delete d.text[`k${rand(8)}`]; },
  (d) => { d.items[rand(d.items.length)].tags.push(`t${rand(100)}`); },
  (d) => { d.items.reverse(); },
];

const served = [JSON.stringify(document)];
function change() {
  for (let n = 1 + rand(3); n > 0; n--) mutations[rand(mutations.length)](document);
  document.version++;
  served.push(JSON.stringify(document));
}

function startOrigin() {
  return new Promise((resolve) => {
    const server = http.createServer((req, res) => {
      res.setHeader('Content-Type', 'application/json');
      res.end(served.at(-1));
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

// What a subscriber must do, and nothing more: apply what comes in the order it comes.
class Subscriber {
  doc = undefined;
  version = -1;
  lastId = undefined;
  lastSeq = 0;
  seen = new Set();
  snapshots = 0;
  patches = 0;
  resumes = 0;
  waiters = [];

  take(id, event, data) {
    const [topic, seqText] = id.split('#');
    const seq = Number(seqText);
    assert.ok(Number.isSafeInteger(seq) && seq > this.lastSeq, `${id} after ${this.lastSeq}`);
    assert.ok(!this.seen.has(seq), `number ${seq} used twice`);
    this.seen.add(seq);
    this.lastSeq = seq;
    this.lastId = `${topic}#${seq}`;
    if (event === 'snapshot') {
      this.doc = JSON.parse(data);
      this.snapshots++;
    } else {
      assert.equal(event, 'patch');
      this.doc = jsonpatch.applyPatch(this.doc, JSON.parse(data), true).newDocument;
      this.patches++;
    }
    // A snapshot that stands in for a resume may say again what is known already; a patch never.
    const news = event === 'snapshot' ? this.doc.version >= this.version : this.doc.version > this.version;
    assert.ok(news, `version ${this.doc.version} after ${this.version}`);
    this.version = this.doc.version;
    assert.deepEqual(this.doc, JSON.parse(served[this.version]));
    this.waiters = this.waiters.filter((w) => !w());
  }

  // Follow until the connection breaks.
  follow(base, topic) {
    const headers = this.lastId ? { 'Last-Event-ID': this.lastId } : {};
    if (this.lastId) this.resumes++;
    return new Promise((resolve, reject) => {
      const req = http.get(`${base}/streams/subscribers/sse/api/v1/topics/${topic}`, { headers }, (res) => {
        if (res.statusCode !== 200) {
          reject(new Error(`status ${res.statusCode}`));
          return;
        }
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk) => {
          text += chunk;
          let end;
          while ((end = text.indexOf('\n\n')) >= 0) {
            const frame = text.slice(0, end);
            text = text.slice(end + 2);
            try {
              this.frame(frame);
            } catch (e) {
              reject(e);
              req.destroy();
              return;
            }
          }
        });
        res.on('close', resolve);
      });
      req.on('error', () => resolve());
    });
  }

  frame(text) {
    const f = { id: undefined, event: 'message', data: [] };
    for (const line of text.split('\n')) {
      if (line.startsWith('id: ')) f.id = line.slice(4);
      else if (line.startsWith('event: ')) f.event = line.slice(7);
      else if (line.startsWith('data: ')) f.data.push(line.slice(6));
    }
    if (f.event === 'error' || f.data.length === 0) return;
    this.take(f.id, f.event, f.data.join('\n'));
  }

  reaches(version) {
    if (this.version >= version) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push(() => this.version >= version && (resolve(), true));
    });
  }
}

test('patches through kill -9 and resume give exactly the documents of the origin', { timeout: 600_000 }, async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  let daemon = await startDaemon();
  t.after(() => daemon.stop());
  const made = await fetch(`${daemon.url}/streams/hub/api/v1/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name: 'random',
      publisher: {
        type: 'http-poller',
        config: { url: `http://127.0.0.1:${origin.address().port}/`, pollingPeriod: 'PT0.5S' },
        alwaysOn: true,
      },
    }),
  });
  assert.equal(made.status, 201);
  const { id } = await made.json();
  const sub = new Subscriber();
  let ended = false;
  let failure;
  const following = (async () => {
    while (!ended) {
      const base = daemon?.url;
      if (base) await sub.follow(base, id);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })().catch((e) => { failure = e; });

  const pollNow = () => fetch(`${daemon.url}/streams/hub/api/v1/topics/${id}/poll`, { method: 'POST' })
    .then((r) => r.arrayBuffer()).catch(() => {});
  const killEvery = Math.floor(CHANGES / KILLS);
  let kills = 0;
  let killAt = rand(killEvery);
  while (document.version < CHANGES && !failure) {
    change();
    const asked = pollNow();
    // At times the change is awaited, at times several pile up before a poll sees them.
    if (rand(4) === 0) await Promise.race([sub.reaches(document.version), following]);
    else await asked;
    if (kills < KILLS && document.version >= killAt) {
      killAt = (kills + 1) * killEvery + rand(killEvery);
      change();
      pollNow();
      // Anywhere in the course of that poll: the fetch, the commit, the delivery.
      const until = process.hrtime.bigint() + BigInt(rand(4000)) * 1000n;
      while (process.hrtime.bigint() < until) await new Promise((resolve) => setImmediate(resolve));
      const was = daemon;
      daemon = undefined;
      await was.kill();
      daemon = await startDaemon({ data: was.data });
      kills++;
    }
  }
  await Promise.race([sub.reaches(document.version), following]);
  ended = true;
  if (failure) throw failure;
  await daemon.stop();
  await following;
  if (failure) throw failure;
  assert.deepEqual(sub.doc, document);
  assert.equal(kills, KILLS);
  console.log(`durability: ${sub.patches} patches, ${sub.snapshots} snapshots, ${kills} kills, ${sub.resumes} resumes, last number ${sub.lastSeq}`);
});
