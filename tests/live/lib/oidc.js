// A real OAuth 2.0 provider (npm oidc-provider) with clients for client credentials, and an API whose resource server
// asks the provider by introspection (RFC 7662) what each token is worth.
//
//     const oidc = await startOidc({ expiresIn: 3600 });
//     oidc.provider                      // the URL of the token endpoint
//     oidc.clients.header, .body         // {clientId, clientSecret, mode, scope}: authorization without its provider
//     oidc.api('/items')                 // the URL of the API, which answers what oidc.value says
//     oidc.granted, oidc.refused         // token requests so far: {clientId, mode, scope}; how many
//     oidc.calls                         // of the API: {path, token, status}
//     await oidc.revoke()                // tokens given so far are worth nothing from now on
import crypto from 'node:crypto';
import http from 'node:http';

import Provider from 'oidc-provider';

// Both parts need form encoding (RFC 6749 §2.3.1) before they are joined with a colon.
const HEADER = { clientId: 'header: client', clientSecret: 'a+b %3D&c=~:/', mode: 'header', scope: 'api:read api:list' };
const BODY = { clientId: 'body+client', clientSecret: 'p&q=r %26+s', mode: 'body', scope: 'api:read' };
const RESOURCE_SERVER = { id: 'resource-server', secret: crypto.randomBytes(16).toString('hex') };

function configuration(expiresIn) {
  const client = ({ clientId, clientSecret }, method, more = {}) => ({
    client_id: clientId,
    client_secret: clientSecret,
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...more,
  });
  return {
    clients: [
      client(HEADER, 'client_secret_basic', { scope: HEADER.scope }),
      client(BODY, 'client_secret_post', { scope: BODY.scope }),
      client({ clientId: RESOURCE_SERVER.id, clientSecret: RESOURCE_SERVER.secret }, 'client_secret_basic'),
    ],
    scopes: ['api:read', 'api:list'],
    ttl: { ClientCredentials: () => expiresIn },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
    },
    cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
  };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

class Oidc {
  clients = { header: HEADER, body: BODY };
  granted = [];
  refused = 0;
  calls = [];
  value = { items: [] };
  #tokens = [];
  #handle = undefined;
  #auth = http.createServer((req, res) => this.#handle(req, res));
  #api = http.createServer((req, res) => this.#answer(req, res));

  async start(expiresIn) {
    this.issuer = await listen(this.#auth);
    this.provider = `${this.issuer}/token`;
    this.base = await listen(this.#api);
    this.oidc = new Provider(this.issuer, configuration(expiresIn));
    this.oidc.on('grant.success', (ctx) => {
      // The provider takes either mode from any client: who cares which one it was has to look.
      const mode = ctx.get('Authorization') ? 'header' : 'body';
      this.granted.push({ clientId: ctx.oidc.client.clientId, mode, scope: ctx.body.scope });
      this.#tokens.push(ctx.body.access_token);
    });
    this.oidc.on('grant.error', () => this.refused++);
    this.#handle = this.oidc.callback();
    return this;
  }

  api(path) {
    return `${this.base}${path}`;
  }

  // What the provider says of a token.
  async introspect(token) {
    const form = (text) => new URLSearchParams({ x: text }).toString().slice(2);
    const pair = `${form(RESOURCE_SERVER.id)}:${form(RESOURCE_SERVER.secret)}`;
    const answer = await fetch(`${this.issuer}/token/introspection`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
      body: new URLSearchParams({ token }),
    });
    if (!answer.ok) throw new Error(`introspection: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async revoke() {
    for (const token of this.#tokens.splice(0)) await (await this.oidc.ClientCredentials.find(token))?.destroy();
  }

  // RFC 6750 §3
  async #answer(req, res) {
    const [, token] = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '') ?? [];
    let status = 401;
    try {
      if (token && (await this.introspect(token)).active) status = 200;
    } catch (error) {
      console.error(error);
      status = 500;
    }
    this.calls.push({ path: req.url, token, status });
    const challenge = status === 401 ? { 'WWW-Authenticate': token ? 'Bearer error="invalid_token"' : 'Bearer' } : {};
    res.writeHead(status, { 'Content-Type': 'application/json', ...challenge });
    res.end(JSON.stringify(status === 200 ? this.value : { error: status }));
  }

  async close() {
    for (const server of [this.#auth, this.#api]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

// expiresIn: seconds that tokens live.
export function startOidc({ expiresIn = 3600 } = {}) {
  return new Oidc().start(expiresIn);
}
