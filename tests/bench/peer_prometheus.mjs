// Prometheus as a contender: it scrapes and stores the same targets once a second.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';

import { tempFolder } from '../live/lib/daemon.js';
import { cpu, peer, pssKib, sleep } from './bench_rig.mjs';

async function up(address) {
  const query = `http://${address}/api/v1/query?query=${encodeURIComponent('sum(up)')}`;
  const [answer] = await once(http.get(query), 'response');
  const parts = [];
  for await (const part of answer) parts.push(part);
  return Number(JSON.parse(Buffer.concat(parts).toString()).data.result[0]?.value[1] ?? 0);
}

// urls: one per target. origin: that of startOrigin(), which counts.
export async function runPrometheus(ctx, origin, urls, { warmMs, measuredMs }) {
  const folder = tempFolder();
  ctx.cleanup(() => fs.rmSync(folder, { recursive: true, force: true }));
  const targets = urls.map((url) => new URL(url)).map(({ host, pathname }) => `      - targets: ['${host}']\n        labels: {__metrics_path__: ${pathname}}\n`);
  fs.writeFileSync(path.join(folder, 'prometheus.yml'), [
    'global: {scrape_interval: 1s, scrape_timeout: 1s}\n',
    'scrape_configs:\n  - job_name: bench\n',
    origin.ca ? `    scheme: https\n    tls_config: {ca_file: ${origin.ca}}\n` : '',
    '    static_configs:\n',
    ...targets,
  ].join(''));
  const args = [`--config.file=${path.join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${path.join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0'];
  const child = spawn(peer('prometheus'), args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  const ended = once(child, 'close');
  ctx.cleanup(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let address;
  for await (const line of readline.createInterface({ input: child.stderr })) {
    address ??= /Listening on.*address=(\S+)/.exec(line)?.[1];
    if (/ready to receive web requests/.test(line)) break;
  }
  child.stderr.resume();
  await sleep(warmMs); // the first scrape of a target makes its series, which costs far more than later ones
  const before = { cpu: cpu(child.pid), at: performance.now(), ...await origin.ask('/count') };
  await sleep(measuredMs);
  const used = cpu(child.pid) - before.cpu;
  const ms = performance.now() - before.at;
  const scrapes = (await origin.ask('/count')).answers - before.answers;
  const good = await up(address);
  if (good !== urls.length) throw new Error(`Prometheus: ${good} of ${urls.length} targets are up`);
  return { cpuUs: used / scrapes, perS: scrapes / (ms / 1000), core: used / 1000 / ms, pssKib: pssKib(child.pid) };
}
