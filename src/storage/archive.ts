import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, constants } from 'node:zlib';
import tar, { type Extract, type Pack } from 'tar-stream';
import { SluiceError } from '../core/errors.ts';
import { archiveLimits, createEntryChecker, type Entry } from './archive-entries.ts';

type Source = Extract extends AsyncIterable<infer Item> ? Item : never;

/**
 * Opens a `model.tar.gz` that a script wrote. Only folders, files and links that stay inside are taken.
 * @throws SluiceError `OutputMissing` that names the first entry refused: absolute, `..`, leaving link, device, duplicate, bomb.
 */
export async function extractArchive(
  archive: string,
  folder: string,
  cancelled?: AbortSignal,
  limits = archiveLimits,
): Promise<void> {
  const checker = createEntryChecker(archive, limits);
  await checkIsFile(archive);
  const extract = tar.extract();
  await mkdir(folder, { recursive: true });
  await together(archive, cancelled, (signal) => [
    pipeline(createReadStream(archive), createGunzip(), extract, { signal }),
    (async () => {
      for await (const entry of extract) {
        await unpack(entry, checker.check(entry.header), folder, signal);
      }
      checker.finish();
    })(),
  ]);
}

async function unpack(entry: Source, checked: Entry, folder: string, signal: AbortSignal): Promise<void> {
  const target = join(folder, checked.name);
  await mkdir(checked.kind === 'directory' ? target : dirname(target), { recursive: true });
  if (checked.kind === 'file') {
    const mode = (entry.header.mode & 0o777) | 0o600;
    await pipeline(entry, createWriteStream(target, { flags: 'wx', mode }), { signal });
    return;
  }
  if (checked.kind === 'symlink') await symlink(checked.linkname, target);
  entry.resume();
}

/**
 * Adds the entries of a `model.tar.gz` below a folder of another archive, under the same rules, in constant memory. Everybody may
 * read them there: who serves a model need not be the user who made it.
 * @throws SluiceError `OutputMissing` as {@link extractArchive}.
 */
export async function packArchive(
  archive: string,
  pack: Pack,
  folder: string,
  limits = archiveLimits,
): Promise<void> {
  const checker = createEntryChecker(archive, limits);
  await checkIsFile(archive);
  const extract = tar.extract();
  await together(archive, undefined, (signal) => [
    pipeline(createReadStream(archive), createGunzip(), extract, { signal }),
    (async () => {
      for await (const entry of extract) {
        const checked = checker.check(entry.header);
        if (checked.name === '.') entry.resume();
        else await packEntry(pack, entry, { ...checked, name: `${folder}/${checked.name}` }, signal, 0o444);
      }
      checker.finish();
    })(),
  ]);
}

/** An archive that is read once, from wherever it is. */
interface ArchiveSource {
  /** As messages call it. */
  name: string;
  bytes: Readable;
}

/**
 * Copies `model.tar.gz` with a folder put in as `code/`, whole or not at all; a `code/` that it had is replaced.
 * When it is cancelled, the reason of the signal is thrown.
 * SageMaker's SDK starts a training job for the same (RepackModel).
 */
export async function repackModel(
  archive: string,
  codeFolder: string,
  target: string,
  cancelled?: AbortSignal,
  limits = archiveLimits,
): Promise<void> {
  await checkIsFile(archive);
  const aside = join(dirname(target), `.${randomUUID()}.tar.gz`);
  await mkdir(dirname(target), { recursive: true });
  // Opened before anything can fail: a stream that is ended while it opens would leave its file behind.
  const file = await open(aside, 'wx');
  try {
    const source = { name: archive, bytes: createReadStream(archive) };
    const write = (bytes: AsyncIterable<Buffer>) => pipeline(bytes, file.createWriteStream({ flush: true }));
    await repackArchive(source, codeFolder, write, cancelled, limits);
    await rename(aside, target);
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * The same from stream to stream, in constant memory.
 * @param write - takes the new archive; it must keep nothing of it when the bytes end with an error.
 * @throws SluiceError `OutputMissing` as {@link extractArchive}; what the source or `write` throw.
 */
export async function repackArchive(
  { name, bytes }: ArchiveSource,
  codeFolder: string,
  write: (bytes: AsyncIterable<Buffer>, signal: AbortSignal) => Promise<void>,
  cancelled?: AbortSignal,
  limits = archiveLimits,
): Promise<void> {
  const checker = createEntryChecker(name, limits);
  const extract = tar.extract();
  const pack = tar.pack();
  // Level 1: models are mostly floating point numbers, on which higher levels spend time for a few per cent.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  let written = Promise.resolve();
  const failures: unknown[] = [];
  const take = (packed: AsyncIterable<Buffer>, ending: AbortSignal) => {
    written = write(packed, ending).catch((error: unknown) => {
      // Streams that it breaks are heard of earlier.
      if (!ending.aborted) failures.push(error);
      throw error;
    });
    return written;
  };
  const parts = (ending: AbortSignal) => [
    pipeline(bytes, createGunzip(), extract, { signal: ending }),
    (async () => {
      for await (const entry of extract) {
        await repack(pack, entry, checker.check(entry.header), ending);
      }
      checker.finish();
      await packFolder(pack, codeFolder, 'code', ending);
      pack.finalize();
    })(),
    pipeline(pack, gzip, (packed: AsyncIterable<Buffer>) => take(packed, ending), { signal: ending }),
  ];
  try {
    await together(name, cancelled, parts);
  } catch (error) {
    // What was written so far is removed before anybody hears of it.
    await written.catch(() => undefined);
    cancelled?.throwIfAborted();
    throw failures.length > 0 ? asArchiveError(name, failures[0]) : error;
  }
}

async function repack(pack: Pack, entry: Source, checked: Entry, signal: AbortSignal): Promise<void> {
  const { name } = checked;
  if (name === '.' || name === 'code' || name.startsWith('code/')) entry.resume();
  else await packEntry(pack, entry, checked, signal);
}

async function packEntry(
  pack: Pack,
  entry: Source,
  checked: Entry,
  signal: AbortSignal,
  addedMode = 0,
): Promise<void> {
  const { name } = checked;
  const { size, mtime } = entry.header;
  const mode = (entry.header.mode & 0o777) | addedMode;
  if (checked.kind === 'file') {
    await pipeline(entry, pack.entry({ name, size, mode, mtime }), { signal });
    return;
  }
  if (checked.kind === 'symlink') {
    pack.entry({ name, type: 'symlink', linkname: checked.linkname, mode: 0o777, mtime });
  } else pack.entry({ name: `${name}/`, type: 'directory', mode: 0o755, mtime });
  entry.resume();
}

async function packFolder(pack: Pack, folder: string, prefix: string, signal: AbortSignal): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const name = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) await packFolder(pack, path, name, signal);
    else if (entry.isFile()) {
      const { size, mode, mtime } = await lstat(path);
      const sink = pack.entry({ name, size, mode: mode & 0o777, mtime });
      await pipeline(createReadStream(path), sink, { signal });
    }
  }
}

/** Reading a FIFO would wait for a writer. */
async function checkIsFile(archive: string): Promise<void> {
  const found = await stat(archive).catch((error: unknown) => {
    throw asArchiveError(archive, error);
  });
  if (!found.isFile()) throw new SluiceError('OutputMissing', `${archive} is not a file`);
}

/** Streams that end together: when one fails or all are cancelled the others are ended, and what is to blame is thrown. */
async function together(
  archive: string,
  cancelled: AbortSignal | undefined,
  start: (ending: AbortSignal) => Promise<void>[],
): Promise<void> {
  cancelled?.throwIfAborted();
  const failing = new AbortController();
  const errors: unknown[] = [];
  const ending = AbortSignal.any(cancelled ? [failing.signal, cancelled] : [failing.signal]);
  const parts = start(ending).map((part) =>
    part.catch((error: unknown) => {
      errors.push(error);
      failing.abort();
    }),
  );
  await Promise.all(parts);
  if (errors.length === 0) return;
  cancelled?.throwIfAborted();
  // A refused entry closes its stream, which may be heard of earlier.
  throw asArchiveError(archive, errors.find((error) => error instanceof SluiceError) ?? errors[0]);
}

function asArchiveError(archive: string, error: unknown): unknown {
  if (error instanceof SluiceError) return error;
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path === archive) {
    return new SluiceError('OutputMissing', `${archive} does not exist`, { cause: error });
  }
  // zlib's errors have codes that begin with Z_, those of tar-stream have none.
  if (code === undefined || code.startsWith('Z_')) {
    return new SluiceError('OutputMissing', `${archive} cannot be read as tar.gz: ${message}`, {
      cause: error,
    });
  }
  return new SluiceError('StorageError', `${archive}: ${message}`, { cause: error });
}
