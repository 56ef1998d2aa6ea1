// Makes a scripted feed (feed_origin.js) do at random whatever a feed may do, and things that it must not: repeat a batch,
// change, reorder and rename it, tell again what was completed, fail, hang, hang up, forget.
//
//     const unruly = makeUnruly(feed, { oddity: 8, slow: 4 });   // one call in 8 is odd; 4 of them take seconds
//     await unruly.during(server.kill())                         // who asks afterwards is another
//     unruly.explain(ids)                                        // of a journal: {lost, twice, disorder, taken}
//     unruly.tally                                               // {what: how often}
import assert from 'node:assert/strict';

import { rand, shuffle } from './kills.js';

const RESET_S = 1; // that 429 asks for
// A poller remembers the ids of its last batch and of 200 notifications before it; what comes again is of the last so many.
const MEMORY = 150;

class Unruly {
  tally = {};
  given = []; // of each batch that left: the ids, in order
  #quietUntil = 0; // nobody may ask before
  #dying = false;
  #feed;
  #oddity;
  #slow;
  #past = []; // the last notifications of batches that were completed
  #hung = new Set();

  constructor(feed, { oddity, slow }) {
    this.#feed = feed;
    this.#oddity = oddity;
    this.#slow = slow;
    feed.onNext = (req, res) => this.#call(res, () => this.give(res), ODD_NEXT);
    feed.onComplete = (req, res, answer) => {
      const isOpen = req.url.endsWith(`/${feed.batch?.batchId}/complete`);
      this.#call(res, answer, isOpen ? ODD_COMPLETE : {});
    };
    const finish = feed.finish.bind(feed);
    feed.finish = () => {
      this.#past.push(...feed.batch.notifications);
      this.#past.splice(0, Math.max(0, this.#past.length - MEMORY));
      finish();
    };
  }

  #call(res, answer, odd) {
    const now = performance.now();
    assert.ok(now >= this.#quietUntil, `asked ${this.#quietUntil - now} ms before the time that 429 said`);
    const names = Object.keys(odd).filter((each) => !each.startsWith('slow') || this.#slow > 0);
    const name = rand(this.#oddity) === 0 ? names[rand(names.length)] : undefined;
    if (name?.startsWith('slow')) this.#slow--;
    this.tally[name ?? 'in order'] = (this.tally[name ?? 'in order'] ?? 0) + 1;
    if (name) odd[name](this, res);
    else answer();
  }

  // While who asks dies and comes back: the other one knows of no 429.
  async during(death) {
    this.#dying = true;
    this.#quietUntil = 0;
    await death;
    this.#dying = false;
  }

  // ---- what oddities are made of ----

  // The batch as it is, whole or only a part of its bytes.
  give(res, { share = 1, chunked = false } = {}) {
    const batch = this.#feed.current();
    if (!batch) {
      res.writeHead(204).end();
      this.#feed.tell();
      return;
    }
    this.given.push(batch.notifications.map(({ id }) => id));
    const text = JSON.stringify({ ...batch, moreAvailable: this.#feed.waiting.length > 0 });
    if (share === 1) {
      this.#feed.json(res, text);
      return;
    }
    res.writeHead(200, { 'Content-Type': 'application/json', ...(chunked ? {} : { 'Content-Length': Buffer.byteLength(text) }) });
    res.write(text.slice(0, 1 + Math.floor((text.length - 1) * share)), () => res.destroy());
  }

  // Change the batch, where there is one, and give it.
  changed(res, change) {
    if (this.#feed.current()) change(this.#feed.batch, this.#feed.waiting);
    this.give(res);
  }

  finish() {
    this.#feed.finish();
  }

  // As a feed that was restored from a copy: the last ones wait again.
  rewind(res) {
    if (!this.#feed.batch) this.#feed.waiting.unshift(...this.#past.slice(-1 - rand(20)));
    this.give(res);
  }

  // Some of the last ones are in the batch again, anywhere.
  twice(res) {
    this.changed(res, (batch) => {
      for (let n = rand(4); n >= 0; n--) {
        const old = this.#past[rand(this.#past.length)];
        if (old) batch.notifications.splice(rand(batch.notifications.length + 1), 0, old);
      }
    });
  }

  hang(res) {
    this.#hung.add(res);
    res.on('close', () => this.#hung.delete(res));
  }

  tooMany(res, headers) {
    res.writeHead(429, headers).end();
    if (!this.#dying) this.#quietUntil = performance.now() + RESET_S * 1000 - 20;
  }

  // ---- what must come of it ----

  // Every notification of the feed must be there once, in an order in which they were given: of a batch that left what was
  // new in it was published, in its order, or nothing. disorder: what cannot have come about so.
  explain(ids) {
    const known = new Set();
    let at = 0;
    let taken = 0;
    for (const batch of this.given) {
      const news = [...new Set(batch)].filter((id) => !known.has(id));
      if (news.length === 0 || news.some((id, i) => ids[at + i] !== id)) continue;
      at += news.length;
      taken++;
      for (const id of news) known.add(id);
    }
    const there = new Set(ids);
    const lost = this.#feed.all.filter(({ id }) => !there.has(id)).length;
    const twice = ids.length - there.size;
    return { lost, twice, disorder: ids.length - at, taken };
  }
}

const status = (code) => (it, res) => res.writeHead(code).end();

const ODD_NEXT = {
  reordered: (it, res) => it.changed(res, (batch) => shuffle(batch.notifications)),
  grown: (it, res) => it.changed(res, (batch, waiting) => batch.notifications.push(...waiting.splice(0, 1 + rand(4)))),
  shrunk: (it, res) => it.changed(res, (batch, waiting) => waiting.unshift(...batch.notifications.splice(1 + rand(batch.notifications.length)))),
  renamed: (it, res) => it.changed(res, (batch) => { batch.batchId = `${Number.parseInt(batch.batchId, 10)}x${rand(1000)}`; }),
  'reordered and renamed': (it, res) => it.changed(res, (batch) => { shuffle(batch.notifications); batch.batchId += 'y'; }),
  'with notifications of before': (it, res) => it.twice(res),
  'gone back': (it, res) => it.rewind(res),
  empty: (it, res) => res.writeHead(204).end(),
  'cut off': (it, res) => it.give(res, { share: rand(100) / 100 }),
  'cut off in chunks': (it, res) => it.give(res, { share: rand(100) / 100, chunked: true }),
  'no answer': (it, res) => res.destroy(),
  'no batch': (it, res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"notifications":[{"id":"odd"}]}'),
  'no JSON': (it, res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end('<html>'),
  404: status(404), 500: status(500), 502: status(502), 503: status(503),
  '429 with Retry-After: 0': (it, res) => res.writeHead(429, { 'Retry-After': '0' }).end(),
  'slow: no end': (it, res) => it.hang(res),
  'slow: 429 with Retry-After': (it, res) => it.tooMany(res, { 'Retry-After': String(RESET_S) }),
  'slow: 429 with X-Rate-Limit-Reset': (it, res) => it.tooMany(res, { 'X-Rate-Limit-Reset': String(RESET_S) }),
};

// Before it is done, instead, or after.
const ODD_COMPLETE = {
  '200, and forgotten': status(200),
  '404, and not done': status(404),
  '404, but done': (it, res) => { it.finish(); res.writeHead(404).end(); },
  '500, and not done': status(500),
  '500, but done': (it, res) => { it.finish(); res.writeHead(500).end(); },
  '400, and not done': status(400),
  '503, but done': (it, res) => { it.finish(); res.writeHead(503).end(); },
  'no answer, and not done': (it, res) => res.destroy(),
  'no answer, but done': (it, res) => { it.finish(); res.destroy(); },
  'slow: no end, and not done': (it, res) => it.hang(res),
  'slow: no end, but done': (it, res) => { it.finish(); it.hang(res); },
  'slow: 429, but done': (it, res) => { it.finish(); it.tooMany(res, { 'Retry-After': String(RESET_S) }); },
};

export const makeUnruly = (feed, options) => new Unruly(feed, options);
