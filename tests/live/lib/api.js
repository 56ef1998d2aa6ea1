// What tests of the HTTP API have in common.
import assert from 'node:assert/strict';
import http from 'node:http';
import zlib from 'node:zlib';

import { within } from './daemon.js';

// An answer that fails, in the one shape of all errors. errors: of each {pointer, parameter, title, says}, what is to be
// looked at.
export function assertErrors(answer, status, ...errors) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(Object.keys(answer.json), ['errors']);
  for (const error of answer.json.errors) {
    assert.deepEqual(Object.keys(error), ['status', 'title', 'detail', 'meta', 'source']);
    assert.equal(error.status, status);
    assert.ok(error.title.length > 0 && error.detail.length > 0);
    assert.equal(typeof error.meta, 'object');
    assert.equal(typeof error.source, 'object');
  }
  assert.equal(answer.json.errors.length, errors.length, answer.text);
  errors.forEach((expected, i) => {
    const { title, detail, source } = answer.json.errors[i];
    if (expected.pointer !== undefined) assert.equal(source.pointer, expected.pointer);
    if (expected.parameter) assert.equal(source.parameter, expected.parameter);
    if (expected.title) assert.equal(title, expected.title);
    if (expected.says) assert.match(detail, expected.says);
  });
}

// One request whose answer stays as it was sent: {status, headers, body (a Buffer), plain (the body, inflated)}.
export function rawRequest(daemon, method, target, { body, headers = {} } = {}) {
  const { hostname, port } = new URL(daemon.url);
  return within(20_000, new Promise((resolve, reject) => {
    const req = http.request({ host: hostname, port, method, path: target, headers, agent: false }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', reject);
      res.on('end', () => {
        const whole = Buffer.concat(parts);
        const coded = res.headers['content-encoding'] === 'gzip' && whole.length > 0;
        resolve({ status: res.statusCode, headers: res.headers, body: whole, plain: coded ? zlib.gunzipSync(whole) : whole });
      });
    });
    req.on('error', reject);
    req.end(body);
  }), `${method} ${target}`);
}
