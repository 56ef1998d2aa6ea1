// Debian's Chromium without a window, driven by its DevTools protocol. It reaches this machine only.
//
//     const browser = await startChromium();   // where `chromium` is not undefined
//     const page = await browser.open('http://127.0.0.1:…/');
//     await page.run(async (url) => (await fetch(url)).status, url);   // a function, in the page
//     await page.send('Debugger.enable');
//     await browser.close();
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import readline from 'node:readline';

import WebSocket from 'ws';

import { tempFolder, within } from './daemon.js';

const WAIT_MS = 30_000;
const FILES = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0',
  '--remote-allow-origins=*', '--no-first-run', '--no-default-browser-check', '--no-proxy-server', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-extensions', '--disable-domain-reliability', '--metrics-recording-only', '--password-store=basic',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

// A snap's wrapper of that name is none: it starts nothing where there is no snapd.
export const chromium = FILES.find((file) => fs.existsSync(file) && !/\bsnap\b/.test(fs.readFileSync(file, 'latin1').slice(0, 4096)));

class Page {
  #browser;
  #target;
  #session;

  constructor(browser, target, session) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#session);
  }

  close() {
    return this.#browser.send('Target.closeTarget', { targetId: this.#target });
  }

  // What a function gives when it is called in the page with these arguments; both must be JSON.
  async run(fn, ...args) {
    const expression = `(${fn})(...${JSON.stringify(args)})`;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails: thrown } = await this.send('Runtime.evaluate', params);
    if (thrown) throw new Error(`in the page: ${thrown.exception?.description ?? thrown.text}`);
    return result.value;
  }

  // Until a function gives something in the page; to what it gave.
  until(fn, ...args) {
    const probe = `async (...args) => {
      for (;;) {
        const found = await (${fn})(...args);
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }`;
    return within(WAIT_MS, this.run(probe, ...args), `in the page: ${fn}`);
  }
}

class Browser {
  #waiting = new Map();
  #next = 0;
  #socket;

  constructor(socket, close) {
    this.#socket = socket;
    this.close = close;
    socket.on('message', (text) => {
      const { id, result, error } = JSON.parse(text);
      const waiting = this.#waiting.get(id); // events have no id
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
      else waiting?.resolve(result);
    });
    socket.on('close', () => this.#waiting.forEach(({ reject, method }) => reject(new Error(`${method}: the browser ended`))));
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#next;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return within(WAIT_MS, new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, method })), method);
  }

  // Resolves when the document is there.
  async open(url) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    const { errorText } = await page.send('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await page.until(() => document.readyState === 'complete' && location.href !== 'about:blank');
    return page;
  }
}

export async function startChromium() {
  const args = [...ARGS, `--user-data-dir=${tempFolder()}`, 'about:blank'];
  const child = spawn(chromium, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const end = () => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it has ended */ } };
  process.on('exit', end);
  const said = [];
  const endpoint = await within(WAIT_MS, new Promise((resolve, reject) => {
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const [, url] = /^DevTools listening on (ws:\S+)/.exec(line) ?? [];
      if (url) resolve(url);
    });
    child.on('error', reject);
    ended.then(() => reject(new Error(`${chromium} ended:\n${said.slice(-20).join('\n')}`)));
  }), 'the start of Chromium').catch((error) => { end(); throw error; });
  const socket = new WebSocket(endpoint, { perMessageDeflate: false });
  await within(WAIT_MS, new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject)), 'DevTools');
  return new Browser(socket, async () => {
    socket.terminate();
    end();
    await ended;
    process.off('exit', end);
  });
}
