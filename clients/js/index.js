// Follows a topic of a pollcast server: keeps its document up to date, or takes its messages, over Server-Sent Events.
//
//     const prices = follow('http://127.0.0.1:8080/streams/subscribers/sse/api/v1/topics/prices');
//     for await (const { document } of prices) show(document);
import { readFrames } from './frames.js';
import { applyPatch } from './patch.js';

export { PatchError, applyPatch } from './patch.js';

const VENDOR = 'application/vnd.axway.streams+';
const TOPICS = '/streams/subscribers/sse/api/v1/topics/';
// The numbers of a topic's events grow by one, and by this much where the server did not end in order.
const LEAP = 1_000_000;
// Changes that an iteration may be behind.
const QUEUE = 1000;
// What a timer can wait, in ms.
const LONGEST = 2 ** 31 - 1;
// Statuses that another attempt will not change.
const FINAL = [204, 400, 401, 403, 404, 405, 406, 409, 410];
// The one error of a subscription that does not end it: messages are no longer held, those after them come.
const MISSED = 40400;

// status: of an answer that is no stream. code, category: as the server told them. final: no further attempt is made.
export class FollowError extends Error {
  name = 'FollowError';

  constructor(message, { status, code, category, final = false, cause } = {}) {
    super(message, { cause });
    Object.assign(this, { status, code, category, final });
  }
}

function urlOf(source) {
  if (typeof source === 'string' || source instanceof URL) return String(source);
  if (typeof source?.topic !== 'string') throw new TypeError('what to follow is a URL or {server, topic}');
  return `${String(source.server ?? '').replace(/\/+$/, '')}${TOPICS}${encodeURIComponent(source.topic)}`;
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST));
    signal.addEventListener('abort', done);
  });
}

// What an answer that is no stream says of itself.
async function refusal(response, final) {
  const text = await response.text().catch(() => '');
  let detail;
  try {
    detail = JSON.parse(text).errors[0].detail;
  } catch { /* not the server's own */ }
  return new FollowError(detail ?? `status ${response.status}, not an event stream`, { status: response.status, final });
}

const secondsOf = (field) => (/^\d+$/.test(field ?? '') ? Number(field) * 1000 : 0);
const numberOf = (id) => Number(/#(\d+)$/.exec(id ?? '')?.[1]);

export class Follower extends EventTarget {
  document;           // as it is now; undefined: none came yet, or the mode has none
  id;                 // of the event that made it so
  state = 'connecting';
  since;              // Date of the last change and
  checked;            // of the last successful poll, as the server told them last
  error;              // the last one
  ready;              // promise of the first document

  #url;
  #options;
  #end = new AbortController();
  #attempt;           // AbortController of the connection
  #open = false;      // the stream is there
  #silent = false;    // nothing came for too long
  #failure;           // what the server told of a source that fails
  #resume;            // id to go on from
  #failures = 0;      // attempts since the last that succeeded
  #retry;             // ms, as the server wishes
  #heard = performance.now();
  #patience = 0;      // since when a silent connection is waited for
  #feeds = new Set(); // iterations: {queue, wake}
  #held;              // wakes the reader that waits for iterations

  constructor(source, {
    mode, headers, fetch = globalThis.fetch, signal, document, lastEventId, retry = 1000, maxRetry = 30_000, staleAfter = 15_000,
    onChange, onError, onState, onStale, onCheck,
  } = {}) {
    super();
    this.#url = urlOf(source);
    this.#options = { mode, headers, fetch, retry, maxRetry, staleAfter };
    this.document = document;
    this.id = this.#resume = lastEventId;
    for (const [name, on] of Object.entries({ change: onChange, error: onError, state: onState, check: onCheck })) {
      if (on) this.addEventListener(name, (event) => on(event.detail));
    }
    if (onStale) this.addEventListener('state', ({ detail }) => detail.state === 'stale' && onStale(detail));
    this.ready = new Promise((resolve, reject) => {
      const first = ({ detail }) => detail.document !== undefined && resolve(detail.document);
      this.addEventListener('change', first, { signal: this.#end.signal });
      this.#end.signal.addEventListener('abort', () => reject(this.error?.final ? this.error : new FollowError('closed')));
      if (document !== undefined) resolve(document);
    });
    this.ready.catch(() => {}); // whoever does not ask need not hear
    signal?.addEventListener('abort', () => this.close(), { signal: this.#end.signal });
    if (signal?.aborted) this.close();
    else this.#run();
  }

  close() {
    this.#end.abort();
    this.#attempt?.abort();
    this.#open = false;
    this.#update();
    for (const feed of this.#feeds) feed.wake();
    this.#held?.();
  }

  // Changes from now on, the document as it is before them. One that falls behind gets one snapshot in their place;
  // messages wait for it instead. Throws the error that ended it all.
  async* [Symbol.asyncIterator]() {
    const feed = { queue: [], wake() {} };
    if (this.document !== undefined) feed.queue.push(this.#whole());
    this.#feeds.add(feed);
    try {
      for (;;) {
        while (feed.queue.length > 0) {
          yield feed.queue.shift();
          this.#held?.();
        }
        if (this.state === 'closed' && this.error?.final) throw this.error;
        if (this.state === 'closed') return;
        await new Promise((resolve) => { feed.wake = resolve; });
      }
    } finally {
      this.#feeds.delete(feed);
      this.#held?.();
    }
  }

  #whole() {
    return { type: 'snapshot', id: this.id, document: this.document, previous: undefined };
  }

  #tell(name, detail) {
    const event = new Event(name);
    event.detail = detail;
    this.dispatchEvent(event);
  }

  #update() {
    const previous = this.state;
    const connected = this.#failure ? 'failing' : 'live';
    const state = this.#silent ? 'stale' : this.#open ? connected : 'connecting';
    this.state = this.#end.signal.aborted ? 'closed' : state;
    if (this.state !== previous) this.#tell('state', { state: this.state, previous });
  }

  #report(error) {
    this.error = error;
    this.#tell('error', error);
    if (error.final) this.close();
  }

  // ---- the connection ----

  async #run() {
    const { signal } = this.#end;
    const { staleAfter } = this.#options;
    await undefined; // so that listeners can be added before anything happens
    const watch = setInterval(() => this.#watch(staleAfter), staleAfter / 5);
    while (!signal.aborted) {
      this.#attempt = new AbortController();
      this.#patience = performance.now();
      try {
        await this.#connect(this.#attempt.signal);
      } catch (error) {
        this.#takeEnd(error);
      }
      this.#attempt.abort();
      this.#open = false;
      if (this.#failure?.category === 'server') this.#failure = undefined; // told again where it still holds
      this.#update();
      if (!signal.aborted) await sleep(this.#delay(), signal);
    }
    clearInterval(watch);
  }

  // Never sooner than the server wishes, and not all clients at once.
  #delay() {
    const { retry, maxRetry } = this.#options;
    const base = this.#retry ?? retry;
    const grown = Math.min(base * 2 ** this.#failures++, Math.max(base, maxRetry));
    return grown * (1 + Math.random() / 2);
  }

  #takeEnd(error) {
    if (this.#end.signal.aborted) return;
    const { aborted, reason } = this.#attempt.signal;
    const cause = aborted ? reason : error;
    this.#report(cause instanceof FollowError ? cause : new FollowError(cause.message, { cause }));
  }

  // A connection may be dead without an end. One that is found silent gets as long again: a page that was asleep finds it
  // silent, too, before it reads what is there.
  #watch(staleAfter) {
    const now = performance.now();
    if (this.#held || now - this.#heard < staleAfter) return;
    if (!this.#silent) {
      this.#silent = true;
      this.#patience = now;
      this.#update();
    } else if (now - this.#patience >= staleAfter) {
      this.#attempt.abort(new FollowError(`nothing came for ${Math.round(now - this.#heard)} ms`));
    }
  }

  async #connect(signal) {
    const { fetch, headers, mode } = this.#options;
    const all = new Headers(typeof headers === 'function' ? await headers() : headers);
    all.set('Accept', mode ? VENDOR + mode : 'text/event-stream');
    if (this.#resume !== undefined) all.set('Last-Event-ID', this.#resume);
    const response = await fetch(this.#url, { headers: all, signal, cache: 'no-store' });
    if (response.status !== 200 || !/^text\/event-stream\b/.test(response.headers.get('Content-Type') ?? '')) {
      await this.#refused(response, typeof headers === 'function');
    }
    this.#open = true;
    this.#failures = 0;
    this.#retry = undefined;
    for await (const frame of readFrames(response.body, { heard: () => this.#hear(), signal })) {
      signal.throwIfAborted();
      if (frame.comment !== undefined) this.#takeComment(frame.comment);
      else this.#takeFrame(frame);
      this.#update();
      while (!signal.aborted && [...this.#feeds].some((feed) => feed.queue.length >= QUEUE)) await this.#hold();
    }
    signal.throwIfAborted(); // the end may have been of our own making
  }

  async #refused(response, canChange) {
    this.#retry = secondsOf(response.headers.get('Retry-After')) || undefined;
    const isResume = response.status === 400 && this.#resume !== undefined; // the id of a topic that is no more
    if (isResume) this.#resume = undefined;
    const final = FINAL.includes(response.status) && !isResume && !(canChange && response.status === 401);
    throw await refusal(response, final);
  }

  #hear() {
    this.#heard = performance.now();
    this.#silent = false;
    this.#update();
  }

  async #hold() {
    await new Promise((resolve) => { this.#held = resolve; });
    this.#held = undefined;
    this.#heard = performance.now();
  }

  // ---- what comes ----

  #takeComment(comment) {
    const [, since, checked] = /^unchanged since (\S+)(?: checked (\S+))?$/.exec(comment) ?? [];
    if (since === undefined) return;
    this.since = new Date(since);
    if (checked) this.checked = new Date(checked);
    if (this.checked > this.#failure?.at) this.#failure = undefined;
    this.#tell('check', { since: this.since, checked: this.checked });
  }

  #takeFrame({ id, event, data, retry }) {
    if (/^\d+$/.test(retry ?? '')) this.#retry = Number(retry);
    if (data === undefined) return;
    const isRepetition = id !== undefined && id === this.id && (this.document !== undefined || event === 'event');
    if (isRepetition) this.#resume = id;
    else if (event === 'error') this.#takeError(JSON.parse(data));
    else if (event === 'snapshot' || event === 'patch') this.#takeDocument(event, id, data);
    else if (event === 'event' || event === 'changes') this.#takeMessage(event, id, JSON.parse(data));
  }

  #takeError({ code, category, message, datetime }) {
    const final = category === 'subscription' && code !== MISSED;
    const ofSource = category === 'publication' || category === 'server';
    if (ofSource) this.#failure = { category, at: new Date(datetime) };
    this.#report(new FollowError(message, { code, category, final }));
  }

  // A patch that does not fit, or that has lost one before it, is answered by asking for the whole.
  #takeDocument(type, id, data) {
    const previous = this.document;
    let patch;
    try {
      const gap = numberOf(id) - numberOf(this.id);
      if (type === 'patch' && gap !== 1 && gap < LEAP) throw new Error(`${id} does not follow ${this.id}`);
      if (type === 'patch') patch = JSON.parse(data);
      this.document = patch ? applyPatch(previous, patch) : JSON.parse(data);
    } catch (cause) {
      this.#resume = undefined;
      throw new FollowError(`asking for the document again: ${cause.message}`, { cause });
    }
    this.#changed({ type, id, document: this.document, previous, ...(patch && { patch }) });
  }

  #takeMessage(type, id, data) {
    this.document = undefined; // in mode changes the first event is one, which is not kept up to date
    this.#changed({ type, id, data });
  }

  #changed(change) {
    this.id = this.#resume = change.id;
    this.#failure = undefined;
    this.#update();
    this.#tell('change', change);
    for (const feed of this.#feeds) {
      if ('document' in change && feed.queue.length + 1 >= QUEUE) feed.queue = [this.#whole()];
      else feed.queue.push(change);
      feed.wake();
    }
  }
}

export function follow(source, options) {
  return new Follower(source, options);
}
