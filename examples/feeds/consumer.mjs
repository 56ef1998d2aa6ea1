// Empties a feed: node consumer.mjs URL FOLDER. Each notification becomes a file of FOLDER, which has its id for a name.
import fs from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const [feed, folder] = process.argv.slice(2);
await fs.mkdir(folder, { recursive: true });
const directory = await fs.open(folder);

async function handle(notification) {
  const file = `${folder}/${encodeURIComponent(notification.id)}`;
  if (await fs.stat(file).catch(() => undefined)) return; // it was processed before a crash
  const fresh = await fs.open(`${folder}/.new`, 'w');
  await fresh.writeFile(JSON.stringify(notification));
  await fresh.sync();
  await fresh.close();
  await fs.rename(`${folder}/.new`, file);
  console.log(notification.id);
}

async function ask(path, options) {
  const answer = await fetch(`${feed}/${path}`, options);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

for (;;) {
  try {
    const answer = await ask('next?wait=PT30S');
    if (answer.status === 204) continue; // nothing came
    const { batchId, notifications } = await answer.json();
    for (const notification of notifications) await handle(notification);
    await directory.sync();
    await ask(`${batchId}/complete`, { method: 'POST' });
  } catch (error) {
    console.error(error.message);
    await setTimeout(1000);
  }
}
