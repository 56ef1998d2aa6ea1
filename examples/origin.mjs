// What the origins below share: a server that prints its URL, and after that a line for each request. GET /asked gives
// the last of these lines, so that one can see what pollcast asked for.
import http from 'node:http';

const LINES = 50;

export class Status extends Error {
  constructor(status, body = { message: http.STATUS_CODES[status] }, headers = {}) {
    super(`status ${status}`);
    Object.assign(this, { status, body, headers });
  }
}

async function textOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

function respond(response, status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(`${text}\n`);
}

// paths: {'GET /path': handle}. handle({ query, headers, body, response }) gives the value to answer with, or
// { value, headers }, or nothing when it answered by itself. What it throws, a Status, is answered instead.
export function serve(port, paths) {
  const asked = [];

  async function answer(request, response) {
    const { pathname, searchParams: query } = new URL(request.url, 'http://origin');
    const name = `${request.method} ${pathname}`;
    const body = await textOf(request);
    if (name === 'GET /asked') return respond(response, 200, asked.join('\n'), { 'Content-Type': 'text/plain' });
    const line = `${request.method} ${request.url}`;
    asked.splice(0, asked.length - LINES + 1);
    asked.push(line);
    console.log(line);
    try {
      if (!paths[name]) throw new Status(404);
      const given = await paths[name]({ query, headers: request.headers, body, response });
      if (given === undefined) return undefined;
      return given.value === undefined ? respond(response, 200, given) : respond(response, 200, given.value, given.headers);
    } catch (error) {
      if (!(error instanceof Status)) throw error;
      return respond(response, error.status, error.body, error.headers);
    }
  }

  const server = http.createServer(answer);
  server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
  return server;
}
