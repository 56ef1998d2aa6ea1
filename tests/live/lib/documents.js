// Documents that change by chance, the same way for the same seed.

// A function that gives whole numbers from 0 to below n.
export function random(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const CHANGES = [
  (value, pick) => value.items.splice(pick(value.items.length + 1), 0, { id: pick(1e9), n: pick(10), tags: [pick(3)], note: null }),
  (value, pick) => value.items.splice(pick(value.items.length || 1), 1),
  (value, pick) => value.items.length && (value.items[pick(value.items.length)].n = pick(1e6) / 64),
  (value, pick) => value.items.length && value.items[pick(value.items.length)].tags.unshift({ deep: [pick(5), 'é☃'] }),
  (value, pick) => value.items.push(...value.items.splice(pick(value.items.length || 1), 1)),
  (value, pick) => { value[`m/${pick(8)}~`] = ['text', null, true, { x: pick(9) }, [[]]][pick(5)]; },
  (value, pick) => { delete value[`m/${pick(8)}~`]; },
];

// Another document: {items: [{id, …}], …}, differing in a few places.
export function changeRandomly(value, pick) {
  const next = structuredClone(value);
  for (let i = 0; i <= pick(4); i++) CHANGES[pick(CHANGES.length)](next, pick);
  next.changes = (next.changes ?? 0) + 1;
  return next;
}
