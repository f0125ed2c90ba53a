import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists, hasErrorCode } from '../local/job-folder.ts';

const program = fileURLToPath(new URL('../transform', import.meta.url));

/**
 * Writes the driver's program and settings into a folder of the job, unless it is there: the engine sees that as it sees the job, and
 * an upgrade of Sluice replaces neither.
 */
export async function writeDriver(folder: string, settings: string): Promise<void> {
  if (exists(folder)) return;
  const aside = `${folder}.${randomUUID()}`;
  await mkdir(aside);
  for (const name of await readdir(program)) {
    if (name.endsWith('.py')) await write(join(aside, name), await readFile(join(program, name)));
  }
  await write(join(aside, 'config.json'), settings);
  try {
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true });
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

/** What is there after a loss of power is not made again. */
const write = (path: string, content: string | Buffer) => writeFile(path, content, { flush: true });
