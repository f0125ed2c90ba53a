import type { Dirent } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { TransformJob } from '../../core/jobs.ts';
import { withoutFinalSlash, type JobInput } from '../opt-ml.ts';
import { hasErrorCode } from './job-folder.ts';

/** An input that was found: a file or a folder of this machine, and where it is seen below /opt/ml. */
export interface FoundInput {
  source: string;
  target: string;
  isFolder: boolean;
  /** Whether each host gets only its share of the files. */
  isSharded: boolean;
}

/** What a transform job sends: the files, named as their outputs are to be. */
export interface FoundBatch {
  path: string;
  files: { path: string; name: string }[];
}

/** A folder is seen at its place itself; a file in it under its own name, as below an S3 prefix. */
export async function findInput(
  job: string,
  input: JobInput,
  localPath: (uri: string) => string,
): Promise<FoundInput> {
  const { isSharded } = input;
  const source = withoutFinalSlash(localPath(input.uri));
  const info = await statInput(`${job}: input ${input.name}`, source);
  if (info.isDirectory()) return { source, target: input.folder, isFolder: true, isSharded };
  return { source, target: join(input.folder, basename(source)), isFolder: false, isSharded };
}

async function statInput(what: string, path: string) {
  try {
    const info = await stat(path);
    if (info.isDirectory() || info.isFile()) return info;
    throw new SluiceError('InvalidInput', `${what}: ${path} is neither a file nor a folder`, {
      details: { path },
    });
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const denied = hasErrorCode(error, 'EACCES', 'EPERM');
    throw new SluiceError(
      denied ? 'AccessDenied' : 'InvalidInput',
      `${what}: ${path} ${denied ? 'may not be read' : 'does not exist'}`,
      {
        details: { path },
        cause: error,
      },
    );
  }
}

/** The files of a transform job's input. @throws SluiceError `InvalidInput` if there are none, or one lies elsewhere. */
export async function findBatch(
  job: string,
  { body }: TransformJob,
  localPath: (uri: string) => string,
): Promise<FoundBatch> {
  const path = withoutFinalSlash(localPath(body.TransformInput.DataSource.S3DataSource.S3Uri));
  const what = `${job}: TransformInput`;
  const info = await statInput(what, path);
  const files = info.isDirectory() ? await filesBelow(path) : [{ path, name: basename(path) }];
  if (info.isDirectory()) await refuseLeavingLinks(what, path, files);
  if (files.length > 0) return { path, files };
  throw new SluiceError('InvalidInput', `${job}: TransformInput: ${path} is an empty folder`, {
    details: { path },
  });
}

/** What such a link names would be sent to the model though it was never given as input. */
async function refuseLeavingLinks(what: string, folder: string, files: FoundBatch['files']): Promise<void> {
  const top = await realpath(folder);
  for (const { path } of files) {
    const target = await realpath(path);
    if (target.startsWith(`${top}/`)) continue;
    throw new SluiceError(
      'InvalidInput',
      `${what}: ${path} is a link that leaves the input folder; put a copy of ${target} in its place`,
      { details: { path, target } },
    );
  }
}

/** Every file below the folder, hidden ones too, as below an S3 prefix; links to files count as files. */
export async function filesBelow(folder: string, prefix = ''): Promise<{ path: string; name: string }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = await Promise.all(
    entries
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        const name = prefix + entry.name;
        if (entry.isDirectory()) return filesBelow(path, `${name}/`);
        const info = entry.isSymbolicLink() ? await stat(path).catch(() => null) : await lstat(path);
        return info?.isFile() ? [{ path, name }] : [];
      }),
  );
  return lists.flat();
}

/** Whether any user may read all of it. What a link points at counts where that is part of it. */
export async function isReadableByAll(path: string): Promise<boolean> {
  return areAll(await realpath(path), async (inner, info) => {
    if (info.isSymbolicLink()) return true;
    const wanted = info.isDirectory() ? 0o005 : 0o004;
    return ((await lstat(inner)).mode & wanted) === wanted;
  });
}

/** Whether some link in a folder points at something that isn't in it, or takes a way that isn't. A link to nothing does not matter. */
export async function leadsOutside(path: string): Promise<boolean> {
  const folder = await realpath(path);
  const isInside = (aim: string) => aim === folder || aim.startsWith(`${folder}/`);
  return !(await areAll(folder, async (inner, info) => {
    if (!info.isSymbolicLink()) return true;
    const end = await realpath(inner).catch(() => null);
    if (end === null) return true;
    const aim = await readlink(inner);
    return isInside(end) && !isAbsolute(aim) && isInside(resolve(dirname(inner), aim));
  }));
}

/** Whether it holds for the path and for everything below, links being looked at themselves. */
async function areAll(
  path: string,
  holds: (path: string, info: Pick<Dirent, 'isDirectory' | 'isSymbolicLink'>) => Promise<boolean>,
  info: Pick<Dirent, 'isDirectory' | 'isSymbolicLink'> | null = null,
): Promise<boolean> {
  const kind = info ?? (await lstat(path));
  if (!(await holds(path, kind))) return false;
  if (!kind.isDirectory()) return true;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (!(await areAll(join(path, entry.name), holds, entry))) return false;
  }
  return true;
}
