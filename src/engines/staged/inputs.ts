import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { quote } from '../../core/wording.ts';
import type { S3Storage } from '../../storage/storage.ts';
import { exists, renameUnlessThere } from '../local/job-folder.ts';
import { withoutFinalSlash } from '../opt-ml.ts';
import type { StagedPlace } from './requests.ts';
import { inputPath, type StagingFolder } from './staging-folder.ts';

/**
 * Downloads an input, whole or not at all, unless it is there; of several workers at once one has brought it, and all take that.
 * @returns its path on this machine. @throws SluiceError `InvalidInput` if nothing is there.
 */
export async function bringInput(
  storage: Pick<S3Storage, 'find' | 'download'>,
  files: StagingFolder,
  { uri, place }: StagedPlace,
  signal: AbortSignal,
): Promise<string> {
  const target = join(files.inputs, place);
  if (!exists(target)) {
    const aside = join(files.inputs, `.${randomUUID()}`);
    try {
      await mkdir(aside, { recursive: true });
      const path = join(aside, await nameOf(storage, uri, signal));
      await storage.download(uri, path, signal);
      await renameUnlessThere(aside, target);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
  return inputPath(target);
}

/** An object lies in the folder of its input under its own name, as in SageMaker. */
async function nameOf(storage: Pick<S3Storage, 'find'>, uri: string, signal: AbortSignal): Promise<string> {
  const found = await storage.find(uri, signal);
  if (found === 'folder') return 'folder';
  const refuse = (reason: string) =>
    new SluiceError('InvalidInput', `${quote(uri, 1024)} ${reason}`, { details: { uri } });
  if (found === null) {
    throw refuse(
      'does not exist: no object of that key, and none below it as a folder. The beginning of several keys is no input of a job on this machine: name a folder',
    );
  }
  const name = withoutFinalSlash(uri).split('/').at(-1) ?? '';
  if (['', '.', '..'].includes(name) || /[\u0000-\u001f\u007f\\]/.test(name))
    throw refuse('cannot be a file');
  return join('file', name);
}
