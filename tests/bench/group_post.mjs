// What posted documents cost: from the request to the answer, which comes when they are durable.
import { figuresOf } from './bench_rig.mjs';

export const title = 'Posts of 1 KB';

const program = (name, ...args) => (ctx) => figuresOf(ctx.tool(name), args);
const loop = program('bench_sqlite', 'insert', 100, 1000);
const many = (posters, topics, ...more) => ({
  'SQLite, 100 to a transaction': loop,
  pollcast: program('bench_post', 'many', posters, topics, ...more),
});

export const rows = [
  { name: '1 topic, 16 posters', unit: 'post', contenders: many(16, 1) },
  { name: '1 topic, 128 posters', unit: 'post', contenders: many(128, 1) },
  { name: '100 topics, 100 posters', unit: 'post', contenders: many(100, 100) },
  { name: '100 topics, 400 posters', unit: 'post', contenders: many(400, 100) },
  { name: '100 topics, 400 posters, 100 events kept', unit: 'post', contenders: many(400, 100, 'trim') },
  {
    name: 'one post at a time',
    contenders: { 'SQLite, 1 to a transaction': program('bench_sqlite', 'single', 1500), pollcast: program('bench_post', 'single', 1500) },
  },
];
