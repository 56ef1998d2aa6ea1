// kill -9 between any two steps of a cycle of pages: a page is asked for, it is answered, merged, the next one asked for,
// all of them compared, committed, published. However it falls: no event is lost, none comes twice, nothing that was
// published is taken back, and `last-success` is neither ahead of what was published nor behind it.
//
// KILLS in the environment makes it shorter or longer, SEED repeats its choices. Its last line says where the kills fell.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import jsonpatch from 'fast-json-patch';

import { startDaemon, within } from './lib/daemon.js';
import { startOrigin } from './lib/origin.js';
import { ARGS, PERIOD, queryOf } from './lib/rig.js';
import { openStream } from './lib/sse.js';
import { createTopic, eventually, isEvent, seqOf, SSE, TOPICS } from './lib/topics.js';

const KILLS = Number(process.env.KILLS ?? 100);
const PAGE = 3;
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`page_kills: SEED=${seed} KILLS=${KILLS}`);
function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

let origin;
before(async () => { origin = await startOrigin(); });
after(() => origin.close());

// ---- the source ----

// What happened since a moment, cut into pages. What a cycle is given is fixed when it begins; its mark is the number of
// the first cycle in a row that was given the same, so each mark is one event and no more.
class Happenings {
  all = []; // {id, t}
  cycles = []; // {number, mark, since, came, items, pages, whole}
  calm = false; // nothing happens any more
  moment = () => {}; // (kind, cycle, page): asked, answered, ended (the last page was answered)
  first = async () => {}; // awaited before a cycle begins

  happen() {
    this.all.push({ id: this.all.length, t: Date.now() });
  }

  begin(since) {
    const items = this.all.filter((item) => item.t >= since);
    const last = this.cycles.at(-1);
    const number = this.cycles.length;
    const same = last && JSON.stringify(last.items) === JSON.stringify(items);
    const pages = Math.max(1, Math.ceil(items.length / PAGE));
    this.cycles.push({ number, mark: same ? last.mark : number, since, came: Date.now(), items, pages, whole: false });
    return `${number}.0`;
  }

  async handle(req, res) {
    const since = Number(queryOf(req).get('since'));
    let cursor = queryOf(req).get('cursor');
    if (cursor === null) {
      await this.first(since);
      cursor = this.begin(since);
    }
    const [number, start] = cursor.split('.').map(Number);
    const cycle = this.cycles[number];
    const end = start + PAGE;
    const last = end >= cycle.items.length;
    // Things go on happening while the pages are fetched.
    if (!this.calm && rand(2)) this.happen();
    if (this.moment('asked', cycle, start / PAGE + 1)) return;
    cycle.whole ||= last;
    const data = { mark: cycle.mark, items: cycle.items.slice(start, end) };
    res.end(JSON.stringify({ data, next: last ? null : `${number}.${end}` }), () => {
      this.moment(last ? 'ended' : 'answered', cycle, start / PAGE + 1);
    });
  }
}

// ---- the journal, as anybody can read it ----

class Journal {
  documents = []; // {seq, document}
  ids = new Set();
  document = undefined;

  // What was appended since the last look.
  async read(daemon, topic) {
    for (let more = true; more;) {
      const { status, text, json } = await daemon.request('GET', `${TOPICS}/${topic.id}/events?after=${this.seq}&limit=1000`);
      assert.equal(status, 200, text);
      for (const event of json.items) this.#take(event);
      more = json.more;
    }
    return this;
  }

  get seq() {
    return this.documents.at(-1)?.seq ?? 0;
  }

  get mark() {
    return this.document?.mark ?? -1;
  }

  #take(event) {
    const seq = seqOf(event);
    assert.ok(seq > this.seq, `${event.id} after ${this.seq}`);
    const was = this.mark;
    this.document = event.type === 'snapshot' ? event.data : jsonpatch.applyPatch(structuredClone(this.document), event.data, true).newDocument;
    assert.ok(this.mark > was, `an event of cycle ${this.mark} after one of ${was}`);
    for (const { id } of this.document.items) this.ids.add(id);
    this.documents.push({ seq, document: this.document });
  }
}

// A subscriber that goes on from its last id, and keeps every document that it had.
class Reader {
  had = new Map(); // by number
  #lastId = undefined;
  #document = undefined;

  async connect(daemon, topic) {
    this.stream = await openStream(daemon.url, `${SSE}/${topic.id}`, { headers: this.#lastId ? { 'Last-Event-ID': this.#lastId } : {} });
    assert.equal(this.stream.status, 200);
  }

  take() {
    for (const frame of this.stream.frames.filter(({ event }) => event === 'snapshot' || event === 'patch')) {
      const seq = seqOf(frame);
      assert.ok(seq > (this.#lastId ? seqOf({ id: this.#lastId }) : 0), `${frame.id} after ${this.#lastId}`);
      this.#lastId = frame.id;
      const data = JSON.parse(frame.data);
      this.#document = frame.event === 'snapshot' ? data : jsonpatch.applyPatch(structuredClone(this.#document), data, true).newDocument;
      this.had.set(seq, this.#document);
    }
    this.stream.close();
  }
}

// ---- the moments ----

// From an answer to the commit of what it says takes so long, µs; the kills that shall fall around it say so.
let commitTakes = 2000;

// Which of the moments to come the server does not survive; the promise settles when it is there.
function killAt(source, kill) {
  const kind = ['asked', 'answered', 'ended', 'ended'][rand(4)];
  const later = rand(4) === 0 ? 1 : 0; // cycles that it finishes first
  const share = rand(1000) / 1000;
  let wanted; // {cycle, page}
  let skipped = 0;
  return new Promise((resolve) => {
    source.moment = (is, cycle, page) => {
      if (!wanted && is === 'asked' && page === 1 && skipped++ >= later) {
        // A cycle of one page has nothing between two pages.
        const possible = kind === 'answered' ? cycle.pages - 1 : cycle.pages;
        wanted = { cycle, is: possible > 0 ? kind : 'ended', page: possible > 0 && kind !== 'ended' ? 1 + rand(possible) : cycle.pages };
      }
      if (cycle !== wanted?.cycle || is !== wanted.is || page !== wanted.page) return false;
      const delay = { asked: 0, answered: 300, ended: 2 * commitTakes }[is] * share;
      const until = process.hrtime.bigint() + BigInt(Math.round(delay * 1000));
      while (process.hrtime.bigint() < until);
      resolve({ ...wanted, killed: kill() });
      return true;
    };
  });
}

const FELL = {
  asked: 'while a page was awaited', answered: 'between two pages', uncommitted: 'after the last page, before the commit',
  committed: 'after the commit', unread: 'after it, before a subscriber had it', unchanged: 'after the last page of a cycle without news',
};

// Where a kill fell.
function place({ is, cycle }, journal, reader) {
  if (is !== 'ended') return [is];
  const news = cycle.mark === cycle.number;
  if (!news) return ['unchanged'];
  const committed = journal.mark >= cycle.mark;
  commitTakes *= committed ? 0.8 : 1.25;
  if (!committed) return ['uncommitted'];
  return reader.had.has(journal.seq) ? ['committed'] : ['committed', 'unread'];
}

// ---- the test ----

test('kill -9 between any two steps of a cycle of pages', { timeout: 3_600_000 }, async (t) => {
  const source = new Happenings();
  const journal = new Journal();
  const reader = new Reader();
  let topic;
  const fell = Object.fromEntries(Object.keys(FELL).map((name) => [name, 0]));
  origin.on('/', (req, res) => source.handle(req, res));
  for (let i = 0; i < 10; i++) source.happen();
  let daemon = await startDaemon({ args: ARGS });
  t.after(() => daemon.stop());
  // Before a server's first request is answered: what was looked at, and a subscriber that follows.
  const beforeFirst = (look) => new Promise((resolve, reject) => {
    source.first = async (since) => {
      source.first = async () => {};
      return (async () => {
        await look(since);
        await reader.connect(daemon, topic);
      })().then(resolve, reject);
    };
  });

  let kill = killAt(source, () => daemon.kill());
  const following = beforeFirst(async () => { topic = await created; });
  const created = createTopic(daemon, {
    url: origin.url('/'), payloadPointer: '/data', pollingPeriod: PERIOD, retryMaxAttempts: 0,
    computedQueryParameters: { since: { type: 'timestamp', reference: 'last-success', useMilliseconds: true, initialValue: 0 } },
    pagination: { mode: 'cursor', pageSize: { value: PAGE }, nextReference: { location: 'body', type: 'value', pointer: '/next' } },
  }, { alwaysOn: true });
  await following;

  // The first thing that the source is asked after a restart, and only when this was looked at it answers.
  const check = async (since) => {
    await journal.read(daemon, topic);
    assert.deepEqual(source.all.filter((item) => item.t < since && !journal.ids.has(item.id)), [], `lost when asked since ${since}`);
    const published = source.cycles.filter((cycle) => cycle.mark === journal.mark);
    // Of the cycle that was published last, or of one that found the same later on; and never of one before.
    if (published.length === 0) {
      assert.equal(since, 0);
      return;
    }
    const latest = published.filter((cycle) => cycle.whole).at(-1);
    assert.ok(since <= latest.came, `since ${since}, but nothing was published after ${latest.came}`);
    assert.ok(since > published[0].since, `since ${since}, as if what followed ${published[0].since} had not been published`);
  };

  for (let kills = 0; kills < KILLS; kills++) {
    const at = await within(30_000, kill, 'the moment');
    await at.killed;
    await reader.stream.end();
    reader.take();
    for (let n = rand(3) ? 2 + rand(9) : 0; n > 0; n--) source.happen();

    const last = kills + 1 === KILLS;
    kill = last ? undefined : killAt(source, () => daemon.kill());
    if (last) source.moment = () => false;
    const ready = startDaemon({ args: ARGS, data: daemon.data });
    const checked = beforeFirst(async (since) => {
      daemon = await ready;
      await check(since);
    });
    await within(20_000, Promise.all([ready, checked]), 'the first request after the restart');
    for (const name of place(at, journal, reader)) fell[name]++;
  }

  // What happened last comes out, too; and when nothing happened since, that, which is the last event.
  source.calm = true;
  const final = source.all.length - 1;
  await eventually(async () => (await journal.read(daemon, topic)).ids.has(final) && journal.document.items.length === 0, 'the last one');
  // One who had it before the last kill is not told again.
  const told = () => reader.stream.frames.some((f) => f.id !== undefined && isEvent(f) && seqOf(f) >= journal.seq);
  await eventually(() => reader.had.has(journal.seq) || told(), 'the last event');
  reader.take();
  assert.equal(journal.ids.size, source.all.length);

  // Each document is all pages of one cycle, no less and no more; what was read is what was written; and it still stands.
  for (const { document } of journal.documents) assert.deepEqual(document.items, source.cycles[document.mark].items);
  const whole = await new Journal().read(daemon, topic);
  assert.deepEqual(whole.documents, journal.documents);
  // A snapshot for one who comes back has the number that the topic is at, which leaps after a crash.
  for (const [seq, document] of reader.had) {
    assert.deepEqual(document, whole.documents.findLast((d) => d.seq <= seq)?.document, `event ${seq}, which a subscriber had`);
  }

  console.log(`page_kills: ${Object.entries(FELL).map(([name, words]) => `${fell[name]} ${words}`).join(', ')}`);
  console.log(`page_kills: ${source.cycles.length} cycles, ${journal.documents.length} events of ${source.all.length} happenings, ${reader.had.size} of them read`);
  if (KILLS >= 100) for (const name of ['asked', 'answered', 'uncommitted', 'committed']) assert.ok(fell[name] > 0, `no kill fell ${FELL[name]}`);
});
