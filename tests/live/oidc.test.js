// The provider that other tests rely on gives tokens to those who ask as RFC 6749 says, and to nobody else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startOidc } from './lib/oidc.js';

const curl = async (...args) => JSON.parse((await promisify(execFile)('curl', ['-sS', '--max-time', '20', ...args])).stdout);
let oidc;

before(async () => { oidc = await startOidc({ expiresIn: 77 }); });
after(() => oidc.close());

const form = (text) => new URLSearchParams({ x: text }).toString().slice(2);

async function askAs({ clientId, clientSecret, mode, scope }) {
  const fields = ['--data-urlencode', 'grant_type=client_credentials', '--data-urlencode', `scope=${scope}`];
  if (mode === 'header') {
    const pair = Buffer.from(`${form(clientId)}:${form(clientSecret)}`).toString('base64');
    return curl('-H', `Authorization: Basic ${pair}`, ...fields, oidc.provider);
  }
  return curl(...fields, '--data-urlencode', `client_id=${clientId}`, '--data-urlencode', `client_secret=${clientSecret}`, oidc.provider);
}

for (const mode of ['header', 'body']) {
  test(`a token in mode ${mode} opens the API until it is revoked`, async () => {
    const granted = oidc.granted.length;
    const { access_token: token, token_type: type, expires_in: life, scope } = await askAs(oidc.clients[mode]);
    assert.equal(type, 'Bearer');
    assert.equal(life, 77);
    assert.equal(scope, oidc.clients[mode].scope);
    const { clientId } = oidc.clients[mode];
    assert.deepEqual(oidc.granted.slice(granted), [{ clientId, mode, scope }]);
    oidc.value = { a: mode };
    assert.deepEqual(await curl('-H', `Authorization: Bearer ${token}`, oidc.api('/items')), { a: mode });
    await oidc.revoke();
    assert.deepEqual(await curl('-H', `Authorization: Bearer ${token}`, oidc.api('/items')), { error: 401 });
    assert.deepEqual(oidc.calls.slice(-2), [200, 401].map((status) => ({ path: '/items', token, status })));
  });

  test(`a wrong secret in mode ${mode} is refused`, async () => {
    const refused = oidc.refused;
    const answer = await askAs({ ...oidc.clients[mode], clientSecret: 'wrong' });
    assert.equal(answer.error, 'invalid_client');
    assert.equal(oidc.refused, refused + 1);
  });
}

test('no token, no answer', async () => {
  assert.deepEqual(await curl(oidc.api('/items')), { error: 401 });
});
