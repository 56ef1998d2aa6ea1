// A WebSocket client (npm ws) that keeps what it was told until a test asks for it, and a raw one that sends what no client
// would.
import assert from 'node:assert/strict';
import net from 'node:net';

import WebSocket from 'ws';

import { within as bounded } from './daemon.js';

export const within = (promise, what, ms = 10_000) => bounded(ms, promise, what);

export const WS = '/streams/subscribers/websocket/api/v1/topics';

export class WsClient {
  constructor(t, url, options = {}) {
    this.messages = [];
    this.waiting = [];
    this.pings = 0;
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}${WS}`, options);
    this.socket.on('message', (data, binary) => {
      assert.equal(binary, false, 'messages are JSON in text frames');
      this.messages.push(JSON.parse(data.toString()));
      this.waiting.shift()?.();
    });
    this.socket.on('ping', () => { this.pings++; });
    this.closed = new Promise((resolve) => this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
    this.socket.on('error', (error) => { this.error = error; });
    t.after(() => this.socket.terminate());
  }

  async open() {
    await within(new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('error', reject);
    }), 'the WebSocket to open');
    return this;
  }

  subscribe(topicIdOrName, more = {}) {
    this.socket.send(JSON.stringify({ topicIdOrName, dataFormat: 'text', ...more }));
  }

  // The next message, its data parsed.
  async next() {
    if (this.messages.length === 0) await within(new Promise((resolve) => { this.waiting.push(resolve); }), 'a message');
    const message = this.messages.shift();
    assert.deepEqual(Object.keys(message), ['id', 'type', 'data']);
    const text = /^[A-Za-z0-9+/]+=*$/.test(message.data) ? Buffer.from(message.data, 'base64').toString() : message.data;
    return { ...message, text, value: JSON.parse(text) };
  }
}

// A connection that has done the handshake and sends bytes as they are. data: all that came after the handshake.
export async function rawWebSocket(t, url, extra = '') {
  const { hostname, port } = new URL(url);
  const socket = net.connect(port, hostname);
  t.after(() => socket.destroy());
  let all = Buffer.alloc(0);
  const raw = { socket, data: Buffer.alloc(0), ended: new Promise((resolve) => { socket.on('close', resolve); }) };
  socket.on('error', () => {});
  socket.write(`GET ${WS} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`);
  await within(new Promise((resolve) => {
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk]);
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      raw.head = all.subarray(0, end).toString();
      raw.data = all.subarray(end + 4);
      resolve();
    });
  }), 'the answer to the handshake');
  return raw;
}

// A client's frame, masked with zeros.
export function clientFrame(opcode, payload, { fin = true, masked = true } = {}) {
  const body = Buffer.from(payload);
  const length = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
  if (masked) length[0] |= 0x80;
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...length, ...(masked ? [0, 0, 0, 0] : [])]), body]);
}

// Code of the close frame that ends the data of a raw connection.
export function closeCode(data) {
  for (let at = 0; at < data.length;) {
    const length = data[at + 1] === 126 ? data.readUInt16BE(at + 2) : data[at + 1];
    const start = at + (data[at + 1] === 126 ? 4 : 2);
    if ((data[at] & 15) === 8) return length >= 2 ? data.readUInt16BE(start) : 1005;
    at = start + length;
  }
  return undefined;
}
