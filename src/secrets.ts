import { readFile, stat } from 'node:fs/promises';
import { SluiceError } from './core/errors.ts';
import type { SecretReader } from './core/secrets.ts';

/** A secret is an address, a password or a list of keys; nothing else is worth reading. */
const maxBytes = 8192;

/** @param variable - of the environment of the worker. */
export function createSecretReader(variable: (name: string) => string | undefined): SecretReader {
  return async (reference) => {
    if ('Env' in reference) {
      const value = variable(reference.Env)?.trim();
      if (value) return value;
      throw new SluiceError('InvalidInput', `The worker has no environment variable ${reference.Env}`);
    }
    const value = (await readSmall(reference.File)).trim();
    if (value !== '') return value;
    throw new SluiceError('InvalidInput', `The file ${reference.File} of the worker is empty`);
  };
}

async function readSmall(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (found.isFile() && found.size <= maxBytes) return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new SluiceError('InvalidInput', `The worker cannot read the file ${file} (${code})`);
  }
  throw new SluiceError('InvalidInput', `${file} is no file of at most ${maxBytes} bytes`);
}
