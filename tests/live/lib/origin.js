// A scripted HTTP origin on a port that the system chooses.
//
//     const origin = await startOrigin();
//     origin.json('/items', { a: 1 });                     // what it answers from now on
//     origin.on('/odd', (req, res, n) => res.destroy());   // n: 1, 2, … of this path
//     await origin.asked('/items', 3);                     // until the third request came
//     origin.requests('/items')[0].headers
import http from 'node:http';

import { within } from './daemon.js';

class Origin {
  #handlers = new Map();
  #requests = new Map();
  #waiters = [];
  #sockets = new Set();

  constructor() {
    this.server = http.createServer((req, res) => this.#handle(req, res));
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  #handle(req, res) {
    const path = req.url.split('?')[0];
    const list = this.#requests.get(path) ?? [];
    list.push({ method: req.method, url: req.url, headers: req.headers, rawHeaders: req.rawHeaders, at: performance.now() });
    this.#requests.set(path, list);
    this.#waiters = this.#waiters.filter((waiter) => !waiter());
    const handler = this.#handlers.get(path);
    if (handler) {
      handler(req, res, list.length);
    } else {
      res.statusCode = 404;
      res.end();
    }
  }

  get port() {
    return this.server.address().port;
  }

  url(path = '/') {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  on(path, handler) {
    this.#handlers.set(path, handler);
  }

  // etag: answers 304 to a request that holds it.
  json(path, value, { etag, headers = {}, status = 200 } = {}) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    this.on(path, (req, res) => {
      for (const [name, field] of Object.entries(headers)) res.setHeader(name, field);
      if (etag) res.setHeader('ETag', etag);
      if (etag && req.headers['if-none-match'] === etag) {
        res.statusCode = 304;
        res.end();
        return;
      }
      res.statusCode = status;
      res.setHeader('Content-Type', 'application/json');
      res.end(text);
    });
  }

  status(path, status, headers = {}) {
    this.on(path, (req, res) => {
      res.writeHead(status, headers);
      res.end();
    });
  }

  requests(path) {
    return this.#requests.get(path) ?? [];
  }

  // Resolves when the path was asked for n times in all; to the nth request.
  asked(path, n = 1, ms = 20_000) {
    if (this.requests(path).length >= n) return Promise.resolve(this.requests(path)[n - 1]);
    return within(ms, new Promise((resolve) => {
      this.#waiters.push(() => this.requests(path).length >= n && (resolve(this.requests(path)[n - 1]), true));
    }), `request ${n} of ${path}`);
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

// port: for an origin that comes back; else the system chooses.
export function startOrigin(port = 0) {
  const origin = new Origin();
  return new Promise((resolve, reject) => {
    origin.server.on('error', reject);
    origin.server.listen(port, '127.0.0.1', () => resolve(origin));
  });
}
