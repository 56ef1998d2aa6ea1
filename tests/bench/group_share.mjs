// What an unchanged poll costs where topics make the same request, against topics of which each makes its own, with and
// without coalescing.
import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, metrics, sleep, startOrigin } from './bench_rig.mjs';

export const title = 'Polls of topics that share requests';

const topics = 1000;
const warmMs = 2000;
const measuredMs = 2500;

export async function setup(ctx) {
  ctx.origin = await startOrigin(ctx.build);
  ctx.cleanup(() => ctx.origin.stop());
}

const polls = ({ own, args = [] }) => async (ctx) => {
  const daemon = await startDaemon({ args: ['--loops', '2', ...args] });
  ctx.cleanup(() => daemon.kill());
  await createTopics(daemon, topics, (i) => ({ url: ctx.origin.url(0, own ? `/1024?${i}` : '/1024'), pollingPeriod: 'PT0.5S' }));
  await sleep(warmMs);
  const before = await metrics(daemon);
  const cpuBefore = cpu(daemon.pid);
  const at = performance.now();
  await sleep(measuredMs);
  const used = cpu(daemon.pid) - cpuBefore;
  const seconds = (performance.now() - at) / 1000;
  const after = await metrics(daemon);
  const delta = (name) => after.get(`pollcast_${name}_total`) - before.get(`pollcast_${name}_total`);
  return {
    cpuUs: used / delta('polls'),
    perS: delta('polls') / seconds,
    requestsPerS: delta('fetch_requests') / seconds,
    mails: delta('mailbox_posts') / delta('polls'),
  };
};

export const rows = [{
  name: '1 000 topics, twice a second, 1 host, 2 loops',
  unit: 'poll',
  contenders: {
    'own requests': polls({ own: true }),
    'own requests, poll.coalesce off': polls({ own: true, args: ['--poll-coalesce=false'] }),
    'the same request': polls({ own: false }),
    'the same request, poll.coalesce off': polls({ own: false, args: ['--poll-coalesce=false'] }),
  },
  limits: [
    { figure: 'cpuUs', of: 'the same request', against: 'the same request, poll.coalesce off', atMost: 0.5 },
    { figure: 'cpuUs', of: 'own requests', against: 'own requests, poll.coalesce off', atMost: 1.1 },
  ],
}];
