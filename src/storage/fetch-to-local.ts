import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { parseS3Uri, pathOf } from './s3/address.ts';
import type { S3Storage } from './storage.ts';

/** Of data that is written while it is downloaded. */
const tries = 3;

/**
 * A copy on this machine of what an s3:// URI names, made once for the same version of it: `<folder>/<version>/<name>`. Whole or not at
 * all; whoever does the same at the same time does no harm.
 * @returns its path. @throws SluiceError `InvalidInput` if nothing is there; `StorageError` if it changes again and again.
 */
export async function fetchToLocal(
  storage: Pick<S3Storage, 'fingerprint' | 'download'>,
  folder: string,
  uri: string,
  signal?: AbortSignal,
): Promise<string> {
  const at = parseS3Uri(uri);
  const name = basename(at.key) || at.bucket;
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    const { etags } = await storage.fingerprint(uri, signal);
    const version = createHash('sha256').update(`${uri}\0${etags}`).digest('hex');
    const target = pathOf(join(folder, version), name, at);
    if (await exists(target)) return target;

    const aside = join(folder, `.${randomUUID()}`);
    try {
      await mkdir(aside, { recursive: true });
      await storage.download(uri, join(aside, name), signal);
      const after = await storage.fingerprint(uri, signal);
      if (after.etags === etags) {
        await renameUnlessThere(aside, join(folder, version));
        return target;
      }
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
  throw new SluiceError('StorageError', `${uri} changes while it is downloaded, ${tries} times in a row`, {
    details: { uri },
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: unknown) => {
    // Another one brought the same a moment ago.
    if (!(await exists(to))) throw error;
  });
}
