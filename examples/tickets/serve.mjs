// Tickets of a help desk. The API gives those that changed since a moment, and insists on being told the moment.
//
//   node serve.mjs [PORT]      default 9500; 0 lets the system choose. Prints its URL.
//
// GET  /tickets?since=2024-01-01T00:00:00Z     date and time with an offset
// GET  /tickets?since=1704067200               or seconds since 1970
// GET  /tickets?since=1704067200000            or milliseconds
// POST /tickets?title=…                        a new ticket, made now
import { Status, serve } from '../origin.mjs';

const MILLISECONDS_FROM = 1e11; // as seconds this would be the year 5138

const titles = ['Printer on fire', 'No sound', 'Badge lost', 'Window stuck'];
const tickets = titles.map((title, i) => ({ id: i + 1, title, changed: new Date(Date.UTC(2024, 0, 10 * (i + 1))).toISOString() }));

function moment(text) {
  if (/^\d+$/.test(text)) return Number(text) * (Number(text) < MILLISECONDS_FROM ? 1000 : 1);
  return /T.*(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : NaN;
}

function since({ query }) {
  const text = query.get('since') ?? '';
  const from = moment(text);
  if (Number.isNaN(from)) throw new Status(400, { message: `since is no moment: "${text}"` });
  return tickets.filter((ticket) => Date.parse(ticket.changed) >= from);
}

function add({ query }) {
  const ticket = { id: tickets.length + 1, title: query.get('title') ?? 'Untitled', changed: new Date().toISOString() };
  tickets.push(ticket);
  return ticket;
}

serve(Number(process.argv[2] ?? 9500), { 'GET /tickets': since, 'POST /tickets': add });
