import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { createFileStorage } from '../storage/file-storage.ts';
import { usageError } from './errors.ts';
import { megabytes, print, say } from './output.ts';

/** Prints the URI of the copy; the same bytes are kept once. */
export async function uploadCommand(path: string): Promise<number> {
  const config = readConfig();
  const source = resolve(path);
  const found = await stat(source).catch(() => null);
  if (found === null) throw usageError(`${path} does not exist`);
  if (!found.isFile() && !found.isDirectory()) throw usageError(`${path} is neither a file nor a folder`);
  const { uri, bytes } = await createFileStorage(config.storageFolder, [config.root]).upload(source);
  say(`${megabytes(bytes)} in ${config.storageFolder}`);
  print(uri);
  return 0;
}
