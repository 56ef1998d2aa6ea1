// A receiver of webhooks. It prints what it gets, and refuses when it is told to.
//
//   node serve.mjs [PORT]      default 9600; 0 lets the system choose. Prints its URL.
//
// POST /hook                   an event: 200. One whose signature (Standard Webhooks) is wrong: 401
// GET  /got                    the last events, a line each: their types, whether they are signed, their payloads
// POST /fail?status=503        from now on every answer is 503
//           &times=2           only so many
//           &retryAfter=3      with Retry-After, in seconds
// POST /heal                   no failing any more
import crypto from 'node:crypto';

import { Status, serve } from '../origin.mjs';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const LINES = 20;
const TOLERANCE_S = 300;

const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
const got = [];
let failing = { times: 0 };

// The code is of the id, the time and the body. An old one may be somebody's copy.
function isOurs({ 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures }, body) {
  const code = crypto.createHmac('sha256', key).update(`${id}.${time}.${body}`).digest();
  const given = signatures.split(' ').map((text) => Buffer.from(text.replace(/^v1,/, ''), 'base64'));
  const fresh = Math.abs(Date.now() / 1000 - Number(time)) < TOLERANCE_S;
  return fresh && given.some((one) => one.length === code.length && crypto.timingSafeEqual(one, code));
}

function hook({ headers, body }) {
  const signed = headers['webhook-signature'] !== undefined;
  if (signed && !isOurs(headers, body)) throw new Status(401, { message: 'the signature is wrong' });
  if (failing.times > 0) {
    failing.times--;
    throw new Status(failing.status, undefined, failing.retryAfter ? { 'Retry-After': failing.retryAfter } : {});
  }
  // Here the event would be put where it cannot be lost. The same id may come twice: it is the same event.
  got.splice(0, got.length - LINES + 1);
  got.push(`${headers['x-axway-streams-event-type']} ${signed ? 'signed' : 'unsigned'} ${body}`);
  console.log(got.at(-1));
  return { status: 'taken' };
}

function fail({ query }) {
  failing = { status: Number(query.get('status') ?? 503), times: Number(query.get('times') ?? Infinity), retryAfter: query.get('retryAfter') };
  return { status: 'failing' };
}

function heal() {
  failing = { times: 0 };
  return { status: 'healed' };
}

serve(Number(process.argv[2] ?? 9600), {
  'POST /hook': hook,
  'GET /got': () => ({ value: got.join('\n'), headers: { 'Content-Type': 'text/plain' } }),
  'POST /fail': fail,
  'POST /heal': heal,
});
