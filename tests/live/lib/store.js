// The store is kept from writing by another program that holds the database's lock, as a backup may for a moment.
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';

// Is the program there that it takes?
export function canHoldStore() {
  try {
    execFileSync('sqlite3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// Resolves when the store of a server cannot write; release() lets it.
export async function holdStore(t, daemon) {
  const child = spawn('sqlite3', [path.join(daemon.data, 'pollcast.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const held = new Promise((resolve) => child.stdout.once('data', resolve));
  t.after(() => child.kill());
  child.stdin.write(".timeout 5000\nBEGIN IMMEDIATE;\nSELECT 'held';\n");
  await held;
  return { release: () => { child.stdin.end('ROLLBACK;\n'); return ended; } };
}
