import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from '../core/errors.ts';
import type { Content } from './storage.ts';

/** Never part of code or data: caches and version control. */
const ignored = new Set(['__pycache__', '.git', '.DS_Store', '.ipynb_checkpoints']);

/** The hash that an upload would give, without copying; in constant memory. */
export async function hashFiles(source: string, signal?: AbortSignal): Promise<Content> {
  return readAll(source, null, signal);
}

/** Copies and hashes in one pass. */
export async function copyHashed(source: string, target: string, signal?: AbortSignal): Promise<Content> {
  return readAll(source, target, signal);
}

async function readAll(source: string, target: string | null, signal?: AbortSignal): Promise<Content> {
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new SluiceError('InvalidInput', `${source} does not exist`);
  });
  if (found.isFile()) return readFileThrough(source, target, found.mode, signal);
  if (!found.isDirectory()) throw new SluiceError('InvalidInput', `${source} is neither a file nor a folder`);
  const total = createHash('sha256');
  let bytes = 0;
  if (target !== null) await mkdir(target, { recursive: true });
  for (const name of await filesBelow(source)) {
    const copy = target === null ? null : join(target, name);
    if (copy !== null) await mkdir(dirname(copy), { recursive: true });
    const { mode } = await stat(join(source, name));
    const file = await readFileThrough(join(source, name), copy, mode, signal);
    // A command that has become executable is another folder.
    total.update(`${file.sha256} ${(mode & 0o111) === 0 ? '-' : 'x'} ${name}\0`);
    bytes += file.bytes;
  }
  return { sha256: total.digest('hex'), bytes };
}

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
