// What a cycle of pages costs in the real program: ten pages of a hundred items, against ten requests of one page each and
// one diff of all the thousand items, which the same program makes in the same run. Lists of the same items, of which none
// or one changes from poll to poll. One diff is what a poll of the whole list in one answer costs more when something has
// changed than when nothing has: parsing, comparing, storing. Interleaved rounds, medians.
//
//   node bench_cycle.mjs BUILD_DIR [ROUNDS]
import { startDaemon } from '../live/lib/daemon.js';
import { cpu, createTopics, median, metrics, sleep, startOrigin } from './bench_rig.mjs';

const build = process.argv[2];
const rounds = Number(process.argv[3] ?? 3);
const PAGES = 10;
const ITEMS = 100;
const TOPICS = 60;
const warmMs = 700;
const measuredMs = 1500;

let key = 0;
const list = (changes, total, from, count) => `/list/${key++}/${changes}/${total}/${from}/${count}`;
const all = PAGES * ITEMS;
const pagination = { mode: 'page', nextReference: { location: 'body', type: 'uri', pointer: '/next' } };
const cases = {
  // A page of the middle, which names a next one that nobody asks for.
  single: () => ({ at: list(0, all, (key % PAGES) * ITEMS, ITEMS) }),
  whole: () => ({ at: list(0, all, 0, all) }),
  wholeChanged: () => ({ at: list(1, all, 0, all) }),
  cycle: () => ({ at: list(0, all, 0, ITEMS), pagination }),
  cycleChanged: () => ({ at: list(1, all, 0, ITEMS), pagination }),
};

// CPU of a poll, µs.
async function measure(origin, name) {
  const daemon = await startDaemon({ args: ['--loops', '1', '--poll-min-period', 'PT0.1S'] });
  // As many requests a second of one page as the cycles make, or each would be dearer for the waking up.
  const topics = name === 'single' ? PAGES * TOPICS : TOPICS;
  await createTopics(daemon, topics, (i) => {
    const { at, ...more } = cases[name]();
    return { url: origin.url(i, at), payloadPointer: '/items', pollingPeriod: 'PT0.1S', ...more };
  });
  await sleep(warmMs);
  const before = await metrics(daemon);
  const used = cpu(daemon.pid);
  await sleep(measuredMs);
  const now = cpu(daemon.pid);
  const after = await metrics(daemon);
  await daemon.stop();
  const delta = (what) => after.get(`pollcast_polls_${what}_total`) - before.get(`pollcast_polls_${what}_total`);
  const expected = /Changed$/.test(name) ? 'ok' : 'unchanged';
  const polls = after.get('pollcast_polls_total') - before.get('pollcast_polls_total');
  if (delta(expected) < 0.95 * polls || polls < topics) throw new Error(`${name}: ${delta(expected)} of ${polls} polls are ${expected}`);
  return (now - used) / polls;
}

const origin = await startOrigin(build, 1);
const took = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const name of Object.keys(cases)) took[name].push(await measure(origin, name));
}
origin.stop();
const of = Object.fromEntries(Object.entries(took).map(([name, list]) => [name, median(list)]));
const requests = PAGES * of.single;
const diff = of.wholeChanged - of.whole;
const line = (words, us, more = '') => console.log(`${words.padEnd(52)} ${us.toFixed(0).padStart(6)} us${more}`);
const ratio = (us, base) => `   ratio ${(us / base).toFixed(2)}  (at most 1.5)`;
console.log(`${PAGES} pages of ${ITEMS} items, CPU of the whole program (medians of ${rounds} rounds)`);
line('a request of one page, unchanged', of.single);
line('all items in one answer, unchanged', of.whole);
line('all items in one answer, one changed', of.wholeChanged);
line(`${PAGES} requests`, requests);
line('one diff, with its parsing and its commit', diff);
line('a cycle, unchanged, against the requests', of.cycle, ratio(of.cycle, requests));
line('a cycle, one item changed, against both', of.cycleChanged, ratio(of.cycleChanged, requests + diff));
