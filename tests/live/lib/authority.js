// A certificate authority of a test's own, by the program openssl.
//
//     const authority = makeAuthority();                 // undefined where there is no openssl
//     authority.file                                     // its certificate, PEM
//     authority.issue({ names: ['IP:127.0.0.1'] })       // {key, cert}, as https.createServer() takes them
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { tempFolder } from './daemon.js';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

class Authority {
  #folder = tempFolder();
  #count = 0;
  file = this.#at('ca.pem');

  constructor(name) {
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign',
      '-keyout', this.#at('ca.key'), '-out', this.file);
  }

  #at(name) {
    return path.join(this.#folder, name);
  }

  // days: how long from now on it is good; less than 0: it was.
  issue({ names, days = 2 }) {
    const [key, request, cert] = ['key', 'csr', 'pem'].map((kind) => this.#at(`${this.#count}.${kind}`));
    this.#count++;
    openssl('req', ...NEW_KEY, '-subj', '/CN=server', '-addext', `subjectAltName=${names.join(',')}`, '-keyout', key, '-out', request);
    openssl('x509', '-req', '-in', request, '-CA', this.file, '-CAkey', this.#at('ca.key'), '-CAcreateserial',
      '-copy_extensions', 'copy', '-days', String(days), '-out', cert);
    return { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
  }
}

export function makeAuthority(name = 'authority of a test') {
  try {
    openssl('version');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
  return new Authority(name);
}
