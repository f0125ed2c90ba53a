import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import { quote } from '../core/wording.ts';

export interface RootPath {
  path: string;
  isFolder: boolean;
}

type Refuse = (reason: string, code?: 'InvalidInput' | 'Unsupported' | 'AccessDenied') => SluiceError;

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
  const refuse: Refuse = (reason, code = 'InvalidInput') =>
    new SluiceError(code, `${what}: ${quote(location, 1024)} ${reason}`, { details: { path: what } });
  const isUri = /^[a-z][a-z0-9+.-]*:\/\//i.test(location);
  if (!isUri && isAbsolute(location)) {
    throw refuse(
      `is absolute; give a path relative to ${root}, or \`sluice upload\` it and give the URI that prints`,
    );
  }
  const path = isUri ? uriToPath(location, refuse) : resolve(root, location);
  const allowed = isUri ? roots : [root];
  // A root may be given by a link (`/tmp` of macOS is one), the location by its real name.
  const realRoots = await Promise.all(allowed.map((folder) => realpath(folder).catch(() => folder)));
  const isInside = (inner: string) => [...allowed, ...realRoots].some((folder) => contains(folder, inner));
  if (!isInside(path)) throw refuse(`leaves ${allowed.join(' and ')}`);

  const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    throw unreachable(error, path, refuse);
  });
  if (!isInside(real)) throw refuse(`is a symbolic link that leaves ${allowed.join(' and ')}`);
  const found = await stat(real);
  if (!found.isFile() && !found.isDirectory()) throw refuse('is neither a file nor a folder');
  return { path: real, isFolder: found.isDirectory() };
}

export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function uriToPath(uri: string, refuse: Refuse): string {
  if (!/^file:\/\/\//i.test(uri)) {
    throw refuse('is no local file: the local mode of this version reads file:///… only', 'Unsupported');
  }
  try {
    return fileURLToPath(uri);
  } catch {
    throw refuse('is not a valid file:// URI');
  }
}

function unreachable({ code }: NodeJS.ErrnoException, path: string, refuse: Refuse): SluiceError {
  if (code === 'EACCES' || code === 'EPERM') return refuse(`may not be read (${path})`, 'AccessDenied');
  if (code === 'ELOOP') return refuse('is a symbolic link that leads back to itself');
  return refuse(`does not exist (looked for ${path})`);
}
