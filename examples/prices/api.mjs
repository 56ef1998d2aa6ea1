// A small live API to try pollcast on: prices that tick, pauses in which nothing changes (answered with 304 to whoever
// asks with the ETag), and now and then a 503.
//
//   node api.mjs [PORT]      default 9000; 0 lets the system choose. Prints its URL.
//
// GET /prices
import http from 'node:http';

const TICK_MS = 700;
const QUIET_SHARE = 0.4; // of the ticks that change nothing
const FAIL_EVERY = 12;   // requests

const market = {
  currency: 'EUR',
  updated: '',
  items: ['Apples', 'Bread', 'Coffee', 'Dates', 'Eggs', 'Flour', 'Grapes', 'Honey'].map((name, i) => ({
    id: i + 1, name, price: 100 + 37 * i, stock: 20 + 3 * i,
  })),
};
let body;
let etag;
let requests = 0;
let ticks = 0;

const pick = (n) => Math.floor(Math.random() * n);

function publish() {
  market.updated = new Date().toISOString();
  body = JSON.stringify(market);
  etag = `"t${ticks}"`;
}

function tick() {
  if (Math.random() < QUIET_SHARE) return;
  ticks++;
  for (let n = 1 + pick(3); n > 0; n--) {
    const item = market.items[pick(market.items.length)];
    item.price = Math.max(1, item.price + pick(21) - 10);
    if (pick(4) === 0) item.stock = Math.max(0, item.stock + pick(7) - 3);
  }
  if (ticks % 9 === 0) market.items.push(market.items.shift()); // what sold least goes to the end
  publish();
}

function answer(request, response) {
  const path = new URL(request.url, 'http://api').pathname;
  if (path !== '/prices') return response.writeHead(404).end();
  if (++requests % FAIL_EVERY === 0) return response.writeHead(503).end('busy');
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, { ETag: etag }).end();
  response.writeHead(200, { 'Content-Type': 'application/json', ETag: etag });
  return response.end(body);
}

publish();
setInterval(tick, TICK_MS);
const server = http.createServer(answer);
server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/prices`);
});
