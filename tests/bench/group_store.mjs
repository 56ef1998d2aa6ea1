// What the store costs, against a plain loop around SQLite that is as durable.
import { figuresOf } from './bench_rig.mjs';

export const title = 'The store';

const program = (name, ...args) => (ctx) => figuresOf(ctx.tool(name), args);
const commit = (...args) => program('bench_store', 'commit', ...args);

export const rows = [{
  name: 'events of 1 KB, 1 000 topics',
  unit: 'event',
  contenders: {
    'SQLite, 100 to a transaction': program('bench_sqlite', 'insert', 100, 2000),
    'groups of 1': commit(1),
    'groups of 10': commit(10),
    'groups of 100': commit(100),
    'groups of 500': commit(500),
    'groups of 100, 16 kept': commit(100, 16),
  },
  limits: [
    { figure: 'perS', of: 'groups of 100', against: 'SQLite, 100 to a transaction', atLeast: 0.9 },
    { figure: 'cpuUs', of: 'groups of 100', against: 'SQLite, 100 to a transaction', atMost: 2 },
  ],
}, {
  name: 'opening with 100 000 topics',
  contenders: {
    'after a stop': program('bench_store', 'open'),
    'after a crash': program('bench_store', 'open', 'unclean'),
  },
  limits: [{ figure: 'ms', of: 'after a crash', atMost: 1000 }],
}, {
  name: 'the last 100 events of 10 000',
  contenders: { store: program('bench_store', 'read') },
}];
