// What a warehouse has in stock. It fails when it is told to, and says what it is told to say. Each answer carries the time
// at which it was made, as those of many APIs do.
//
//   node serve.mjs [PORT]      default 9400; 0 lets the system choose. Prints its URL.
//
// GET  /stock                  {"madeAt": "…", "place": {…}, "items": […]}
// POST /sell?sku=A-1           one less of it
// POST /deliver?title=Figs     a new item, before the others
// POST /fail?status=503        from now on every answer is 503
//           &times=2           only so many
//           &retryAfter=3      with Retry-After, in seconds
// POST /fail?cut=1             the connection is closed instead of an answer
// PUT  /answer                 from now on this body is the answer, with status 200
// POST /heal                   no failing any more, and what was told is forgotten
import { Status, serve } from '../origin.mjs';

const place = { name: 'Hall 2', open: true };
const items = [
  { sku: 'A-1', title: 'Apples', left: 20, shelf: '1-04', supplier: 'Hillside Orchard' },
  { sku: 'B-2', title: 'Bread', left: 5, shelf: '2-11', supplier: 'Corner Bakery' },
  { sku: 'C-3', title: 'Coffee', left: 12, shelf: '7-02', supplier: 'Blue Harbour' },
  { sku: 'D-4', title: 'Dates', left: 9, shelf: '1-09', supplier: 'Oasis Trading' },
];

let told; // the whole answer
let failing = { times: 0 };

function stock({ response }) {
  if (failing.times > 0) {
    failing.times--;
    if (failing.cut) return void response.destroy();
    throw new Status(failing.status, undefined, failing.retryAfter ? { 'Retry-After': failing.retryAfter } : {});
  }
  return told ?? { madeAt: new Date().toISOString(), place, items };
}

function sell({ query }) {
  const item = items.find(({ sku }) => sku === query.get('sku'));
  if (!item) throw new Status(404);
  item.left = Math.max(0, item.left - 1);
  return item;
}

function deliver({ query }) {
  const item = { sku: `X-${items.length + 1}`, title: query.get('title') ?? 'Figs', left: 10, shelf: '3-01', supplier: 'Night Market' };
  items.unshift(item);
  return item;
}

function fail({ query }) {
  failing = {
    status: Number(query.get('status') ?? 503),
    times: Number(query.get('times') ?? Infinity),
    retryAfter: query.get('retryAfter'),
    cut: query.has('cut'),
  };
  return { status: 'failing' };
}

function answer({ body }) {
  told = body;
  return { status: 'as told' };
}

function heal() {
  failing = { times: 0 };
  told = undefined;
  return { status: 'healed' };
}

serve(Number(process.argv[2] ?? 9400), {
  'GET /stock': stock,
  'POST /sell': sell,
  'POST /deliver': deliver,
  'POST /fail': fail,
  'PUT /answer': answer,
  'POST /heal': heal,
});
