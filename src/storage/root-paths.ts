import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../core/errors.ts';

export interface RootPath {
  path: string;
  isFolder: boolean;
}

/**
 * Finds what a location of a pipeline file names: a path relative to `root`, or a `file://` URI below one of `roots`.
 * @param what - how messages name it: `steps.preprocess.input`.
 * @throws SluiceError `InvalidInput` if it is absolute, leaves the root (`..`, symbolic link) or isn't there.
 */
export async function findInRoots(
  what: string,
  location: string,
  root: string,
  roots: readonly string[],
): Promise<RootPath> {
  const refuse = (reason: string) =>
    new SluiceError('InvalidInput', `${what}: ${JSON.stringify(location)} ${reason}`, {
      details: { path: what },
    });
  const isUri = /^[a-z][a-z0-9+.-]*:\/\//i.test(location);
  if (isUri && !location.startsWith('file:///')) {
    throw new SluiceError(
      'Unsupported',
      `${what}: ${JSON.stringify(location)} is no file: the local mode of this version reads file:// only`,
    );
  }
  if (!isUri && isAbsolute(location)) {
    throw refuse(
      `is absolute; give a path relative to ${root}, or \`sluice upload\` it and give the URI that prints`,
    );
  }
  const path = isUri ? uriToPath(location, refuse) : resolve(root, location);
  const allowed = isUri ? roots : [root];
  if (!allowed.some((folder) => contains(folder, path))) throw refuse(`leaves ${allowed.join(' and ')}`);

  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) throw refuse(`does not exist (looked for ${path})`);
  const realRoots = await Promise.all(allowed.map((folder) => realpath(folder).catch(() => folder)));
  if (!realRoots.some((folder) => contains(folder, real)))
    throw refuse(`is a symbolic link that leaves ${allowed.join(' and ')}`);
  const found = await stat(real);
  if (!found.isFile() && !found.isDirectory()) throw refuse('is neither a file nor a folder');
  return { path: real, isFolder: found.isDirectory() };
}

export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function uriToPath(uri: string, refuse: (reason: string) => Error): string {
  try {
    return fileURLToPath(uri);
  } catch {
    throw refuse('is not a valid file:// URI');
  }
}
