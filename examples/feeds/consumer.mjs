// Empties a feed: node consumer.mjs URL FOLDER. Each notification becomes a file of FOLDER, which has its id for a name.
import fs from 'node:fs';

const [feed, folder] = process.argv.slice(2);
fs.mkdirSync(folder, { recursive: true });

function sync(path) {
  const fd = fs.openSync(path);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

for (;;) {
  try {
    const next = await fetch(`${feed}/next?wait=PT30S`);
    if (!next.ok) throw new Error(`next: ${next.status}`);
    if (next.status === 204) continue; // nothing came
    const { batchId, notifications } = await next.json();
    for (const notification of notifications) {
      const file = `${folder}/${encodeURIComponent(notification.id)}`;
      if (fs.existsSync(file)) continue; // it was processed before a crash
      fs.writeFileSync(`${folder}/.new`, JSON.stringify(notification));
      sync(`${folder}/.new`);
      fs.renameSync(`${folder}/.new`, file);
      console.log(notification.id);
    }
    sync(folder);
    const complete = await fetch(`${feed}/${batchId}/complete`, { method: 'POST' });
    if (!complete.ok) throw new Error(`complete: ${complete.status}`);
  } catch (error) {
    console.error(error.cause?.message ?? error.message);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}
