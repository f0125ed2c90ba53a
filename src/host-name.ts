import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from './core/errors.ts';

const pattern = /^[\w.-]{1,80}$/;

/**
 * The name of a home as a place for jobs. It is made once and kept in the home, since jobs are where their folders are: workers that
 * share a home take over each other's jobs, also after the machine was named anew; others never do.
 * @throws SluiceError `InvalidInput` if the file is damaged.
 */
export async function nameOfHost(home: string): Promise<string> {
  const file = join(home, 'host-name');
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  await mkdir(home, { recursive: true });
  const name = `${hostname()
    .replace(/[^\w.-]/g, '-')
    .slice(0, 60)}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(aside, `${name}\n`);
    await link(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
  const kept = (await readFile(file, 'utf8')).trim();
  if (pattern.test(kept)) return kept;
  throw new SluiceError(
    'InvalidInput',
    `${file} is damaged; write the name into it that the worker's queues in Temporal have, or remove it once no run goes on`,
  );
}
