// An account that shows itself only to whoever is authorized, and the token endpoint that goes with it. The balance
// changes every second.
//
//   node serve.mjs [PORT]      default 9300; 0 lets the system choose. Prints its URL.
//
// POST /token           OAuth 2.0 client credentials: demo-client, demo-secret; a token lives for a minute
// GET  /oauth/account   wants such a token
// GET  /basic/account   wants user demo, password demo-password
// GET  /bearer/account  wants the token demo-token
// POST /revoke          the tokens given so far are worth nothing from now on
import crypto from 'node:crypto';

import { Status, serve } from '../origin.mjs';

const CLIENT = { id: 'demo-client', secret: 'demo-secret' };
const BASIC = `Basic ${Buffer.from('demo:demo-password').toString('base64')}`;
const BEARER = 'Bearer demo-token';
const SCOPES = ['read', 'write'];
const LIFE_S = 60;

const account = {
  owner: 'demo',
  balance: 1200,
  bookings: ['Rent', 'Wages', 'Books', 'Fuel'].map((text, i) => ({ id: i + 1, text, amount: [-900, 2400, -35, -60][i] })),
};
const tokens = new Map(); // each with the time it ends

// The two ways to prove oneself: HTTP Basic, both parts form-encoded first (RFC 6749 §2.3.1), or fields of the form.
function clientOf(headers, form) {
  const [, pair] = /^Basic (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (!pair) return { id: form.get('client_id'), secret: form.get('client_secret') };
  const [id, secret] = Buffer.from(pair, 'base64').toString().split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'));
  return { id, secret };
}

function refuse(status, error, why) {
  throw new Status(status, { error, error_description: why });
}

function token({ headers, body }) {
  const form = new URLSearchParams(body);
  const { id, secret } = clientOf(headers, form);
  const scope = form.get('scope') ?? 'read';
  if (id !== CLIENT.id || secret !== CLIENT.secret) refuse(401, 'invalid_client', 'unknown client or wrong secret');
  if (form.get('grant_type') !== 'client_credentials') refuse(400, 'unsupported_grant_type', 'only client_credentials');
  if (!scope.split(' ').every((word) => SCOPES.includes(word))) refuse(400, 'invalid_scope', `${SCOPES.join(' and ')} are offered`);
  const made = crypto.randomBytes(16).toString('hex');
  tokens.set(made, Date.now() + LIFE_S * 1000);
  return { access_token: made, token_type: 'Bearer', expires_in: LIFE_S, scope };
}

function show(allowed, challenge) {
  if (!allowed) throw new Status(401, { message: 'Unauthorized' }, { 'WWW-Authenticate': challenge });
  return account;
}

function oauth({ headers }) {
  const [, given] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  return show(Date.now() < (tokens.get(given) ?? 0), 'Bearer error="invalid_token"');
}

function revoke() {
  const count = tokens.size;
  tokens.clear();
  return { revoked: count };
}

setInterval(() => { account.balance += Math.floor(Math.random() * 41) - 20; }, 1000);
serve(Number(process.argv[2] ?? 9300), {
  'POST /token': token,
  'POST /revoke': revoke,
  'GET /oauth/account': oauth,
  'GET /basic/account': ({ headers }) => show(headers.authorization === BASIC, 'Basic realm="account"'),
  'GET /bearer/account': ({ headers }) => show(headers.authorization === BEARER, 'Bearer'),
});
