// 23 orders, page by page, in the ways that APIs have of doing it. Every two seconds one of them changes.
//
//   node serve.mjs [PORT]      default 9200; 0 lets the system choose. Prints its URL.
//
// GET /page/orders?page=1&pageSize=10           the body has the URI of the next page
// GET /offset/orders?offset=0&limit=10          the body has the next offset
// GET /keyset/orders?since_key=110&pageSize=10  the body has the key to go on from
// GET /cursor/orders?cursor=…&pageSize=10       the body has a cursor that means nothing to others
// GET /link/orders?page=1&pageSize=10           the header field Link has the URI of the next page
//
// And what can go wrong:
//
// GET /circle/orders       page 2 says that page 1 is next
// GET /elsewhere/orders    the next page is at another origin
// GET /broken/orders       page 2 is 503
import { Status, serve } from '../origin.mjs';

const CHANGE_MS = 2000;
const NEXT = { new: 'paid', paid: 'sent', sent: 'new' };

const customers = ['Ahlers', 'Brandt', 'Coskun', 'Diaz', 'Ekström'];
const orders = Array.from({ length: 23 }, (_, i) => ({
  id: 101 + i, customer: customers[i % customers.length], status: 'new', total: 20 + ((7 * i) % 50),
}));

function change() {
  const order = orders[Math.floor(Math.random() * orders.length)];
  order.status = NEXT[order.status];
}

// From the query: a whole number that is not below `least`.
function number(query, name, otherwise, least) {
  const value = Number(query.get(name) ?? otherwise);
  if (!Number.isInteger(value) || value < least) throw new Status(400, { message: `${name} must be a number from ${least}` });
  return value;
}

function page(query) {
  const at = number(query, 'page', 1, 1);
  const size = number(query, 'pageSize', 10, 1);
  const list = orders.slice((at - 1) * size, at * size);
  const next = at * size < orders.length ? `orders?page=${at + 1}&pageSize=${size}` : null;
  return { at, size, list, next };
}

function byPage({ query }) {
  const { list, next } = page(query);
  return { orders: list, links: { next } };
}

function byOffset({ query }) {
  const offset = number(query, 'offset', 0, 0);
  const end = offset + number(query, 'limit', 10, 1);
  return { total: orders.length, orders: orders.slice(offset, end), nextOffset: end < orders.length ? end : null };
}

function byKey({ query }) {
  const after = orders.filter((order) => order.id > number(query, 'since_key', 0, 0));
  const list = after.slice(0, number(query, 'pageSize', 10, 1));
  return list.length < after.length ? { orders: list, lastKey: list.at(-1).id } : { orders: list };
}

function byCursor({ query }) {
  const from = Number(Buffer.from(query.get('cursor') ?? '', 'base64url').toString() || 0);
  const end = from + number(query, 'pageSize', 10, 1);
  const cursor = end < orders.length ? Buffer.from(String(end)).toString('base64url') : '';
  return { data: { orders: orders.slice(from, end) }, cursor };
}

function byLink({ query }) {
  const { size, list, next } = page(query);
  const first = `<orders?page=1&pageSize=${size}>; rel="first"`;
  return { value: list, headers: { Link: next ? `${first}, <${next}>; rel="next"` : first } };
}

function circle({ query }) {
  const { at, size, list } = page(query);
  return { orders: list, links: { next: `orders?page=${(at % 2) + 1}&pageSize=${size}` } };
}

function elsewhere({ query }) {
  const { list, next } = page(query);
  return { orders: list, links: { next: next && `http://orders.example.com/${next}` } };
}

function broken({ query }) {
  if (number(query, 'page', 1, 1) > 1) throw new Status(503);
  return byPage({ query });
}

setInterval(change, CHANGE_MS);
serve(Number(process.argv[2] ?? 9200), {
  'GET /page/orders': byPage,
  'GET /offset/orders': byOffset,
  'GET /keyset/orders': byKey,
  'GET /cursor/orders': byCursor,
  'GET /link/orders': byLink,
  'GET /circle/orders': circle,
  'GET /elsewhere/orders': elsewhere,
  'GET /broken/orders': broken,
});
