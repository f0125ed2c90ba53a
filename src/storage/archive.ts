import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, constants } from 'node:zlib';
import tar, { type Header, type Pack } from 'tar-stream';
import { SluiceError } from '../core/errors.ts';

/** What an archive may grow to: a bomb is refused before it fills the disk. */
const limits = { entries: 100_000, bytes: 100 * 1024 ** 3 };

/**
 * Opens a `model.tar.gz` that a script wrote. Only folders, files and links that stay inside are taken.
 * @throws SluiceError `OutputMissing` that names the first entry refused: absolute, `..`, leaving link, device, duplicate, bomb.
 */
export async function extractArchive(archive: string, folder: string): Promise<void> {
  const check = entryChecker(archive);
  const extract = tar.extract();
  await mkdir(folder, { recursive: true });
  const unpacking = (async () => {
    for await (const entry of extract) {
      const { name, kind } = check(entry.header);
      const target = join(folder, name);
      if (kind === 'directory') {
        await mkdir(target, { recursive: true });
        entry.resume();
      } else {
        await mkdir(dirname(target), { recursive: true });
        await pipeline(entry, createWriteStream(target, { flags: 'wx', mode: entry.header.mode & 0o777 }));
      }
    }
  })();
  try {
    await Promise.all([pipeline(createReadStream(archive), createGunzip(), extract), unpacking]);
  } catch (error) {
    throw asArchiveError(archive, error);
  }
}

/**
 * Copies `model.tar.gz` with a folder put in as `code/`, whole or not at all; a `code/` that it had is replaced.
 * SageMaker's SDK starts a training job for the same (RepackModel).
 */
export async function repackModel(archive: string, codeFolder: string, target: string): Promise<void> {
  const check = entryChecker(archive);
  const aside = join(dirname(target), `.${randomUUID()}.tar.gz`);
  await mkdir(dirname(target), { recursive: true });
  const extract = tar.extract();
  const pack = tar.pack();
  const repacking = (async () => {
    for await (const entry of extract) {
      const { name, kind } = check(entry.header);
      if (name === '.' || name === 'code' || name.startsWith('code/')) entry.resume();
      else if (kind === 'directory') {
        pack.entry({ name: `${name}/`, type: 'directory', mode: 0o755 });
        entry.resume();
      } else await pipeline(entry, pack.entry({ name, size: entry.header.size, mode: entry.header.mode }));
    }
    await packFolder(pack, codeFolder, 'code');
    pack.finalize();
  })();
  // Level 1: models are mostly floating point numbers, on which higher levels spend time for a few per cent.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  try {
    await Promise.all([
      pipeline(createReadStream(archive), createGunzip(), extract),
      repacking,
      pipeline(pack, gzip, createWriteStream(aside, { flush: true })),
    ]);
    await rename(aside, target);
  } catch (error) {
    throw asArchiveError(archive, error);
  } finally {
    await rm(aside, { force: true });
  }
}

async function packFolder(pack: Pack, folder: string, prefix: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const name = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) await packFolder(pack, path, name);
    else if (entry.isFile()) {
      const { size, mode } = await lstat(path);
      await pipeline(createReadStream(path), pack.entry({ name, size, mode: mode & 0o777 }));
    }
  }
}

function entryChecker(archive: string): (header: Header) => { name: string; kind: 'directory' | 'file' } {
  const seen = new Set<string>();
  let bytes = 0;
  return (header) => {
    const refuse = (reason: string) =>
      new SluiceError(
        'OutputMissing',
        `${archive} is not taken: entry ${JSON.stringify(header.name.slice(0, 200))} ${reason}`,
        {
          details: { archive, entry: header.name.slice(0, 200) },
        },
      );
    const name = posix.normalize(header.name).replace(/\/+$/, '');
    if (posix.isAbsolute(name)) throw refuse('has an absolute path');
    if (name === '..' || name.startsWith('../')) throw refuse('leaves the archive by ".."');
    if (header.type !== 'directory' && header.type !== 'file' && header.type !== 'contiguous-file') {
      throw refuse(`is a ${header.type}; only files and folders are taken`);
    }
    const kind = header.type === 'directory' ? 'directory' : 'file';
    if (kind === 'file' && seen.has(name)) throw refuse('is there twice');
    seen.add(name);
    bytes += header.size;
    if (seen.size > limits.entries || bytes > limits.bytes) {
      throw refuse(`makes it larger than ${limits.entries} entries or ${limits.bytes} bytes`);
    }
    return { name, kind };
  };
}

function asArchiveError(archive: string, error: unknown): unknown {
  if (error instanceof SluiceError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new SluiceError('OutputMissing', `${archive} does not exist`, { cause: error });
  if (code?.startsWith('Z_') || code === undefined) {
    return new SluiceError('OutputMissing', `${archive} cannot be read as tar.gz: ${message}`, {
      cause: error,
    });
  }
  return new SluiceError('StorageError', `${archive}: ${message}`, { cause: error });
}
