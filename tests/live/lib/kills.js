// What tests have in common that kill servers at random moments. In the environment: EVENTS and KILLS make them shorter or
// longer, SEED repeats their choices.
import assert from 'node:assert/strict';

import { seqOf, TOPICS } from './topics.js';

export const EVENTS = Number(process.env.EVENTS ?? 2000);
export const KILLS = Number(process.env.KILLS ?? 10);
let seed = Number(process.env.SEED ?? Date.now() % 2147483647) || 1;
console.log(`SEED=${seed} EVENTS=${EVENTS} KILLS=${KILLS}`);

// 0 … n-1
export function rand(n) {
  seed = (seed * 48271) % 2147483647;
  return seed % n;
}

export function shuffle(items) {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rand(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A topic's journal as anybody can read it, read along.
export class Journal {
  data = [];
  #seq = 0;
  #topic;

  constructor(topic) {
    this.#topic = topic;
  }

  // What was appended since the last look; numbers must grow.
  async read(daemon) {
    const from = this.data.length;
    for (let more = true; more;) {
      const { status, text, json } = await daemon.request('GET', `${TOPICS}/${this.#topic.id}/events?after=${this.#seq}&limit=1000`);
      assert.equal(status, 200, text);
      for (const event of json.items) {
        assert.ok(seqOf(event) > this.#seq, `${event.id} after ${this.#seq}`);
        this.#seq = seqOf(event);
        this.data.push(event.data);
      }
      more = json.more;
    }
    return this.data.slice(from);
  }
}

// A server that is killed and comes back at the same address with what it has on disk.
export class Mortal {
  #start;

  // start: (options) => a new server; args: of it
  constructor(start, args) {
    this.#start = start;
    this.args = args;
    this.kills = 0;
  }

  async begin() {
    this.daemon = await this.#start({ args: this.args });
    const { port } = new URL(this.daemon.url);
    this.args = [...this.args, '--listen', `127.0.0.1:${port}`];
    return this;
  }

  async kill() {
    await this.daemon.kill();
    this.kills++;
    this.daemon = await this.#start({ args: this.args, data: this.daemon.data });
  }
}
