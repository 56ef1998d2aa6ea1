// A server whose data directory is a file system of a given size, in a namespace of mounts of its own, which can be filled up.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

import { startDaemon, tempFolder } from './daemon.js';

const mount = (folder, size) => ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=${size} none '${folder}' && exec "$@"`, 'sh'];

// May file systems be mounted here?
export function canMount() {
  const [file, ...args] = [...mount('/mnt', '1m'), 'true'];
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}

// options of startDaemon(). fill() leaves no free space, empty() gives it back.
export async function startOnSmallDisk(size, options) {
  const data = tempFolder();
  const daemon = await startDaemon({ ...options, data, wrap: mount(data, size) });
  const ballast = `/proc/${daemon.pid}/root${data}/ballast`;
  return {
    daemon,
    fill() {
      const file = fs.openSync(ballast, 'a');
      for (let chunk = 65536; chunk >= 512;) {
        try {
          fs.writeSync(file, Buffer.alloc(chunk));
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
          chunk /= 2;
        }
      }
      fs.closeSync(file);
    },
    empty: () => fs.rmSync(ballast),
  };
}
