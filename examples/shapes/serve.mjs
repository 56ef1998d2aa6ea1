// Serves three documents, shaped as public APIs shape theirs, that change slowly: a weather forecast (an object with an
// array in it), a list of issues (an array, newest first) and the departures of a stop (an array behind a pointer).
// The data are invented.
//
//   node serve.mjs [PORT [MILLISECONDS]]     default 9100 and a change every 2000; port 0: the system chooses
import fs from 'node:fs';
import http from 'node:http';

const read = (name) => JSON.parse(fs.readFileSync(new URL(`data/${name}.json`, import.meta.url), 'utf8'));
const forecast = read('forecast');
const issues = read('issues');
const board = read('departures');
const pick = (list) => list[Math.floor(Math.random() * list.length)];
let count = 0;

function changeForecast() {
  const hour = pick(forecast.hourly);
  hour.temperature = Math.round(10 * (hour.temperature + Math.random() - 0.5)) / 10;
  hour.cloud = Math.min(100, Math.max(0, hour.cloud + pick([-5, 0, 5])));
  forecast.current.temperature = forecast.hourly[0].temperature;
}

// Most changes are comments; the issue spoken of moves to the front, as a list sorted by time has it.
function changeIssues() {
  const at = Math.floor(Math.random() * issues.length);
  const [issue] = issues.splice(at, 1);
  issue.updated_at = new Date().toISOString();
  if (count % 7 !== 0) {
    issue.comments++;
    issues.unshift(issue);
    return;
  }
  issues.push(issue);
  issues.unshift({
    id: 9001300 + count, number: 90 + count, title: `Question number ${count}`, state: 'open', comments: 0,
    user: { login: 'nadia', id: 733 }, labels: [], updated_at: new Date().toISOString(),
  });
}

function changeDepartures() {
  const trip = pick(board.departures);
  trip.delay = (trip.delay ?? 0) + 60;
  if (count % 5 !== 0) return;
  const [gone] = board.departures.splice(0, 1);
  const next = new Date(Date.parse(board.departures.at(-1).planned) + 5 * 60000).toISOString();
  board.departures.push({ ...gone, tripId: `${gone.tripId}/${count}`, planned: next, delay: 0 });
}

const changes = [changeForecast, changeIssues, changeDepartures];
const documents = { '/v1/forecast': forecast, '/repos/example/widgets/issues': issues };

const server = http.createServer((request, response) => {
  const path = new URL(request.url, 'http://api').pathname;
  const found = documents[path] ?? (/^\/v2\/stops\/[^/]+\/departures$/.test(path) ? board : undefined);
  response.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(found ?? { message: 'Not Found' }));
});

setInterval(() => changes[count++ % changes.length](), Number(process.argv[3] ?? 2000));
server.listen(Number(process.argv[2] ?? 9100), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
