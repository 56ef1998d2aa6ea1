// What it costs to take notifications from a feed, each batch of ten given and completed.
import { figuresOf } from './bench_rig.mjs';

export const title = 'Feeds';

const MANY = 1_000_000;
const program = (name, ...args) => (ctx) => figuresOf(ctx.tool(name), args);

export const rows = [{
  name: 'GET next, by what is queued',
  contenders: { 'a hundred': program('bench_feed', 100), 'a million': program('bench_feed', MANY) },
  limits: [{ figure: 'p50Ms', of: 'a million', against: 'a hundred', atMost: 2 }],
}, {
  name: 'next and complete, in batches of ten',
  unit: 'notification',
  contenders: {
    'SQLite table, select and delete': program('bench_sqlite', 'queue', MANY, 2000),
    pollcast: program('bench_feed', 200_000, 2000),
  },
}];
