// A proxy between clients and a server, that tampers with event streams.
//
//     const relay = await startRelay(t, daemon.url);
//     relay.edit = (text) => (text.includes('#7\n') ? undefined : text);   // of a frame without its blank line; undefined: dropped
//     relay.mute = true;                                                   // what comes is kept back until it is false again
//     relay.headers                                                        // of the requests until now
import http from 'node:http';

class Relay {
  edit = (text) => text;
  #muted = false;
  headers = [];
  #waiting = []; // what is kept back
  #sockets = new Set();

  constructor(target) {
    this.target = target;
    this.server = http.createServer((req, res) => this.#handle(req, res));
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  #handle(req, res) {
    this.headers.push(req.headers);
    const headers = { ...req.headers, 'accept-encoding': 'identity' };
    const up = http.request(new URL(req.url, this.target), { method: req.method, headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      res.flushHeaders();
      let rest = '';
      answer.setEncoding('utf8').on('data', (text) => {
        const frames = (rest + text).split('\n\n');
        rest = frames.pop();
        for (const frame of frames) {
          const edited = this.edit(frame);
          if (edited !== undefined) this.#pass(() => res.write(`${edited}\n\n`));
        }
      });
      answer.on('end', () => this.#pass(() => res.end(rest)));
      answer.on('error', () => res.destroy());
    });
    up.on('error', () => res.destroy());
    res.on('close', () => up.destroy());
    req.pipe(up);
  }

  #pass(write) {
    if (this.#muted) this.#waiting.push(write);
    else write();
  }

  set mute(on) {
    this.#muted = on;
    if (!on) for (const write of this.#waiting.splice(0)) write();
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

// It ends with the test.
export async function startRelay(t, target) {
  const relay = new Relay(target);
  await new Promise((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
  t.after(() => relay.close());
  return relay;
}
