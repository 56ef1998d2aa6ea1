// The documents of group_diff.mjs, the same ones each time. Pure.
//
// Numbers and strings are as JSON.stringify writes them, so that no contender has to write more than another.

// A source of numbers in [0, 1).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const below = (next, n) => Math.floor(next() * n);
const pick = (next, list) => list[below(next, list.length)];

// ---- lists of records, as an API of a shop would give

const words = ['amber', 'basket', 'cobalt', 'drum', 'ember', 'fjord', 'garnet', 'harbour', 'indigo', 'jasmine', 'kettle', 'lantern'];
const leaves = {
  title: (next) => `${pick(next, words)} ${pick(next, words)} ${below(next, 10000)}`,
  category: (next) => `${pick(next, words)}-${below(next, 50)}`,
  price: (next) => Math.round(next() * 50000) / 100,
  quantity: (next) => below(next, 500),
  active: (next) => next() < 0.5,
  lat: (next) => Math.round((next() * 180 - 90) * 1e4) / 1e4,
  lon: (next) => Math.round((next() * 360 - 180) * 1e4) / 1e4,
  tag: (next) => pick(next, words),
};

function record(next, id) {
  const leaf = (name) => leaves[name](next);
  return {
    ...(id === undefined ? {} : { id }),
    title: leaf('title'), category: leaf('category'), price: leaf('price'), quantity: leaf('quantity'), active: leaf('active'),
    place: { lat: leaf('lat'), lon: leaf('lon') },
    tags: [leaf('tag'), leaf('tag')],
  };
}

// Of at least so many bytes.
function shop(next, bytes, keyed) {
  const items = [];
  for (let size = 60; size < bytes; size += JSON.stringify(items.at(-1)).length + 1) items.push(record(next, keyed ? 1000 + items.length : undefined));
  return { updated: '2026-01-31T08:15:00Z', total: items.length, items };
}

const another = (next, was, make) => {
  for (;;) {
    const value = make(next);
    if (value !== was) return value;
  }
};

function changeFields(next, part, item) {
  const changed = structuredClone(item);
  const maybe = (object, key, name) => {
    if (next() < part) object[key] = another(next, object[key], leaves[name]);
  };
  for (const name of ['title', 'category', 'price', 'quantity', 'active']) maybe(changed, name, name);
  for (const name of ['lat', 'lon']) maybe(changed.place, name, name);
  for (const i of [0, 1]) maybe(changed.tags, i, 'tag');
  return changed;
}

// What happens to a list.
const kinds = {
  fields: (next, items) => items.map((item) => changeFields(next, 0.2, item)),
  head: (next, items) => [record(next, items[0].id && 1), ...items],
  move: (next, items) => {
    const [moved, ...rest] = [items[Math.floor(items.length * 0.75)], ...items.filter((_, i) => i !== Math.floor(items.length * 0.75))];
    return [...rest.slice(0, items.length >> 2), moved, ...rest.slice(items.length >> 2)];
  },
  reorder: (next, items) => [...items].sort((a, b) => a.price - b.price),
  deletions: (next, items) => items.filter(() => next() >= 0.1).slice(0, items.length - 1),
};

// {before, after}: texts.
export function pair(kind, bytes, keyed) {
  const next = random(bytes + (keyed ? 1 : 0));
  const before = shop(next, bytes, keyed);
  const after = { ...before, items: kinds[kind](next, before.items) };
  return { before: JSON.stringify(before), after: JSON.stringify(after) };
}

// ---- documents of all kinds, small, for the sizes of patches

const names = ['a', 'b', 'id', 'name', 'value', 'a name of some length', '~', 'a/b', 'é', 'x"y', '', 'list'];
const scalars = [0, 1, 2, 3, 12.5, -7, 1e21, true, false, null, '', 'a', 'b', 'text', 'a longer text of some words', 'line\nbreak', '€ and "quotes"'];

function anyValue(next, depth) {
  const kind = depth > 0 ? below(next, 9) : 0;
  if (kind < 3) return pick(next, scalars);
  if (kind < 5) return Object.fromEntries(Array.from({ length: below(next, 6) }, () => [pick(next, names), anyValue(next, depth - 1)]));
  const length = below(next, next() < 0.1 ? 120 : 12);
  if (kind < 7) return Array.from({ length }, () => anyValue(next, depth - 1));
  return Array.from({ length }, (_, id) => ({ id, value: anyValue(next, depth - 1), name: pick(next, words) }));
}

function mutateArray(next, chance, depth, value) {
  const out = [];
  for (const element of value) {
    if (next() < chance) continue;
    if (next() < chance) out.push(anyValue(next, 1));
    out.push(mutate(next, chance, depth - 1, element));
  }
  if (next() < chance) out.push(...Array.from({ length: below(next, 5) }, () => anyValue(next, 1)));
  if (next() < chance) out.splice(below(next, out.length + 1), below(next, 30));
  if (next() < chance && out.length > 1) out.unshift(...out.splice(below(next, out.length)));
  if (next() < chance && out.length > 1) out.reverse();
  return out;
}

function mutate(next, chance, depth, value) {
  if (next() < chance) return anyValue(next, Math.min(depth, 2));
  if (Array.isArray(value)) return mutateArray(next, chance, depth, value);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).filter(() => next() >= chance).map(([name, member]) => [name, mutate(next, chance, depth - 1, member)]);
  if (next() < chance) members.push([pick(next, names), anyValue(next, 1)]);
  if (next() < chance) members.reverse();
  return Object.fromEntries(members);
}

// [[before, after], ...]: texts.
export function* anyPairs(count) {
  const next = random(4711);
  const listKinds = Object.keys(kinds);
  for (let i = 0; i < count; i++) {
    const chance = pick(next, [0.01, 0.05, 0.2]);
    let before = i % 2 ? anyValue(next, 1 + below(next, 5)) : shop(next, below(next, 8000), next() < 0.5);
    if (typeof before !== 'object' || before === null) before = [before];
    let after = i % 4 < 2 ? mutate(next, chance, 3, before) : structuredClone(before);
    if (i % 4 === 2 && after.items?.length) for (let times = 1 + below(next, 2); times && after.items.length; times--) after.items = kinds[pick(next, listKinds)](next, after.items);
    if (typeof after !== 'object' || after === null || Array.isArray(after) !== Array.isArray(before)) after = Array.isArray(before) ? [after] : { after };
    yield [JSON.stringify(before), JSON.stringify(after)];
  }
}
