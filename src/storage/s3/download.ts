import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { S3Address, S3Api, S3Object } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { below, pathOf, s3Uri } from './address.ts';
import { atOnce } from './at-once.ts';
import { combineCrc32 } from './crc32.ts';
import { listFolder, type FolderEntry } from './listing.ts';
import { otherBytes, readSlice, type Slice, type Version } from './reading.ts';

const mebibyte = 1024 ** 2;
/** Larger objects come in slices of this size, several at once. */
const sliceBytes = 8 * mebibyte;
/** Slices of one object, and objects of one folder, at once. */
const slicesAtOnce = 8;
const objectsAtOnce = 8;
/** Chunks of the network are gathered before they are written. */
const writeBytes = mebibyte;

/** The object as a file, whole or not at all; a file that was there is replaced. */
export async function downloadFile(
  s3: S3Api,
  at: S3Address,
  object: S3Object,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const aside = asideOf(target);
  try {
    const isExecutable = await fetchObject(s3, at, object, aside, signal);
    if (isExecutable) await chmod(aside, 0o755);
    await rename(aside, target);
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * The objects of a folder as files of a folder, whole or not at all.
 * @returns false if there are none. @throws SluiceError `InvalidInput` for a key that is no path, or a folder that is there.
 */
export async function downloadFolder(
  s3: S3Api,
  folder: S3Address,
  target: string,
  signal?: AbortSignal,
): Promise<boolean> {
  await mkdir(dirname(target), { recursive: true });
  const aside = asideOf(target);
  let objects = 0;
  const fetchEntry = async (entry: FolderEntry, one: AbortSignal) => {
    objects += 1;
    const at = below(folder, entry.name);
    const path = pathOf(aside, entry.name, at);
    await asFile(at, async () => {
      await mkdir(dirname(path), { recursive: true });
      // Lists have no checksums; what comes in one piece is compared by the SDK.
      const head = entry.bytes > sliceBytes ? await s3.head(at, one) : null;
      const crc32 = head?.etag === entry.etag ? head.crc32 : null;
      const isExecutable = await fetchObject(s3, at, { ...entry, crc32 }, path, one);
      if (isExecutable) await chmod(path, 0o755);
    });
  };
  try {
    await atOnce(objectsAtOnce, listFolder(s3, folder, signal), fetchEntry, signal);
    if (objects === 0) return false;
    await rename(aside, target).catch((error: NodeJS.ErrnoException) => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(error.code ?? '')) throw error;
      throw new SluiceError('InvalidInput', `${s3Uri(folder)}: ${target} is there already`, { cause: error });
    });
    return true;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

const asideOf = (target: string) =>
  join(dirname(target), `.${basename(target).slice(0, 100)}-${randomUUID()}`);

/** S3 can have an object `a` beside `a/b`; no folder can. */
async function asFile(at: S3Address, work: () => Promise<void>): Promise<void> {
  await work().catch((error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG'].includes(error.code ?? '')) throw error;
    throw new SluiceError(
      'InvalidInput',
      `${s3Uri(at)} cannot be a file: ${error.code === 'ENAMETOOLONG' ? 'its name is too long' : 'another object has its name, or that of its folder'}`,
      { cause: error, details: { uri: s3Uri(at) } },
    );
  });
}

/** @returns whether it is executable. */
async function fetchObject(
  s3: S3Api,
  at: S3Address,
  version: Version & Pick<S3Object, 'crc32'>,
  path: string,
  signal?: AbortSignal,
): Promise<boolean> {
  let isExecutable = false;
  const begins: Slice['begins'] = (object) => (isExecutable = object.isExecutable);
  const file = await open(path, 'wx');
  try {
    const checksums: { crc32: number; bytes: number }[] = [];
    await atOnce(
      slicesAtOnce,
      slicesOf(version.bytes),
      async ({ number, from, to }, one) => {
        const bytes = readSlice(s3, at, version, { from, to, begins }, one);
        checksums[number] = { crc32: await writeAt(file, from, bytes), bytes: to - from };
      },
      signal,
    );
    const whole = checksums.reduce((sum, part) => combineCrc32(sum, part.crc32, part.bytes), 0);
    if (version.crc32 !== null && version.crc32 !== whole) throw otherBytes(at);
    await file.sync();
  } finally {
    await file.close();
  }
  return isExecutable;
}

function* slicesOf(bytes: number): Generator<{ number: number; from: number; to: number }> {
  for (let number = 0, from = 0; from < bytes || number === 0; number += 1, from += sliceBytes) {
    yield { number, from, to: Math.min(bytes, from + sliceBytes) };
  }
}

/** @returns the checksum of what was written. */
async function writeAt(file: FileHandle, from: number, bytes: AsyncIterable<Buffer>): Promise<number> {
  let position = from;
  let checksum = 0;
  let chunks: Buffer[] = [];
  let gathered = 0;
  const flush = async () => {
    const writing = chunks;
    chunks = [];
    await file.writev(writing, position);
    position += gathered;
    gathered = 0;
  };
  for await (const chunk of bytes) {
    checksum = crc32(chunk, checksum);
    chunks.push(chunk);
    gathered += chunk.length;
    if (gathered >= writeBytes) await flush();
  }
  if (gathered > 0) await flush();
  return checksum;
}
