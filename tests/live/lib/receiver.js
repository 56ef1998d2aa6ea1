// A receiver of webhooks on a port that the system chooses, and the subscriptions that deliver to it.
//
//     const hook = await startReceiver(t);
//     hook.answer = (call, res) => res.writeHead(503).end();  // from now on; without it 200
//     const subscription = await createWebhook(daemon, topic, { webhookUrl: hook.url('/a') });
//     await hook.came(3);                                      // the third request: hook.calls[2]
//     await hook.down(); await hook.up();                      // nothing listens there in between
import assert from 'node:assert/strict';
import http from 'node:http';

import { within } from './daemon.js';

export const WEBHOOK = '/streams/subscribers/webhook/api/v1';
const WAIT_MS = 20_000;

// One request: {method, url, headers, text, id, seq, type, at, until (its answer was sent or it was given up)}.
class Call {
  until = undefined;

  constructor(req, text) {
    Object.assign(this, { method: req.method, url: req.url, headers: req.headers, text, at: performance.now() });
    this.id = req.headers['x-axway-streams-event-id'];
    this.seq = Number(this.id?.split('#')[1]);
    this.type = req.headers['x-axway-streams-event-type'];
  }

  get json() {
    return JSON.parse(this.text);
  }
}

class Receiver {
  calls = [];
  connections = 0;
  open = 0; // requests that are not answered
  most = 0; // of them at the same time
  answer = undefined; // (call, res)
  #sockets = new Set();
  #waiters = new Set();
  #port = 0;

  #handle(req, res) {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      const call = new Call(req, Buffer.concat(parts).toString());
      this.calls.push(call);
      this.most = Math.max(this.most, ++this.open);
      res.on('close', () => {
        this.open--;
        call.until = performance.now();
        this.#tell();
      });
      if (this.answer) this.answer(call, res);
      else res.end();
      this.#tell();
    });
    req.on('error', () => {});
  }

  #tell() {
    for (const look of this.#waiters) look();
  }

  url(path = '/hook') {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  async up() {
    this.server = http.createServer((req, res) => this.#handle(req, res));
    this.server.keepAliveTimeout = 60_000;
    this.server.on('connection', (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#tell();
      });
    });
    await new Promise((resolve, reject) => {
      this.server.on('error', reject);
      this.server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = this.server.address().port;
    return this;
  }

  async down() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  // Down, but what is under way is answered before.
  async pause() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    await this.until(() => this.open === 0, 'the answers');
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  // Nobody is connected.
  get idle() {
    return this.#sockets.size === 0;
  }

  // Settles when look() gives something but undefined or false.
  until(look, what, ms = WAIT_MS) {
    return within(ms, new Promise((resolve) => {
      const attempt = () => {
        const found = look();
        if (found === undefined || found === false) return;
        this.#waiters.delete(attempt);
        resolve(found);
      };
      this.#waiters.add(attempt);
      attempt();
    }), what).catch((error) => {
      const last = this.calls.slice(-5).map(({ id, type, text }) => ({ id, type, text: text.slice(0, 200) }));
      throw new Error(`${error.message}; ${this.calls.length} calls, the last: ${JSON.stringify(last)}`);
    });
  }

  // The nth request, from 1.
  came(n, ms) {
    return this.until(() => this.calls[n - 1], `call ${n}`, ms);
  }
}

// It goes down with the test.
export async function startReceiver(t) {
  const receiver = await new Receiver().up();
  t.after(() => receiver.down());
  return receiver;
}

// ---- subscriptions ----

export const tryWebhook = (daemon, topic, body) => daemon.request('POST', `${WEBHOOK}/topics/${topic.id}/subscriptions`, { body });

export async function createWebhook(daemon, topic, body) {
  const answer = await tryWebhook(daemon, topic, body);
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

async function call(daemon, method, subscription, path, status, body) {
  const answer = await daemon.request(method, `${WEBHOOK}/subscriptions/${subscription.id}${path}`, { body });
  assert.equal(answer.status, status, answer.text);
  return answer.json;
}

export const webhookOf = (daemon, subscription) => call(daemon, 'GET', subscription, '', 200);
export const patchWebhook = (daemon, subscription, body) => call(daemon, 'PATCH', subscription, '', 200, body);
export const testWebhook = (daemon, subscription, body) => call(daemon, 'POST', subscription, '/test', 202, body);
export const exchangesOf = (daemon, subscription, query = '') => call(daemon, 'GET', subscription, `/exchanges${query}`, 200);
