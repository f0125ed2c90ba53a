import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from '../core/errors.ts';
import type { Content } from './storage.ts';

/** Never part of code or data: caches and version control. */
const ignored = new Set(['__pycache__', '.git', '.DS_Store', '.ipynb_checkpoints']);

/** A file of a folder, or the file itself, whose name is then its own. */
export interface ContentFile extends Content {
  name: string;
  isExecutable: boolean;
}

/** The hash that an upload would give, without copying; in constant memory. */
export async function hashFiles(source: string, signal?: AbortSignal): Promise<Content> {
  return (await readAll(source, null, signal)).total;
}

/** The same, and what it is made of. */
export async function listContent(
  source: string,
  signal?: AbortSignal,
): Promise<{ total: Content; files: ContentFile[]; isFolder: boolean }> {
  return readAll(source, null, signal);
}

/** Copies and hashes in one pass. */
export async function copyHashed(source: string, target: string, signal?: AbortSignal): Promise<Content> {
  return (await readAll(source, target, signal)).total;
}

/** The hash of a folder, of its files in the order of their names. */
export function hashFolder(files: readonly ContentFile[]): Content {
  const total = createHash('sha256');
  let bytes = 0;
  for (const file of files) {
    // A command that has become executable is another folder.
    total.update(`${file.sha256} ${file.isExecutable ? 'x' : '-'} ${file.name}\0`);
    bytes += file.bytes;
  }
  return { sha256: total.digest('hex'), bytes };
}

async function readAll(source: string, target: string | null, signal?: AbortSignal) {
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new SluiceError('InvalidInput', `${source} does not exist`);
  });
  if (found.isFile()) {
    const total = await readFileThrough(source, target, found.mode, signal);
    const file = { ...total, name: basename(source), isExecutable: isExecutable(found.mode) };
    return { total, files: [file], isFolder: false };
  }
  if (!found.isDirectory()) throw new SluiceError('InvalidInput', `${source} is neither a file nor a folder`);
  const files: ContentFile[] = [];
  if (target !== null) await mkdir(target, { recursive: true });
  for (const name of await filesBelow(source)) {
    const copy = target === null ? null : join(target, name);
    if (copy !== null) await mkdir(dirname(copy), { recursive: true });
    const { mode } = await stat(join(source, name));
    const file = await readFileThrough(join(source, name), copy, mode, signal);
    files.push({ ...file, name, isExecutable: isExecutable(mode) });
  }
  return { total: hashFolder(files), files, isFolder: true };
}

const isExecutable = (mode: number) => (mode & 0o111) !== 0;

async function readFileThrough(
  source: string,
  target: string | null,
  mode: number,
  signal?: AbortSignal,
): Promise<Content> {
  const hash = createHash('sha256');
  let bytes = 0;
  const reading = () => createReadStream(source, { highWaterMark: 1024 * 1024 });
  const measure = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  const options = { ...(signal && { signal }) };
  if (target === null) await pipeline(reading(), measure, drain, options);
  else {
    // Opened first: a stream that is ended while it opens would leave its file behind.
    const file = await open(target, 'wx', (mode & 0o777) | 0o600);
    await pipeline(reading(), measure, file.createWriteStream({ flush: true }), options);
  }
  return { sha256: hash.digest('hex'), bytes };
}

async function drain(chunks: AsyncIterable<Buffer>): Promise<void> {
  const all = chunks[Symbol.asyncIterator]();
  while ((await all.next()).done !== true);
}

/** Regular files below a folder, sorted; a symbolic link is an error, since what it names may change or lie elsewhere. */
async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (inner: string): Promise<void> => {
    for (const entry of await readdir(join(folder, inner), { withFileTypes: true })) {
      if (ignored.has(entry.name)) continue;
      const name = inner === '' ? entry.name : `${inner}/${entry.name}`;
      if (entry.isDirectory()) await walk(name);
      else if (entry.isFile()) found.push(name);
      else
        throw new SluiceError(
          'InvalidInput',
          `${join(folder, name)} is a link or a special file; copy what it names into the folder`,
        );
    }
  };
  await walk('');
  return found.sort();
}
