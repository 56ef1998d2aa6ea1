// What a delivery costs: the server against a bare writer that does nothing else (bench_writer.c) and against nginx with
// nchan. All get the same events, posted at the same rate by the same program, which also reads them (bench_fanout.c).
//
// cpuUs is what a delivery adds: of all CPU time that of publishing is taken off, as it is measured in the same round with
// topics that nobody reads. wholeUs is all of it over the deliveries. Latency is from just before the post is sent until a
// reader has the event; lastMs: until the last has it, for half of the events. pssKib is per channel, the recent events
// that a server keeps included, files that it has mapped (libraries, a database) not.
//
// Servers and their readers stay for all rounds of a row, so that rounds are short and close to each other.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';

import { startDaemon, tempFolder } from '../live/lib/daemon.js';
import { cpu, Missing, peer, sleep } from './bench_rig.mjs';

export const title = 'Fan-out: what a delivery costs';

const descriptors = Number(/Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1]);
const most = Math.floor(Math.min(16_000, descriptors - 400) / 100) * 100; // channels of one process
const baseMs = 600;
const loadMs = 1500;

// ---- programs ----

// A program that is told its end by that of its standard input: {pid, ask(line), next(), stop()}.
function startTool(file, args) {
  const child = spawn(file, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.stdin.on('error', () => {});
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${path.basename(file)} ended with ${child.signalCode ?? child.exitCode}`);
    return JSON.parse(value);
  };
  return {
    next,
    ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    stop() {
      child.stdin.end();
      return ended;
    },
  };
}

// This process' share of memory that is no file's: of a library's the share changes with those who start and end.
function memoryKib(pid) {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return ['Pss_Anon', 'Pss_Shmem'].reduce((sum, name) => sum + Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)[1]), 0);
}

const childrenOf = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

// ---- servers: {pids, port, form, subscribe, publish, stop()} ----

export async function bareWriter(ctx, row) {
  const form = row.form === 'wish' ? 'websocket' : row.form;
  const tool = startTool(ctx.tool('bench_writer'), [form, row.loops, ...(form === 'tls' ? certificate() : [])]);
  const { port, pids } = await tool.next();
  return { pids, port, form, subscribe: '/', publish: '/', stop: tool.stop };
}

async function makeTopics(url, names) {
  const { request, Agent } = url.startsWith('https') ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
  const make = (name) => new Promise((resolve, reject) => {
    const body = JSON.stringify({
      name,
      publisher: { type: 'http-post', alwaysOn: true },
      subscribers: [{ type: 'sse' }, { type: 'websocket' }],
    });
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const req = request(`${url}/streams/hub/api/v1/topics`, { method: 'POST', agent, headers }, (res) => {
      res.resume().on('end', () => (res.statusCode === 201 ? resolve() : reject(new Error(`${name}: ${res.statusCode}`))));
    });
    req.on('error', reject).end(body);
  });
  const left = [...names];
  const worker = async () => {
    while (left.length) await make(left.pop());
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
}

export async function pollcast(ctx, row) {
  const tls = row.form === 'tls';
  const [cert, key] = tls ? certificate() : [];
  const daemon = await startDaemon({
    args: ['--loops', String(row.loops), '--sse-heartbeat', 'PT1H', '--drain', 'PT0S', ...(tls ? ['--tls-certificate', cert, '--tls-key', key] : [])],
  });
  const { port } = new URL(daemon.url);
  const names = Array.from({ length: row.topics }, (_, i) => [`t${i}`, `b${i}`]).flat();
  await makeTopics(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, names);
  const way = row.form === 'wish' ? 'websocket/api/v1/topics' : 'sse/api/v1/topics/';
  return {
    pids: [daemon.pid],
    port,
    form: row.form,
    subscribe: `/streams/subscribers/${way}`,
    publish: '/streams/publishers/http-post/api/v1/topics/',
    stop: () => daemon.kill(),
  };
}

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

function nginxConfig(folder, port, module, row) {
  const tls = row.form === 'tls';
  const [cert, key] = tls ? certificate() : [];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  return `
load_module ${module};
daemon off;
user root;
pid ${folder}/pid;
error_log ${folder}/error.log error;
worker_processes ${row.loops};
worker_rlimit_nofile ${descriptors};
events { worker_connections ${descriptors - 100}; multi_accept on; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  ${temporary.join('\n  ')}
  nchan_max_reserved_memory 512M;
  nchan_message_buffer_length 8;
  ${tls ? `ssl_certificate ${cert}; ssl_certificate_key ${key};` : ''}
  server {
    listen 127.0.0.1:${port} backlog=4096${tls ? ' ssl' : ''}${row.loops > 1 ? ' reuseport' : ''};
    location ~ ^/publish/(\\w+)$ { nchan_publisher; nchan_channel_id $1; }
    location ~ ^/follow/(\\w+)$ { nchan_subscriber eventsource websocket; nchan_channel_id $1; nchan_subscriber_first_message -1; }
  }
}
`;
}

// The processes of nginx, when all are there and one answers.
async function startedNginx(child, port, workers) {
  for (let i = 0; i < 500 && child.exitCode === null; i++) {
    const answers = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    const children = childrenOf(child.pid);
    if (answers && children.length === workers) return [child.pid, ...children];
    await sleep(10);
  }
  throw new Error('nginx does not start');
}

// nchan makes a folder in /var/lib/nginx whatever is configured; where nginx is not installed there is none, and it is not
// ours to make. So it gets a /var/lib of its own.
const ownVarLib = [...(process.getuid() === 0 ? [] : ['--map-root-user']), '--mount', 'sh', '-c', 'mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && exec "$@"', 'sh'];

async function nchan(ctx, row) {
  const program = peer('nginx');
  const module = path.join(path.dirname(program), '../lib/nginx/modules/ngx_nchan_module.so');
  if (!fs.existsSync(module)) throw new Missing('nchan, a module of nginx, is not installed');
  const folder = tempFolder();
  const port = await freePort();
  fs.writeFileSync(`${folder}/nginx.conf`, nginxConfig(folder, port, module, row));
  const child = spawn('unshare', [...ownVarLib, program, '-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const kill = () => child.kill('SIGTERM');
  process.on('exit', kill);
  return {
    pids: await startedNginx(child, port, row.loops),
    port,
    form: row.form === 'wish' ? 'websocket' : row.form,
    subscribe: '/follow/',
    publish: '/publish/',
    stop() {
      kill();
      process.off('exit', kill);
      return ended;
    },
  };
}

// ---- certificate ----

let made;
// [certificate, key]: files, made once.
function certificate() {
  if (made) return made;
  const folder = tempFolder();
  const files = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  execFileSync('openssl', [...args, '-out', files[0], '-keyout', files[1]], { stdio: 'ignore' });
  return (made = files);
}

// ---- one contender of one row ----

export class Rig {
  constructor(server, load, row) {
    Object.assign(this, { server, load, row });
  }

  static async start(ctx, row, startServer) {
    const server = await startServer(ctx, row);
    const load = startTool(ctx.tool('bench_fanout'), [
      server.form, server.port, row.channels, row.topics, row.size, server.subscribe, server.publish, ...(row.stuck ? ['stuck'] : []),
    ]);
    const rig = new Rig(server, load, row);
    try {
      for (const letter of 'bt') await rig.publish(letter, row.periodMs);
      rig.idleKib = rig.pss();
      if (!row.storm) await rig.connect();
      // The socket of the one that is stuck fills up.
      if (row.stuck) await load.ask(`publish t 3000 25`);
    } catch (error) {
      await rig.stop();
      throw error;
    }
    return rig;
  }

  cpu() {
    return this.server.pids.reduce((sum, pid) => sum + cpu(pid), 0);
  }

  pss() {
    return this.server.pids.reduce((sum, pid) => sum + memoryKib(pid), 0);
  }

  async connect() {
    const before = this.cpu();
    const { allMs } = await this.load.ask('connect');
    return { allMs, cpuUs: (this.cpu() - before) / this.row.channels };
  }

  // The CPU time in it, and what the load saw.
  async publish(letter, ms) {
    const before = this.cpu();
    const figures = await this.load.ask(`publish ${letter} ${ms} ${this.row.periodMs}`);
    if (figures.lost > 0) throw new Error(`${figures.lost} of ${this.row.channels} channels were closed`);
    if (figures.seen < figures.expected) throw new Error(`of ${figures.expected} deliveries ${figures.seen} were seen`);
    return { ...figures, cpu: this.cpu() - before };
  }

  async round() {
    const base = await this.publish('b', Math.max(this.row.topics > 1 ? loadMs : baseMs, this.row.periodMs));
    const load = await this.publish('t', Math.max(loadMs, this.row.periodMs));
    const publishing = (base.cpu / base.events) * load.events;
    return {
      cpuUs: (load.cpu - publishing) / load.deliveries,
      wholeUs: load.cpu / load.deliveries,
      p50Ms: load.p50Ms,
      p99Ms: load.p99Ms,
      maxMs: load.maxMs,
      lastMs: load.lastMs,
      pssKib: (this.pss() - this.idleKib) / this.row.channels,
      bytes: load.bytes / load.deliveries,
    };
  }

  // All at once. The server has forgotten those of the round before.
  async storm() {
    if (this.connected) {
      await this.load.ask('disconnect');
      await this.untilQuiet();
    }
    this.connected = true;
    const figures = await this.connect();
    return { ...figures, pssKib: (this.pss() - this.idleKib) / this.row.channels };
  }

  async untilQuiet() {
    const open = () => this.server.pids.reduce((sum, pid) => sum + fs.readdirSync(`/proc/${pid}/fd`).length, 0);
    while (open() > this.row.channels / 10) await sleep(20);
    await sleep(300);
  }

  async stop() {
    await this.load.stop();
    await this.server.stop();
  }
}

let current; // {row, rigs}

async function endRow() {
  const rigs = current ? [...current.rigs.values()] : [];
  current = undefined;
  for (const rig of rigs) await rig.stop();
}

export const teardown = endRow;

const contender = (row, startServer) => async (ctx) => {
  if (current?.row !== row) {
    await endRow();
    current = { row, rigs: new Map() };
  }
  if (!current.rigs.has(startServer)) current.rigs.set(startServer, await Rig.start(ctx, row, startServer));
  const rig = current.rigs.get(startServer);
  return row.storm ? rig.storm() : rig.round();
};

// ---- rows ----

const atMost = (figure, bound) => ({ figure, of: 'pollcast', against: 'bare writer', atMost: bound });
const cheaperBy = (bound) => ({ figure: 'cpuUs', of: 'nchan', against: 'pollcast', atLeast: bound });
const cheaper = cheaperBy(1.5);
const smaller = { figure: 'pssKib', of: 'pollcast', against: 'nchan', atMost: 0.1 };

function row(name, { unit = 'delivery', form = 'sse', topics = 1, channels, size = 1000, periodMs, loops = 1, peers = true, limits = [atMost('cpuUs', 1.15)], ...more }) {
  const settings = { form, topics, channels, size, loops, periodMs: periodMs ?? (channels > 10_000 ? 500 : channels > 1000 ? 250 : 100), ...more };
  const contenders = { 'bare writer': contender(settings, bareWriter), pollcast: contender(settings, pollcast) };
  if (peers) contenders.nchan = { peer: true, run: contender(settings, nchan) };
  return { name, unit, contenders, limits };
}

export const rows = [
  row('300 B to 1 000 channels', { channels: 1000, size: 300 }),
  row('1 KB to 1 000 channels', { channels: 1000, limits: [atMost('cpuUs', 1.15), cheaper] }),
  row('20 KB to 1 000 channels', { channels: 1000, size: 20_000 }),
  row('300 B to 10 000 channels', { channels: 10_000, size: 300 }),
  row('1 KB to 10 000 channels', { channels: 10_000, limits: [atMost('cpuUs', 1.15), cheaper, smaller] }),
  row('20 KB to 10 000 channels', { channels: 10_000, size: 20_000, periodMs: 500 }),
  row(`1 KB to ${most.toLocaleString('en').replace(',', ' ')} channels`, { channels: most, limits: [atMost('cpuUs', 1.15), cheaper, smaller] }),
  row('1 KB in 1 000 topics of 10 channels', { topics: 1000, channels: 10_000, periodMs: 500, limits: [cheaperBy(1.2)] }),
  row('1 KB to 10 000 channels on 2 loops', { channels: 10_000, loops: 2, limits: [cheaper] }),
  row('1 KB compressed to 10 000 channels', { form: 'gzip', channels: 10_000, peers: false }),
  row('1 KB by TLS to 1 000 channels', { form: 'tls', channels: 1000 }),
  row('20 KB by TLS to 1 000 channels', { form: 'tls', channels: 1000, size: 20_000 }),
  row('1 KB by WebSocket to 10 000 channels', { form: 'wish', channels: 10_000, limits: [atMost('cpuUs', 1.15), cheaperBy(1.2), smaller] }),
  row('20 KB to 1 000 channels of which one is stuck', { channels: 1000, size: 20_000, stuck: true, peers: false }),
  row('10 000 channels connect at once', {
    unit: 'connection', channels: 10_000, storm: true, limits: [atMost('cpuUs', 2), atMost('allMs', 5), cheaperBy(5)],
  }),
];
