import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';

/** The variables of a container may be secrets: only the user of the worker reads such a record. */
export const recordMode = ({ Environment }: { Environment: Readonly<Record<string, string>> }) =>
  Object.keys(Environment).length > 0 ? 0o600 : 0o666;

/**
 * Writes a record whole or not at all: aside, then linked to its name, which fails if that is taken.
 * @returns false if that name is taken.
 */
export async function createRecord(
  folder: string,
  name: string,
  record: unknown,
  mode: number,
): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const aside = join(folder, `.${name}.${randomUUID()}`);
  try {
    await writeFile(aside, `${JSON.stringify(record, null, 2)}\n`, { flush: true, mode });
    await link(aside, join(folder, name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/** @returns undefined if there is none. @throws SluiceError `StorageError` that names the file if it is damaged. */
export async function readRecord<Shape>(
  file: string,
  parse: (value: unknown) => Shape,
): Promise<Shape | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'EISDIR') throw damaged(file, 'it is a folder');
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = parseJson(text);
  if (parsed.kind === 'invalid') throw damaged(file, parsed.reason);
  try {
    return parse(parsed.value);
  } catch (error) {
    throw damaged(file, (error as Error).message);
  }
}

function damaged(file: string, reason: string): SluiceError {
  return new SluiceError(
    'StorageError',
    `The record ${file} is damaged: ${reason}. Mend it, or move it out of the registry`,
    { details: { file }, retryable: false },
  );
}
