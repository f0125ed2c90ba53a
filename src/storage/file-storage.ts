import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import { contains } from './root-paths.ts';
import type { Storage, UploadedObject } from './storage.ts';

/** Never part of code or data: caches and version control. */
const ignored = new Set(['__pycache__', '.git', '.DS_Store', '.ipynb_checkpoints']);

/**
 * Storage as a folder: `uploads/<sha256>/<name>` for what was uploaded, and what jobs write.
 * @param readable - other folders whose `file://` URIs may be read.
 */
export function createFileStorage(folder: string, readable: readonly string[]): Storage {
  const localPath = (uri: string): string => {
    const path = uri.startsWith('file:///') ? fileURLToPath(uri) : undefined;
    if (path !== undefined && [folder, ...readable].some((allowed) => contains(allowed, path))) return path;
    throw new SluiceError(
      'InvalidInput',
      `${uri} is neither below ${[folder, ...readable].join(' nor below ')}`,
    );
  };

  return {
    rootUri: pathToFileURL(folder).href,
    localPath,

    async upload(source, signal) {
      await mkdir(join(folder, 'uploads'), { recursive: true });
      const aside = join(folder, 'uploads', `.${randomUUID()}`);
      try {
        const copied = await copyHashed(source, aside, signal);
        const home = join(folder, 'uploads', copied.sha256);
        const target = join(home, basename(source));
        await mkdir(home, { recursive: true });
        if (!(await exists(target))) await renameUnlessThere(aside, target);
        return { uri: pathToFileURL(target).href, ...copied };
      } finally {
        await rm(aside, { recursive: true, force: true });
      }
    },

    async readText(uri, maxBytes) {
      const path = localPath(uri);
      const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        throw new SluiceError('OutputMissing', `${path} does not exist`, { details: { uri } });
      });
      try {
        const { size } = await handle.stat();
        if (size > maxBytes)
          throw new SluiceError('OutputMissing', `${path} has ${size} bytes; at most ${maxBytes} are read`, {
            details: { uri },
          });
        return await handle.readFile('utf8');
      } finally {
        await handle.close();
      }
    },
  };
}

/** Copies and hashes in one pass. */
async function copyHashed(
  source: string,
  target: string,
  signal?: AbortSignal,
): Promise<Omit<UploadedObject, 'uri'>> {
  if (!(await stat(source)).isDirectory()) return copyFileHashed(source, target, signal);
  const total = createHash('sha256');
  let bytes = 0;
  await mkdir(target, { recursive: true });
  for (const name of await filesBelow(source)) {
    await mkdir(dirname(join(target, name)), { recursive: true });
    const file = await copyFileHashed(join(source, name), join(target, name), signal);
    total.update(`${file.sha256} ${name}\n`);
    bytes += file.bytes;
  }
  return { sha256: total.digest('hex'), bytes };
}

async function copyFileHashed(
  source: string,
  target: string,
  signal?: AbortSignal,
): Promise<Omit<UploadedObject, 'uri'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const tee = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const { mode } = await stat(source);
  await pipeline(createReadStream(source), tee, createWriteStream(target, { mode: mode | 0o600 }), {
    signal,
  });
  return { sha256: hash.digest('hex'), bytes };
}

/** The hash that {@link Storage.upload} would give, without copying. */
export async function hashFiles(source: string, signal?: AbortSignal): Promise<Omit<UploadedObject, 'uri'>> {
  if (!(await stat(source)).isDirectory()) return hashFile(source, signal);
  const total = createHash('sha256');
  let bytes = 0;
  for (const name of await filesBelow(source)) {
    const file = await hashFile(join(source, name), signal);
    total.update(`${file.sha256} ${name}\n`);
    bytes += file.bytes;
  }
  return { sha256: total.digest('hex'), bytes };
}

async function hashFile(path: string, signal?: AbortSignal): Promise<Omit<UploadedObject, 'uri'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = createReadStream(path, { highWaterMark: 1024 * 1024, ...(signal && { signal }) });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // The same content, uploaded by another process a moment ago.
    if (await exists(to)) return;
    throw error;
  }
}
