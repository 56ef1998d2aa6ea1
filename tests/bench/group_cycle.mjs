// What a cycle of pages costs: ten pages of a hundred items, against ten requests of one page each and, where an item
// changed, one diff of all the thousand. Lists of the same items, of which none or one changes from poll to poll. One diff
// is what a poll of the whole list in one answer costs more when something has changed than when nothing has: parsing,
// comparing, storing.
import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, metrics, sleep, startOrigin } from './bench_rig.mjs';

export const title = 'Cycles of pages';

const PAGES = 10;
const ITEMS = 100;
const TOPICS = 60;
const warmMs = 700;
const measuredMs = 1500;

let key = 0;
const list = (changes, total, from, count) => `/list/${key++}/${changes}/${total}/${from}/${count}`;
const all = PAGES * ITEMS;
const pagination = { mode: 'page', nextReference: { location: 'body', type: 'uri', pointer: '/next' } };
const topicsOf = {
  // A page of the middle, which names a next one that nobody asks for.
  single: () => ({ at: list(0, all, (key % PAGES) * ITEMS, ITEMS) }),
  whole: () => ({ at: list(0, all, 0, all) }),
  wholeChanged: () => ({ at: list(1, all, 0, all) }),
  cycle: () => ({ at: list(0, all, 0, ITEMS), pagination }),
  cycleChanged: () => ({ at: list(1, all, 0, ITEMS), pagination }),
};

// CPU of a poll, µs.
async function measure(ctx, name) {
  const daemon = await startDaemon({ args: ['--loops', '1', '--poll-min-period', 'PT0.1S'] });
  ctx.cleanup(() => daemon.kill());
  // As many requests a second of one page as the cycles make, or each would be dearer for the waking up.
  const topics = name === 'single' ? PAGES * TOPICS : TOPICS;
  await createTopics(daemon, topics, (i) => {
    const { at, ...more } = topicsOf[name]();
    return { url: ctx.origin.url(i, at), payloadPointer: '/items', pollingPeriod: 'PT0.1S', ...more };
  });
  await sleep(warmMs);
  const before = await metrics(daemon);
  const used = cpu(daemon.pid);
  await sleep(measuredMs);
  const now = cpu(daemon.pid);
  const after = await metrics(daemon);
  const delta = (what) => after.get(`pollcast_polls_${what}`) - before.get(`pollcast_polls_${what}`);
  const expected = delta(/Changed$/.test(name) ? 'ok_total' : 'unchanged_total');
  const polls = delta('total');
  if (expected < 0.95 * polls || polls < topics) throw new Error(`${name}: ${expected} of ${polls} polls are as expected`);
  return (now - used) / polls;
}

export async function setup(ctx) {
  ctx.origin = await startOrigin(ctx.build);
  ctx.cleanup(() => ctx.origin.stop());
}

const cycles = (name) => async (ctx) => ({ cpuUs: await measure(ctx, name) });

export const rows = [{
  name: 'ten pages of a hundred items, unchanged',
  unit: 'cycle',
  contenders: {
    'ten requests': async (ctx) => ({ cpuUs: PAGES * await measure(ctx, 'single') }),
    pollcast: cycles('cycle'),
  },
  limits: [{ figure: 'cpuUs', of: 'pollcast', against: 'ten requests', atMost: 1.5 }],
}, {
  name: 'ten pages of a hundred items, one changed',
  unit: 'cycle',
  contenders: {
    'ten requests and one diff': async (ctx) => {
      const diffUs = await measure(ctx, 'wholeChanged') - await measure(ctx, 'whole');
      return { cpuUs: PAGES * await measure(ctx, 'single') + diffUs, diffUs };
    },
    pollcast: cycles('cycleChanged'),
  },
  limits: [{ figure: 'cpuUs', of: 'pollcast', against: 'ten requests and one diff', atMost: 1.5 }],
}];
