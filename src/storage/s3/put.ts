import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Address, S3Api } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { contains } from '../root-paths.ts';
import { below } from './address.ts';
import { atOnce } from './at-once.ts';
import type { Budget } from './budget.ts';
import { withFileSource } from './sources.ts';
import { writeObject } from './upload.ts';

/** What every transfer of a storage shares. */
export interface Transfer {
  s3: S3Api;
  budget: Budget;
}

export const filesAtOnce = 8;

interface PutOptions {
  /** That the file must have. */
  sha256?: string;
  onlyIfAbsent?: boolean;
}

export async function putFile(
  { s3, budget }: Transfer,
  path: string,
  at: S3Address,
  { sha256, onlyIfAbsent }: PutOptions,
  signal?: AbortSignal,
): Promise<void> {
  await withFileSource(path, (source) => {
    const isExecutable = (source.mode & 0o111) !== 0;
    return writeObject(s3, budget, at, { ...source, sha256 }, { isExecutable, onlyIfAbsent }, signal);
  });
}

/** Every file of a folder; an empty folder leaves nothing, as in SageMaker. */
export async function putFolder(
  transfer: Transfer,
  folder: string,
  at: S3Address,
  signal?: AbortSignal,
): Promise<void> {
  await atOnce(
    filesAtOnce,
    walk(await realpath(folder), folder, ''),
    ({ path, name }, one) => putFile(transfer, path, below(at, name), {}, one),
    signal,
  );
}

/**
 * Files and what links to files, all inside.
 * @throws SluiceError `InvalidInput` for a link that leaves the folder or leads to nothing, and for devices and the like.
 */
async function* walk(
  top: string,
  folder: string,
  prefix: string,
): AsyncGenerator<{ path: string; name: string }> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory()) yield* walk(top, path, `${name}/`);
    else if (entry.isFile() || (await isLinkToFile(top, path))) yield { path, name };
    else {
      throw new SluiceError(
        'InvalidInput',
        `${path} is a link that leads out of the folder, to a folder or to nothing, or a special file: S3 has none of them`,
        { details: { path } },
      );
    }
  }
}

async function isLinkToFile(top: string, path: string): Promise<boolean> {
  const aim = await realpath(path).catch(() => null);
  return aim !== null && contains(top, aim) && (await stat(aim)).isFile();
}
