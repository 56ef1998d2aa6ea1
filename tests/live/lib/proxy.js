// A proxy before a server, at which requests may be held up, answered otherwise, or lost.
//
//     const proxy = await startProxy(t, daemon.url);
//     proxy.onRequest = (req, res, pass) => …              // instead of passing it on; pass() does that
import http from 'node:http';

class Proxy {
  onRequest = (req, res, pass) => pass();
  #sockets = new Set();

  constructor(target) {
    this.target = target;
    this.server = http.createServer((req, res) => this.onRequest(req, res, () => this.#pass(req, res)));
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  #pass(req, res) {
    const up = http.request(new URL(req.url, this.target), { method: req.method, headers: req.headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    up.on('error', () => res.destroy());
    res.on('close', () => up.destroy());
    req.pipe(up);
  }

  close() {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

export async function startProxy(t, target) {
  const proxy = new Proxy(target);
  await new Promise((resolve) => { proxy.server.listen(0, '127.0.0.1', resolve); });
  proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
  t.after(() => proxy.close());
  return proxy;
}
