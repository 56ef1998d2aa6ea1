// A feed of event notifications that a test has in its hands, on a port that the system chooses.
//
//     const feed = await startFeed({ size: 3 });           // notifications of a batch
//     feed.push(10);                                       // that many more wait in it
//     feed.url                                             // …/feeds/journey
//     feed.onNext = (req, res, answer) => …                // instead of answering; answer() does what it would have done
//     feed.onComplete = (req, res, answer) => …            // likewise; answer(404) says something else
//     await feed.until(() => feed.empty, 'the feed is empty');
//     feed.calls                                           // {kind: next | complete, method, url, headers, body, batch, at}
import crypto from 'node:crypto';
import http from 'node:http';

import { within } from './daemon.js';

const PATH = '/feeds/journey';

class Feed {
  size = 10;
  waiting = []; // notifications behind the batch
  batch = undefined; // {batchId, notifications}: the same until it is completed
  completed = []; // batch ids, in order
  all = []; // every notification there was
  calls = [];
  onNext = undefined;
  onComplete = undefined;
  empties = 0; // how often it had nothing
  #number = Date.now();
  #looks = new Set();
  #sockets = new Set();

  constructor() {
    this.server = http.createServer((req, res) => {
      const parts = [];
      req.on('data', (part) => parts.push(part));
      req.on('end', () => this.#handle(req, res, Buffer.concat(parts).toString()));
      req.on('error', () => {});
    });
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  notification(payload = {}) {
    const number = this.all.length + 1;
    const made = {
      id: crypto.randomUUID(), eventType: 'journey:taskcompleted', when: '2022-01-23T08:13:56.8404437+00:00',
      tenantId: 'bded51d4-598e-4079-9cf6-43e74144b415', causationId: crypto.randomUUID(), correlationId: crypto.randomUUID(),
      relativeUrl: `journeyquery/api/journey-instance/${number}`, payload: { number, ...payload },
    };
    this.all.push(made);
    return made;
  }

  push(count = 1) {
    for (let i = 0; i < count; i++) this.waiting.push(this.notification());
  }

  get empty() {
    return !this.batch && this.waiting.length === 0;
  }

  // The batch that is to be given, made where there is none.
  current() {
    if (!this.batch && this.waiting.length > 0) {
      this.batch = { batchId: String(++this.#number), notifications: this.waiting.splice(0, this.size) };
    }
    return this.batch;
  }

  #handle(req, res, body) {
    const path = req.url.split('?')[0];
    const [, last] = /\/([^/]+)\/complete$/.exec(path) ?? [];
    const kind = last === undefined ? 'next' : 'complete';
    this.calls.push({ kind, method: req.method, url: req.url, headers: req.headers, body, batch: last && decodeURIComponent(last), at: performance.now() });
    if (kind === 'next') this.#next(req, res, path);
    else this.#complete(req, res, decodeURIComponent(last));
    this.tell();
  }

  #next(req, res, path) {
    const answer = () => {
      if (req.method !== 'GET' || path !== `${PATH}/next`) return this.notFound(res);
      if (!this.current()) {
        this.empties++;
        res.writeHead(204).end();
        return this.tell();
      }
      return this.json(res, { ...this.current(), moreAvailable: this.waiting.length > 0 });
    };
    if (this.onNext) this.onNext(req, res, answer);
    else answer();
  }

  #complete(req, res, batchId) {
    const answer = (status = 200) => {
      if (status !== 200) return status === 404 ? this.notFound(res) : res.writeHead(status).end();
      if (req.method !== 'POST' || this.batch?.batchId !== batchId) return this.notFound(res);
      this.finish();
      return res.writeHead(200).end();
    };
    if (this.onComplete) this.onComplete(req, res, answer);
    else answer();
  }

  // The batch is complete.
  finish() {
    this.completed.push(this.batch.batchId);
    this.batch = undefined;
    this.tell();
  }

  json(res, value, status = 200) {
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(typeof value === 'string' ? value : JSON.stringify(value));
  }

  notFound(res) {
    this.json(res, { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.4', title: 'Not Found', status: 404, traceId: '|85de4cb9-4f927c81b52e03ff.' }, 404);
  }

  of(kind) {
    return this.calls.filter((call) => call.kind === kind);
  }

  tell() {
    for (const look of this.#looks) look();
  }

  // Settles when look() is true.
  until(look, what, ms = 20_000) {
    return within(ms, new Promise((resolve) => {
      const attempt = () => {
        if (!look()) return;
        this.#looks.delete(attempt);
        resolve();
      };
      this.#looks.add(attempt);
      attempt();
    }), what).catch((error) => {
      throw new Error(`${error.message}; the last calls: ${JSON.stringify(this.calls.slice(-6).map(({ method, url }) => `${method} ${url}`))}`);
    });
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.on('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.base = `http://127.0.0.1:${this.server.address().port}`;
    this.url = `${this.base}${PATH}`;
    return this;
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export async function startFeed({ size = 10 } = {}) {
  const feed = await new Feed().listen();
  feed.size = size;
  return feed;
}
