// Webhooks: what receivers get, and what becomes of it when they do not take it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { describe, test } from 'node:test';

import { HTTP } from 'cloudevents';
import jsonpatch from 'fast-json-patch';
import { Webhook } from 'standardwebhooks';

import { assertErrors } from './lib/api.js';
import { startOidc } from './lib/oidc.js';
import { createWebhook, exchangesOf, patchWebhook, startReceiver, testWebhook, tryWebhook, WEBHOOK, webhookOf } from './lib/receiver.js';
import { ARGS, daemon, newPath, origin, PERIOD, rig } from './lib/rig.js';
import { createPostTopic, createTopic, eventually, journalOf, metric, post, postedSeq, TOPICS } from './lib/topics.js';

const FIRST_MS = 50;
const MOST_MS = 400;
const TOKEN = 'a token that nobody may see';
rig({
  args: [...ARGS, '--subscription-retry-initial', `PT${FIRST_MS / 1000}S`, '--subscription-retry-max', `PT${MOST_MS / 1000}S`],
  env: { HOOK_TOKEN: TOKEN },
});

const BY_WEBHOOK = { subscribers: [{ type: 'webhook' }] };
const newTopic = () => createPostTopic(daemon, BY_WEBHOOK);
const newSecret = () => `whsec_${crypto.randomBytes(32).toString('base64')}`;
// A topic of events, a receiver, and the subscription between them.
async function deliver(t, more = {}) {
  const hook = await startReceiver(t);
  const topic = await newTopic();
  const subscription = await createWebhook(daemon, topic, { webhookUrl: hook.url(), ...more });
  return { hook, topic, subscription };
}
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const postAll = async (topic, values) => { for (const value of values) postedSeq(await post(daemon, topic, value), topic); };
const delivery = async (subscription) => (await webhookOf(daemon, subscription)).delivery;

// Mostly they wait: several at a time, each with a topic and a receiver of its own.
describe('webhooks', { concurrency: 6 }, () => {
  // ---- what they get ----

  test('event: each document as it was published, with header fields that say what it is', async (t) => {
    const { hook, topic, subscription } = await deliver(t, { webhookHeaders: { 'X-Mine': 'a b', 'X-Empty': '' } });
    const documents = ['{"a":1.50}', '[]', '"text"', 'null', `{"long":"${'x'.repeat(200_000)}"}`];
    await postAll(topic, documents);
    const last = await hook.came(documents.length);
    assert.deepEqual(hook.calls.map(({ text }) => text), documents);
    assert.deepEqual(hook.calls.map(({ id }) => id), documents.map((_, i) => `${topic.id}#${i + 1}`));
    const { host, 'user-agent': agent, accept, 'accept-encoding': encoding, connection, ...rest } = last.headers;
    assert.deepEqual(rest, {
      'content-type': 'application/json',
      'content-length': String(documents.at(-1).length),
      'x-axway-streams-subscription-id': subscription.id,
      'x-axway-streams-topic-id': topic.id,
      'x-axway-streams-event-id': `${topic.id}#${documents.length}`,
      'x-axway-streams-event-type': 'event',
      'x-mine': 'a b',
      'x-empty': '',
    });
    assert.equal(last.method, 'POST');
    assert.ok(host && agent && accept && encoding);
    assert.equal(hook.connections, 1, 'the connection is kept');
  });

  test('a content type of the subscription’s own is sent instead', async (t) => {
    const { hook, topic } = await deliver(t, { webhookHeaders: { 'content-type': 'application/vnd.mine+json' } });
    await postAll(topic, ['1']);
    assert.equal((await hook.came(1)).headers['content-type'], 'application/vnd.mine+json');
  });

  // An origin whose document changes; resolves when each change is in the journal.
  async function changing(mode, t) {
    const hook = await startReceiver(t);
    const at = newPath();
    const document = { items: numbers(1, 20).map((id) => ({ id, n: 0 })) };
    origin.json(at, document);
    const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD }, BY_WEBHOOK);
    const subscription = await createWebhook(daemon, topic, { webhookUrl: hook.url(), subscriptionMode: mode });
    const change = async (step) => {
      step(document);
      origin.json(at, document);
      const want = JSON.stringify(document);
      await eventually(async () => {
        const { status, text } = await daemon.request('GET', `${TOPICS}/${topic.id}/snapshot`);
        return status === 200 && text === want;
      }, 'the change');
    };
    return { hook, topic, subscription, document, change };
  }

  const steps = [
    (d) => { d.items[3].n = 1; },
    (d) => { d.items.splice(7, 2); },
    (d) => { d.items.push({ id: 99, n: [null, { deep: true }] }); },
    (d) => { d.more = 'text'; delete d.items[0].n; },
  ];

  test('snapshot-patch: one snapshot, then patches that lead to the origin’s document', async (t) => {
    const { hook, topic, document, change } = await changing('snapshot-patch', t);
    await hook.came(1);
    for (const step of steps) await change(step);
    await hook.came(1 + steps.length);
    const [first, ...patches] = hook.calls;
    assert.equal(first.type, 'snapshot');
    assert.deepEqual([...new Set(patches.map(({ type }) => type))], ['patch']);
    const now = patches.reduce((doc, { json }) => jsonpatch.applyPatch(doc, json, true).newDocument, first.json);
    assert.deepEqual(now, document);
    assert.deepEqual(hook.calls.map(({ id }) => id), (await journalOf(daemon, topic)).map(({ id }) => id));
  });

  test('snapshot-only: the whole document each time; the newest alone while the receiver is down', async (t) => {
    const { hook, subscription, document, change } = await changing('snapshot-only', t);
    await hook.came(1);
    await change(steps[0]);
    const second = await hook.came(2);
    assert.equal(second.type, 'snapshot');
    assert.deepEqual(second.json, document);
    await hook.down();
    for (const step of steps.slice(1)) await change(step);
    await eventually(async () => (await delivery(subscription)).failed > 0, 'a delivery that fails');
    await hook.up();
    const third = await hook.came(3);
    assert.deepEqual(third.json, document, 'what came between is skipped');
    await eventually(async () => (await delivery(subscription)).behind === 0, 'the cursor');
    assert.equal(hook.calls.length, 3);
  });

  test('changes: which elements were created, updated and deleted', async (t) => {
    const { hook, change } = await changing('changes', t);
    await hook.came(1);
    await change((d) => { d.items[3].n = 1; d.items.splice(7, 1); d.items.push({ id: 99, n: 0 }); });
    const { type, json } = await hook.came(2);
    assert.equal(type, 'changes');
    assert.deepEqual(json.map(({ op, key }) => `${op} ${key}`).sort(), ['created 99', 'deleted 8', 'updated 4']);
  });

  test('the default mode is the topic’s; one that it does not offer is refused', async (t) => {
    const hook = await startReceiver(t);
    const subscribers = [{ type: 'webhook', allowedSubscriptionModes: ['snapshot-only'], defaultSubscriptionMode: 'snapshot-only' }];
    const topic = await createTopic(daemon, { url: origin.url(newPath()), pollingPeriod: 'PT1H' }, { subscribers });
    const webhookUrl = hook.url();
    assert.equal((await createWebhook(daemon, topic, { webhookUrl })).subscriptionMode, 'snapshot-only');
    assertErrors(await tryWebhook(daemon, topic, { webhookUrl, subscriptionMode: 'snapshot-patch' }), 400, { pointer: '/subscriptionMode', says: /snapshot-only/ });
  });

  test('one after the other, in order, however slow the receiver is', async (t) => {
    const { hook, topic } = await deliver(t);
    hook.answer = (call, res) => setTimeout(() => res.end(), 5);
    await postAll(topic, numbers(1, 40).map((n) => ({ n })));
    await hook.came(40);
    assert.deepEqual(hook.calls.map(({ seq }) => seq), numbers(1, 40));
    assert.deepEqual(hook.calls.map(({ json }) => json.n), numbers(1, 40));
    assert.equal(hook.most, 1);
  });

  // ---- when it is not taken ----

  test('what fails is tried again, ever later', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    const failures = [500, 404, 429, 400, 503, 302, 100 + 204 + 95];
    hook.answer = (call, res) => res.writeHead(failures[hook.calls.length - 1] ?? 200).end();
    await postAll(topic, ['"first"', '"second"']);
    await hook.came(failures.length + 2);
    assert.deepEqual(hook.calls.map(({ seq }) => seq), [...failures.map(() => 1), 1, 2]);
    failures.forEach((_, n) => {
      const [given, next] = [hook.calls[n], hook.calls[n + 1]];
      const least = Math.min(MOST_MS, FIRST_MS * 2 ** n);
      assert.ok(next.at - given.until >= 0.8 * least - 2, `retry ${n} after ${next.at - given.until} ms`);
    });
    const exchanges = await eventually(async () => {
      const all = await exchangesOf(daemon, subscription);
      return all.length === hook.calls.length && all;
    }, 'the exchanges');
    assert.deepEqual(exchanges.map((x) => x.requestRetryAttempts), [...numbers(0, failures.length), 0]);
    assert.deepEqual(exchanges.map((x) => x.responseCode), [...failures, 200, 200]);
    assert.match(exchanges[0].errorMessage, /answered 500/);
    assert.equal(exchanges.at(-1).errorMessage, null);
    const { delivered, failed, attempt, cursor } = await eventually(async () => {
      const now = await delivery(subscription);
      return now.cursor === `${topic.id}#2` && now;
    }, 'the cursor');
    assert.deepEqual({ delivered, failed, attempt, cursor }, { delivered: 2, failed: failures.length, attempt: 0, cursor: `${topic.id}#2` });
  });

  for (const [name, value] of [['seconds', () => '1'], ['a date', () => new Date(Date.now() + 2000).toUTCString()]]) {
    test(`Retry-After in ${name} is obeyed`, async (t) => {
      const { hook, topic } = await deliver(t);
      hook.answer = (call, res) => (hook.calls.length === 1 ? res.writeHead(503, { 'Retry-After': value() }).end() : res.end());
      await postAll(topic, ['1']);
      const [first, second] = [await hook.came(1), await hook.came(2)];
      // Dates are cut to seconds.
      assert.ok(second.at - first.at >= 950, `after ${second.at - first.at} ms`);
      assert.equal(second.seq, 1);
    });
  }

  test('410 suspends; active again, it goes on with the same event', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    hook.answer = (call, res) => res.writeHead(call.seq === 2 ? 410 : 200).end();
    await postAll(topic, ['1', '2', '3']);
    await eventually(async () => (await webhookOf(daemon, subscription)).subscriptionStatus === 'suspended', 'the suspension');
    await postAll(topic, ['4']);
    assert.equal((await daemon.request('POST', `${WEBHOOK}/subscriptions/${subscription.id}/test`, { body: '{}' })).status, 409);
    assert.equal((await exchangesOf(daemon, subscription)).at(-1).responseCode, 410, 'kept while it is suspended');
    assert.deepEqual(hook.calls.map(({ seq }) => seq), [1, 2]);
    hook.answer = undefined;
    await patchWebhook(daemon, subscription, { subscriptionStatus: 'active' });
    await hook.came(5);
    assert.deepEqual(hook.calls.map(({ seq }) => seq), [1, 2, 2, 3, 4]);
  });

  test('a suspended subscription delivers what came meanwhile', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    await postAll(topic, ['1']);
    await hook.came(1);
    await patchWebhook(daemon, subscription, { subscriptionStatus: 'suspended' });
    await postAll(topic, ['2', '3']);
    await patchWebhook(daemon, subscription, { subscriptionStatus: 'active' });
    await hook.came(3);
    assert.deepEqual(hook.calls.map(({ text }) => text), ['1', '2', '3']);
  });

  test('redirects are refused', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    const other = await startReceiver(t);
    hook.answer = (call, res) => (hook.calls.length === 1 ? res.writeHead(307, { Location: other.url() }).end() : res.end());
    await postAll(topic, ['1']);
    await hook.came(2);
    assert.equal(other.calls.length, 0);
    assert.match((await exchangesOf(daemon, subscription))[0].errorMessage, /307: redirects of webhooks are not followed/);
  });

  test('an answer that takes too long is none', async (t) => {
    const { hook, topic, subscription } = await deliver(t, { timeout: 'PT1S' });
    hook.answer = (call, res) => (hook.calls.length === 1 ? setTimeout(() => res.end(), 3000) : res.end());
    await postAll(topic, ['1']);
    const [first, second] = [await hook.came(1), await hook.came(2)];
    assert.ok(first.until - first.at >= 950 && first.until - first.at < 2500, `given up after ${first.until - first.at} ms`);
    assert.equal(second.seq, 1);
    const [slow] = await exchangesOf(daemon, subscription);
    assert.match(slow.errorMessage, /no answer within 10\d\d ms/);
    assert.deepEqual([slow.responseCode, slow.responseHeaders, slow.responseBody, slow.responseSize], [null, null, null, null]);
    assert.match(slow.requestDuration, /^PT1(\.\d+)?S$/);
  });

  test('so is one whose body does not end', async (t) => {
    const { hook, topic } = await deliver(t, { timeout: 'PT1S' });
    hook.answer = (call, res) => {
      if (hook.calls.length > 1) return res.end();
      res.write('a');
      const drip = setInterval(() => res.write('a'), 100);
      return res.on('close', () => clearInterval(drip));
    };
    await postAll(topic, ['1']);
    const [first] = [await hook.came(1), await hook.came(2)];
    assert.ok(first.until - first.at >= 950 && first.until - first.at < 2500, `given up after ${first.until - first.at} ms`);
  });

  for (const [name, headers] of [['told', (n) => ({ 'Content-Length': n })], ['not told', () => ({})]]) {
    test(`of a long answer whose length is ${name} the beginning is enough`, async (t) => {
      const { hook, topic, subscription } = await deliver(t);
      const body = Buffer.from('é'.repeat(2_500_000));
      let sent = 0;
      hook.answer = (call, res) => {
        res.writeHead(200, headers(body.length));
        const more = () => {
          while (sent < body.length && !res.destroyed) {
            if (!res.write(body.subarray(sent, sent += 50_000))) return res.once('drain', more);
          }
          return res.end();
        };
        if (hook.calls.length === 1) more();
        else res.end(headers(0)['Content-Length'] === undefined ? '' : body);
      };
      await postAll(topic, ['1', '2']);
      await hook.came(2);
      assert.deepEqual(hook.calls.map(({ seq }) => seq), [1, 2], 'it was taken');
      const [long] = await exchangesOf(daemon, subscription);
      assert.deepEqual([long.responseCode, long.errorMessage], [200, null]);
      assert.equal(long.responseBody, 'é'.repeat(2048));
      const size = Number(/^(\d+)B$/.exec(long.responseSize)[1]);
      assert.equal(size, name === 'told' ? body.length : 64 * 1024);
      assert.ok(daemon.memory('VmHWM') < 400 * 1024);
    });
  }

  test('an address that egress refuses is not connected to', async (t) => {
    const hook = await startReceiver(t);
    const topic = await newTopic();
    const subscription = await createWebhook(daemon, topic, { webhookUrl: 'http://169.254.169.254/latest' });
    await postAll(topic, ['1']);
    const { lastError } = await eventually(async () => {
      const now = await delivery(subscription);
      return now.failed > 1 && now;
    }, 'a delivery that fails');
    assert.match(lastError.message, /169\.254\.169\.254/);
    assert.match((await exchangesOf(daemon, subscription))[0].errorMessage, /not allowed|refused|link-local/i);
    await patchWebhook(daemon, subscription, { webhookUrl: hook.url() });
    assert.equal((await hook.came(1)).text, '1');
  });

  test('a topic that is deleted takes its subscriptions along', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    hook.answer = (call, res) => res.writeHead(500).end();
    await postAll(topic, ['1']);
    await hook.came(1);
    assert.equal((await daemon.request('DELETE', `${TOPICS}/${topic.id}`)).status, 204);
    assert.equal((await daemon.request('GET', `${WEBHOOK}/subscriptions/${subscription.id}`)).status, 404);
    const count = hook.calls.length;
    await new Promise((resolve) => setTimeout(resolve, MOST_MS)); // a retry would come by then
    assert.ok(hook.calls.length <= count + 1, 'what was under way, and no more');
  });

  test('a subscription that is deleted, or points elsewhere, leaves its receiver alone', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    const other = await startReceiver(t);
    hook.answer = () => {}; // never
    await postAll(topic, ['1']);
    await hook.came(1);
    await patchWebhook(daemon, subscription, { webhookUrl: other.url() });
    assert.equal((await other.came(1)).seq, 1);
    await hook.until(() => hook.open === 0, 'the end of the request');
    assert.equal((await daemon.request('DELETE', `${WEBHOOK}/subscriptions/${subscription.id}`)).status, 204);
    await postAll(topic, ['2']);
    assert.equal(hook.calls.length, 1);
    assert.equal(other.calls.length, 1);
  });

  // ---- authorization and signatures ----

  test('oauth2: a token of the provider, renewed once on a 401', async (t) => {
    const oidc = await startOidc();
    t.after(() => oidc.close());
    const topic = await newTopic();
    const { clientId, clientSecret, mode, scope } = oidc.clients.header;
    const authorization = { type: 'oauth2', provider: oidc.provider, clientId, clientSecret, mode, scope };
    const subscription = await createWebhook(daemon, topic, { webhookUrl: oidc.api('/hook'), authorization });
    assert.equal(subscription.authorization.clientSecret, '********');
    const taken = (n) => eventually(async () => (await delivery(subscription)).delivered === n, `delivery ${n}`);
    await postAll(topic, ['1', '2']);
    await taken(2);
    assert.equal(oidc.granted.length, 1);
    await oidc.revoke();
    await postAll(topic, ['3']);
    await taken(3);
    assert.deepEqual(oidc.calls.map(({ status }) => status), [200, 200, 401, 200]);
    assert.equal(oidc.granted.length, 2);
    assert.equal((await delivery(subscription)).failed, 0, 'not an attempt of its own');
    const told = JSON.stringify(await exchangesOf(daemon, subscription));
    for (const secret of [clientSecret, ...oidc.calls.map(({ token }) => token)]) {
      assert.ok(!told.includes(secret));
      assert.ok(!daemon.log.join('\n').includes(secret));
    }
  });

  test('oauth2: where no token is given, nothing is sent', async (t) => {
    const hook = await startReceiver(t);
    const oidc = await startOidc();
    t.after(() => oidc.close());
    const topic = await newTopic();
    const { clientId, mode } = oidc.clients.header;
    const authorization = { type: 'oauth2', provider: oidc.provider, clientId, clientSecret: 'not this one', mode };
    const subscription = await createWebhook(daemon, topic, { webhookUrl: hook.url(), authorization });
    await postAll(topic, ['1']);
    const { lastError } = await eventually(async () => {
      const now = await delivery(subscription);
      return now.failed > 0 && now;
    }, 'the failure');
    assert.match(lastError.message, /^authorization: .*invalid_client/);
    const [none] = await exchangesOf(daemon, subscription);
    assert.equal(none.responseCode, null);
    assert.match(none.errorMessage, /^authorization: /);
    assert.equal(hook.calls.length, 0);
  });

  test('basic and bearer, also by reference', async (t) => {
    const basic = await deliver(t, { authorization: { type: 'basic', username: 'me', password: 'pass:word' } });
    await postAll(basic.topic, ['1']);
    assert.equal((await basic.hook.came(1)).headers.authorization, `Basic ${btoa('me:pass:word')}`);
    const bearer = await deliver(t, { authorization: { type: 'bearer', token: 'abc.def' } });
    await postAll(bearer.topic, ['1']);
    assert.equal((await bearer.hook.came(1)).headers.authorization, 'Bearer abc.def');
    const refers = await deliver(t, { webhookHeaders: { Authorization: 'Bearer ${env:HOOK_TOKEN}' } });
    assert.equal(refers.subscription.webhookHeaders.Authorization, 'Bearer ${env:HOOK_TOKEN}');
    await postAll(refers.topic, ['1']);
    assert.equal((await refers.hook.came(1)).headers.authorization, `Bearer ${TOKEN}`);
  });

  test('a reference to nothing fails the delivery, and says so', async (t) => {
    const { hook, topic, subscription } = await deliver(t, { signingSecret: '${env:HOOK_NOTHING}' });
    await postAll(topic, ['1']);
    const { lastError } = await eventually(async () => {
      const now = await delivery(subscription);
      return now.failed > 0 && now;
    }, 'the failure');
    assert.match(lastError.message, /signingSecret: .*HOOK_NOTHING/);
    assert.equal(hook.calls.length, 0);
  });

  test('signatures by Standard Webhooks, with two secrets while one replaces the other', async (t) => {
    const [old, fresh, other] = [newSecret(), newSecret(), newSecret()];
    const { hook, topic, subscription } = await deliver(t, { signingSecret: old });
    assert.equal(subscription.signingSecret, '********');
    const verifies = (secret, { text, headers }) => {
      try {
        new Webhook(secret).verify(text, headers);
        return true;
      } catch {
        return false;
      }
    };
    await postAll(topic, ['{"a":"é"}']);
    const first = await hook.came(1);
    assert.deepEqual([old, fresh].map((secret) => verifies(secret, first)), [true, false]);
    assert.equal(first.headers['webhook-id'], first.id);
    assert.ok(!verifies(old, { ...first, text: '{"a":"e"}' }), 'of another body it is none');

    const both = await patchWebhook(daemon, subscription, { signingSecret: [fresh, old] });
    assert.deepEqual(both.signingSecret, ['********', '********']);
    await postAll(topic, ['2']);
    const second = await hook.came(2);
    assert.deepEqual([old, fresh, other].map((secret) => verifies(secret, second)), [true, true, false]);
    assert.equal(second.headers['webhook-signature'].split(' ').length, 2);

    // What was masked stays what it is.
    await patchWebhook(daemon, subscription, { signingSecret: ['********', '********'], webhookHeaders: { A: 'b' } });
    await postAll(topic, ['3']);
    const third = await hook.came(3);
    assert.deepEqual([old, fresh].map((secret) => verifies(secret, third)), [true, true]);
    assert.equal(third.headers.a, 'b');

    await patchWebhook(daemon, subscription, { signingSecret: fresh });
    await postAll(topic, ['4']);
    const fourth = await hook.came(4);
    assert.deepEqual([old, fresh].map((secret) => verifies(secret, fourth)), [false, true]);

    await patchWebhook(daemon, subscription, { signingSecret: null });
    await postAll(topic, ['5']);
    assert.deepEqual(Object.keys((await hook.came(5)).headers).filter((name) => name.startsWith('webhook-')), []);
  });

  test('a repeated delivery has the same id', async (t) => {
    const secret = newSecret();
    const { hook, topic } = await deliver(t, { signingSecret: secret });
    hook.answer = (call, res) => res.writeHead(hook.calls.length === 1 ? 500 : 200).end();
    await postAll(topic, ['1']);
    await hook.came(2);
    assert.equal(hook.calls[0].headers['webhook-id'], hook.calls[1].headers['webhook-id']);
    for (const { text, headers } of hook.calls) new Webhook(secret).verify(text, headers);
  });

  // ---- CloudEvents ----

  test('cloudevents: the payload in an envelope', async (t) => {
    const secret = newSecret();
    const { hook, topic } = await deliver(t, { format: 'cloudevents', signingSecret: secret, webhookHeaders: { 'Content-Type': 'text/mine' } });
    await postAll(topic, ['{"a":["é",1]}']);
    const { headers, text, id } = await hook.came(1);
    assert.equal(headers['content-type'], 'application/cloudevents+json');
    const event = HTTP.toEvent({ headers, body: text });
    assert.ok(event.validate());
    assert.equal(event.specversion, '1.0');
    assert.equal(event.id, id);
    assert.equal(event.source, `/streams/hub/api/v1/topics/${topic.id}`);
    assert.equal(event.type, 'pollcast.event');
    assert.equal(event.subject, topic.name);
    assert.equal(event.datacontenttype, 'application/json');
    assert.deepEqual(event.data, { a: ['é', 1] });
    const { time } = (await journalOf(daemon, topic))[0];
    assert.equal(Date.parse(event.time), Date.parse(time));
    new Webhook(secret).verify(text, headers);
  });

  test('cloudevents: snapshots and patches', async (t) => {
    const hook = await startReceiver(t);
    const at = newPath();
    origin.json(at, { a: 1, list: numbers(1, 50) });
    const topic = await createTopic(daemon, { url: origin.url(at), pollingPeriod: PERIOD }, BY_WEBHOOK);
    await createWebhook(daemon, topic, { webhookUrl: hook.url(), format: 'cloudevents' });
    await hook.came(1);
    origin.json(at, { a: 2, list: numbers(1, 50) });
    await hook.came(2);
    const events = hook.calls.map(({ headers, text }) => HTTP.toEvent({ headers, body: text }));
    assert.deepEqual(events.map(({ type }) => type), ['pollcast.snapshot', 'pollcast.patch']);
    assert.deepEqual(events[1].data, [{ op: 'replace', path: '/a', value: 2 }]);
    assert.ok(Math.abs(Date.parse(events[1].time) - Date.now()) < 60_000);
  });

  // ---- exchanges and tests ----

  test('exchanges tell what was said, without secrets', async (t) => {
    const secret = newSecret();
    const hidden = ['key-that-is-hidden', 'hush-hush', TOKEN, secret.slice(6)];
    const { hook, topic, subscription } = await deliver(t, {
      webhookHeaders: { 'X-Api-Key': hidden[0], 'X-Plain': 'seen', 'X-Env': '${env:HOOK_TOKEN}' },
      authorization: { type: 'basic', username: 'me', password: hidden[1] },
      signingSecret: secret,
    });
    // It says it all back.
    hook.answer = (call, res) => {
      res.setHeader('X-Seen', [call.headers['x-api-key'], call.headers['x-env'], 'plain']);
      res.setHeader('X-Twice', ['a', 'b']);
      res.end(`${JSON.stringify(call.headers)} ${hidden.join(' ')}`);
    };
    await postAll(topic, ['{"a":1}']);
    const call = await hook.came(1);
    assert.equal(call.headers['x-env'], TOKEN);
    const [x] = await eventually(async () => {
      const all = await exchangesOf(daemon, subscription);
      return all.length > 0 && all;
    }, 'the exchange');
    assert.deepEqual(Object.keys(x), ['subscriptionId', 'pipelineId', 'eventType', 'requestDatetime', 'requestDuration',
      'requestRetryAttempts', 'requestRetryMaxAttempts', 'requestUrl', 'requestHeaders', 'responseCode', 'responseHeaders',
      'responseBody', 'responseSize', 'errorMessage']);
    assert.equal(x.subscriptionId, subscription.id);
    assert.equal(x.pipelineId, topic.id);
    assert.equal(x.eventType, 'event');
    assert.equal(x.requestUrl, hook.url());
    assert.match(x.requestDuration, /^PT0\.\d+S$/);
    assert.ok(Math.abs(Date.parse(x.requestDatetime) - Date.now()) < 20_000);
    const { 'X-Api-Key': key, 'X-Plain': plain, 'X-Env': env, Authorization, 'webhook-signature': signature, ...rest } = x.requestHeaders;
    assert.deepEqual([key, plain, env, Authorization], ['********', 'seen', '********', '********']);
    assert.equal(signature, call.headers['webhook-signature']);
    assert.equal(rest['X-Axway-Streams-Event-Id'], call.id);
    assert.equal(x.responseHeaders['X-Twice'], 'a, b');
    assert.match(x.responseBody, /"x-plain":"seen"/);
    const told = JSON.stringify(x);
    for (const text of [...hidden, btoa(`me:${hidden[1]}`)]) assert.ok(!told.includes(text), text);
  });

  test('exchanges of a time, and no more than a hundred', async (t) => {
    const { hook, topic, subscription } = await deliver(t);
    await postAll(topic, numbers(1, 120).map(String));
    await hook.came(120);
    const all = await eventually(async () => {
      const now = await exchangesOf(daemon, subscription);
      return now.at(-1)?.requestHeaders['X-Axway-Streams-Event-Id'].endsWith('#120') && now;
    }, 'the last exchange');
    assert.equal(all.length, 100);
    assert.deepEqual(all.map((x) => x.requestHeaders['X-Axway-Streams-Event-Id']), numbers(21, 120).map((n) => `${topic.id}#${n}`));
    const [start, end] = [all[10].requestDatetime, all[19].requestDatetime];
    const some = await exchangesOf(daemon, subscription, `?start=${start}&end=${end}`);
    assert.deepEqual(some, all.filter(({ requestDatetime }) => requestDatetime >= start && requestDatetime <= end));
    assert.ok(some.length >= 10 && some.length < 100);
    assert.deepEqual(await exchangesOf(daemon, subscription, '?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z'), []);
    // From five minutes before the end, unless it is said.
    const until = (minutes) => exchangesOf(daemon, subscription, `?end=${new Date(Date.now() + minutes * 60_000).toISOString()}`);
    assert.deepEqual([(await until(4)).length, (await until(6)).length], [100, 0]);
    for (const query of ['start=yesterday', 'end=2020-13-01T00:00:00Z', 'start=']) {
      assertErrors(await daemon.request('GET', `${WEBHOOK}/subscriptions/${subscription.id}/exchanges?${query}`), 400, { parameter: query.split('=')[0] });
    }
  });

  test('test: the body as it is, besides the deliveries', async (t) => {
    const secret = newSecret();
    const { hook, subscription, topic } = await deliver(t, { signingSecret: secret, webhookHeaders: { 'X-Mine': 'a' }, format: 'cloudevents' });
    let late;
    hook.answer = (call, res) => { if (call.type === 'test') res.writeHead(500).end('no'); else late = res; };
    await postAll(topic, ['1']);
    await hook.came(1);
    await testWebhook(daemon, subscription, ' {"any": [1.0]}');
    const call = await hook.came(2);
    assert.equal(call.text, ' {"any": [1.0]}');
    assert.equal(call.type, 'test');
    assert.equal(call.headers['content-type'], 'application/json');
    assert.equal(call.headers['x-mine'], 'a');
    assert.equal(call.headers['x-axway-streams-subscription-id'], subscription.id);
    new Webhook(secret).verify(call.text, call.headers);
    const x = await eventually(async () => (await exchangesOf(daemon, subscription)).find(({ eventType }) => eventType === 'test'), 'its exchange');
    assert.equal(x.responseCode, 500);
    assert.equal(x.responseBody, 'no');
    assert.equal(x.requestHeaders['Content-Type'], 'application/json');
    late.end();
    await eventually(async () => (await delivery(subscription)).delivered === 1, 'the delivery');
    assert.equal((await delivery(subscription)).failed, 0, 'a test is not a delivery');
    assert.equal(hook.calls.length, 2, 'and is not repeated');
  });

  test('tests do not pile up', async (t) => {
    const { hook, subscription } = await deliver(t);
    hook.answer = () => {};
    for (let n = 0; n < 20; n++) await testWebhook(daemon, subscription, '1');
    await hook.came(8);
    const exchanges = await exchangesOf(daemon, subscription);
    assert.equal(exchanges.filter(({ errorMessage }) => /too many tests/.test(errorMessage)).length, 12);
    assert.equal(hook.calls.length, 8);
  });

  // ---- what is refused ----

  test('settings that cannot be', async () => {
    const topic = await newTopic();
    const webhookUrl = 'http://127.0.0.1:9/';
    const refuses = async (body, ...errors) => assertErrors(await tryWebhook(daemon, topic, body), 400, ...errors);
    await refuses({}, { pointer: '/webhookUrl', says: /required/ });
    for (const url of ['ftp://h/', 'h', 'http://me:secret@h/', 7]) await refuses({ webhookUrl: url }, { pointer: '/webhookUrl' });
    await refuses({ webhookUrl, webhookHeaders: { 'a b': '1', Host: 'x', Ok: 'line\nbreak', N: 1 } },
      { pointer: '/webhookHeaders/N' });
    await refuses({ webhookUrl, webhookHeaders: { 'a b': '1', Host: 'x', Ok: 'line\nbreak' } },
      { pointer: '/webhookHeaders/a b' }, { pointer: '/webhookHeaders/Host' }, { pointer: '/webhookHeaders/Ok' });
    await refuses({ webhookUrl, authorization: { type: 'oauth2' } },
      { pointer: '/authorization/provider' }, { pointer: '/authorization/clientId' }, { pointer: '/authorization/clientSecret' });
    await refuses({ webhookUrl, authorization: { type: 'bearer', token: 'a' }, webhookHeaders: { authorization: 'b' } },
      { pointer: '/webhookHeaders/authorization', says: /both/ });
    const short = `whsec_${Buffer.alloc(23).toString('base64')}`;
    for (const wrong of ['abc', 'whsec_', 'whsec_!', short, `whsec_${Buffer.alloc(65).toString('base64')}`]) {
      const answer = await tryWebhook(daemon, topic, { webhookUrl, signingSecret: wrong });
      assertErrors(answer, 400, { pointer: '/signingSecret', says: /whsec_/ });
      if (wrong === short) assert.ok(!answer.text.includes(short));
    }
    await refuses({ webhookUrl, signingSecret: [newSecret(), 'x'] }, { pointer: '/signingSecret/1' });
    await refuses({ webhookUrl, signingSecret: [newSecret(), newSecret(), newSecret()] }, { pointer: '/signingSecret', says: /at most 2/ });
    await refuses({ webhookUrl, signingSecret: '********' }, { pointer: '/signingSecret', says: /stored/ });
    await refuses({ webhookUrl, format: 'xml' }, { pointer: '/format', says: /plain/ });
    for (const timeout of ['PT0.5S', 'PT61S', '15', 15]) await refuses({ webhookUrl, timeout }, { pointer: '/timeout' });
    await refuses({ webhookUrl, webhookURL: 1 }, { pointer: '/webhookURL', says: /did you mean "webhookUrl"/ });
  });
});

// ---- a host that does not answer ----

test('a host that does not answer is left alone but for one probe at a time', async (t) => {
  const hook = await startReceiver(t);
  const topics = await Promise.all(numbers(1, 4).map(newTopic));
  const all = await Promise.all(topics.flatMap((topic) => numbers(1, 10).map((n) => createWebhook(daemon, topic, { webhookUrl: hook.url(`/${n}`) }))));
  const openBefore = await metric(daemon, 'breakers_open');
  const refusedBefore = await metric(daemon, 'breaker_refusals_total');
  await hook.down();
  for (const topic of topics) await postAll(topic, ['1']);
  await eventually(async () => await metric(daemon, 'breakers_open') > openBefore, 'the breaker');
  const requests = await metric(daemon, 'webhook_requests_total');
  const refused = await metric(daemon, 'breaker_refusals_total');
  const from = performance.now();
  await eventually(async () => await metric(daemon, 'breaker_refusals_total') >= refused + 2 * all.length, 'deliveries that are put off');
  const probes = await metric(daemon, 'webhook_requests_total') - requests;
  const took = performance.now() - from;
  assert.ok(refused > refusedBefore);
  // On each of two loops a probe per retryInitial; and what was on its way when the breaker opened.
  assert.ok(probes <= 2 * (took / FIRST_MS + 1) + 10, `${probes} probes in ${took} ms`);
  await hook.up();
  await hook.until(() => hook.calls.length >= all.length, 'all deliveries');
  assert.deepEqual(new Set(hook.calls.map(({ headers }) => headers['x-axway-streams-subscription-id'])), new Set(all.map(({ id }) => id)));
  await eventually(async () => await metric(daemon, 'breakers_open') === openBefore, 'the end of it');
});
