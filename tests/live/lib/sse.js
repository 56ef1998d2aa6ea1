// A client of an event stream that sees every byte: frames, comments, the order, the end. A stream that is compressed (by
// request: headers) is inflated as it comes; `whole` then says that it had a proper end.
//
//     const stream = await openStream(daemon.url, '/streams/…', { headers });
//     const frame = await stream.next((f) => f.event === 'patch');   // from the last one asked for on
//     stream.frames, stream.status, stream.headers, stream.ended
import net from 'node:net';
import zlib from 'node:zlib';

import { within } from './daemon.js';

const WAIT_MS = 20_000;

// "id: 1\nevent: patch\ndata: {}" → {id, event, data, comment, retry}; several data lines are joined.
export function parseFrame(text) {
  const frame = {};
  for (const line of text.split('\n')) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    const field = name === '' ? 'comment' : name;
    frame[field] = frame[field] === undefined ? value : `${frame[field]}\n${value}`;
  }
  return frame;
}

class Stream {
  frames = [];
  status = undefined;
  headers = {};
  ended = false; // the server sends no more
  whole = false; // and a compressed stream has come to its end
  bytes = 0; // as sent
  #seen = 0; // frames that next() has passed
  #head = undefined;
  #inflate = undefined;
  #rest = Buffer.alloc(0);
  #waiters = new Set();

  constructor(url, target, headers) {
    const { hostname, port } = new URL(url);
    this.socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const lines = [`GET ${target} HTTP/1.1`, `Host: ${hostname}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.socket.on('data', (part) => this.#take(part));
    this.socket.on('end', () => this.#noMore());
    this.socket.on('error', (error) => this.#end(error));
    this.socket.on('close', () => this.#noMore());
  }

  #take(part) {
    this.bytes += part.length;
    if (this.#inflate) {
      this.#inflate.write(part);
      return;
    }
    this.#append(part);
    if (this.#head === undefined) this.#takeHead();
    if (this.#head !== undefined && !this.#inflate) this.#takeFrames();
    this.#tell();
  }

  #append(part) {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, part]) : part;
  }

  #startInflating() {
    const first = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#inflate = this.headers['content-encoding'] === 'gzip' ? zlib.createGunzip() : zlib.createInflate();
    this.#inflate.on('data', (part) => {
      this.#append(part);
      this.#takeFrames();
      this.#tell();
    });
    this.#inflate.on('end', () => {
      this.whole = true;
      this.#end();
    });
    this.#inflate.on('error', (error) => this.#end(error));
    this.#inflate.write(first);
  }

  #takeHead() {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.#head = this.#rest.subarray(0, end).toString();
    this.#rest = this.#rest.subarray(end + 4);
    const [first, ...fields] = this.#head.split('\r\n');
    this.status = Number(first.split(' ')[1]);
    for (const field of fields) this.headers[field.slice(0, field.indexOf(':')).toLowerCase()] = field.slice(field.indexOf(':') + 1).trim();
    if (this.headers['content-encoding']) this.#startInflating();
  }

  #takeFrames() {
    if (this.headers['content-type'] !== 'text/event-stream') return;
    for (let end; (end = this.#rest.indexOf('\n\n')) >= 0; this.#rest = this.#rest.subarray(end + 2)) {
      this.frames.push(parseFrame(this.#rest.subarray(0, end).toString()));
    }
  }

  // What is still being inflated comes before the end.
  #noMore() {
    if (this.#inflate) this.#inflate.end();
    else this.#end();
  }

  #end(error) {
    this.ended = true;
    this.error ??= error;
    this.#tell();
  }

  #tell() {
    for (const look of this.#waiters) look();
  }

  // Settles when look() gives something but undefined, or throws.
  #until(look, what, ms) {
    return within(ms, new Promise((resolve, reject) => {
      const attempt = () => {
        try {
          const found = look();
          if (found === undefined) return;
          this.#waiters.delete(attempt);
          resolve(found);
        } catch (error) {
          this.#waiters.delete(attempt);
          reject(error);
        }
      };
      this.#waiters.add(attempt);
      attempt();
    }), what).catch((error) => {
      throw new Error(`${error.message}; last frames: ${JSON.stringify(this.frames.slice(-5)).slice(0, 2000)}`);
    });
  }

  head() {
    return this.#until(() => (this.status !== undefined || this.ended ? this : undefined), 'the head of the answer', WAIT_MS);
  }

  // The next frame that matches; those before it are passed over.
  next(matches = () => true, ms = WAIT_MS) {
    return this.#until(() => {
      while (this.#seen < this.frames.length) {
        const frame = this.frames[this.#seen++];
        if (matches(frame)) return frame;
      }
      if (this.ended) throw new Error(`the stream ended (${this.error?.message ?? 'in order'})`);
      return undefined;
    }, `waiting for ${matches}`, ms);
  }

  end(ms = WAIT_MS) {
    return this.#until(() => (this.ended ? this : undefined), 'the end of the stream', ms);
  }

  close() {
    this.socket.destroy();
  }
}

// Resolves when the head of the answer is there.
export function openStream(url, target, { headers = {} } = {}) {
  return new Stream(url, target, headers).head();
}
