// What it costs to make topics through the API: each is durable when it is answered for, and is then polled for the first
// time.
import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, startOrigin } from './bench_rig.mjs';

export const title = 'The API';

const topics = 1000;

const made = async (ctx) => {
  const origin = await startOrigin(ctx.build);
  ctx.cleanup(() => origin.stop());
  const daemon = await startDaemon({ args: ['--loops', '2'] });
  ctx.cleanup(() => daemon.kill());
  const before = cpu(daemon.pid);
  const at = performance.now();
  await createTopics(daemon, topics, (i) => ({ url: origin.url(i, `/1024?${i}`), pollingPeriod: 'PT1H' }));
  return { cpuUs: (cpu(daemon.pid) - before) / topics, perS: topics / ((performance.now() - at) / 1000) };
};

export const rows = [{
  name: '1 000 topics made, 32 at a time',
  unit: 'topic',
  contenders: { pollcast: made },
}];
