import { readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import type { UnusedImages } from '../../engines/container/unused-images.ts';
import { isDeadTunnel, tunnelPattern } from '../../engines/container/ssh-tunnel.ts';

/** Something that no job will need. */
export interface Leftover {
  what: string;
  /** False if somebody needs it after all. */
  remove: () => Promise<boolean>;
}

const anHourMs = 3_600_000;

/** What was left when something of ours was killed: young ones may still be in use. */
export async function temporaryFiles({ storageFolder, jobsFolder }: Config): Promise<Leftover[]> {
  const places = [
    { folder: join(storageFolder, 'uploads'), pattern: /^\./, isDead: always },
    { folder: join(storageFolder, 'downloads'), pattern: /^\./, isDead: isQuiet },
    { folder: join(storageFolder, 'staged'), pattern: /^\./, isDead: always },
    { folder: jobsFolder, pattern: /^\.(new|old|probe)-/, isDead: always },
    { folder: tmpdir(), pattern: tunnelPattern, isDead: isDeadTunnel },
  ];
  const found: Leftover[] = [];
  for (const { folder, pattern, isDead } of places) {
    for (const name of (await readdir(folder).catch(() => [])).filter((entry) => pattern.test(entry))) {
      const path = join(folder, name);
      const info = await stat(path).catch(() => null);
      const isOurs = info !== null && (process.getuid === undefined || info.uid === process.getuid());
      if (!isOurs || Date.now() - info.mtimeMs < anHourMs || !(await isDead(path))) continue;
      found.push({ what: path, remove: () => removePath(path) });
    }
  }
  return found;
}

const always = () => Promise.resolve(true);

/** A large download takes hours, and shows in its files alone. */
async function isQuiet(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names) {
    const info = await stat(join(folder, name)).catch(() => null);
    if (info !== null && Date.now() - info.mtimeMs < anHourMs) return false;
  }
  return true;
}

async function removePath(path: string): Promise<boolean> {
  await rm(path, { recursive: true, force: true });
  return true;
}

/** Framework images of another content than they have now; of young ones another checkout may just be making use. */
export async function unusedImages(images: UnusedImages): Promise<Leftover[]> {
  const before = new Date(Date.now() - anHourMs);
  return (await images.list(before)).map((tag) => ({
    what: `image ${tag}`,
    remove: () => images.remove(tag),
  }));
}
