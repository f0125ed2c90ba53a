import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { S3Address, S3Api, S3Object, S3Part, WriteOptions, Written } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { s3Uri } from './address.ts';
import type { Budget, Lease } from './budget.ts';
import { combineCrc32 } from './crc32.ts';

const mebibyte = 1024 ** 2;
/** What S3 takes. */
const maxParts = 10_000;
const smallestPart = 8 * mebibyte;
const graceMs = 5000;

/** Where the bytes of an object come from. */
export interface Source {
  /** If it is known beforehand. */
  bytes: number | null;
  /** Fills the buffer and says how much of it; less than all only at the end. */
  fill(buffer: Buffer): Promise<number>;
  /** What the hash of all bytes must be. */
  sha256?: string | undefined;
  /** Called before the object appears. @throws to prevent it. */
  check?: () => Promise<void>;
}

/** The bytes were not those that the hash was taken of. */
export class ContentChanged extends SluiceError {
  constructor(at: S3Address) {
    super('StorageError', `${s3Uri(at)} is not written: its source has changed since it was hashed`);
  }
}

/**
 * Writes an object, whole or not at all: what fits into one part in one request, anything else in parts, as many at once as
 * the budget has room for. Parts that were sent in vain are removed.
 */
export async function writeObject(
  s3: S3Api,
  budget: Budget,
  at: S3Address,
  source: Source,
  options: WriteOptions,
  signal?: AbortSignal,
): Promise<void> {
  const hash = source.sha256 === undefined ? null : createHash('sha256');
  const readPart = async (number: number): Promise<Part | null> => {
    const lease = await budget.take(partBytes(number, source.bytes), signal);
    try {
      const filled = await source.fill(lease.buffer);
      const bytes = lease.buffer.subarray(0, filled);
      hash?.update(bytes);
      if (filled > 0 || number === 1) return { number, bytes, lease, isFull: filled === lease.buffer.length };
    } catch (error) {
      lease.release();
      throw error;
    }
    lease.release();
    return null;
  };
  const check = async () => {
    if (hash !== null && hash.digest('hex') !== source.sha256) throw new ContentChanged(at);
    await source.check?.();
  };
  const first = await readPart(1);
  if (first === null) return;
  if (first.isFull && first.bytes.length !== source.bytes) {
    return writeParts(
      s3,
      at,
      { first, readPart, check, isOfKnownBytes: source.sha256 !== undefined },
      options,
      signal,
    );
  }
  try {
    await check();
    const written = await s3.put(at, first.bytes, options, signal);
    if (written === 'there already' && source.sha256 !== undefined) {
      const { bytes } = first;
      await compareWithThere(s3, at, { bytes: bytes.length, crc32: crc32(bytes) }, signal);
    }
  } finally {
    first.lease.release();
  }
}

interface Part {
  number: number;
  bytes: Buffer;
  lease: Lease;
  isFull: boolean;
}

interface Parts {
  first: Part;
  readPart: (number: number) => Promise<Part | null>;
  check: () => Promise<void>;
  isOfKnownBytes: boolean;
}

async function writeParts(
  s3: S3Api,
  at: S3Address,
  { first, readPart, check, isOfKnownBytes }: Parts,
  options: WriteOptions,
  cancelled?: AbortSignal,
): Promise<void> {
  const failing = new AbortController();
  const signal = cancelled ? AbortSignal.any([failing.signal, cancelled]) : failing.signal;
  const sent: S3Part[] = [];
  const errors: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  const fail = (error: unknown) => {
    errors.push(error);
    failing.abort();
  };
  const cut = graceAfter(signal);
  let id: string | undefined;
  let total = { crc32: 0, bytes: 0 };
  const send = async (upload: string, { number, bytes, lease }: Part, checksum: number) => {
    try {
      sent[number - 1] = await s3.part(at, upload, { number, bytes, crc32: checksum }, cut.signal);
    } catch (error) {
      fail(error);
    } finally {
      lease.release();
    }
  };
  try {
    id = await s3.begin(at, options, signal);
    for (let part: Part | null = first; part !== null; part = await readPart(part.number + 1)) {
      const checksum = crc32(part.bytes);
      const { length } = part.bytes;
      total = { crc32: combineCrc32(total.crc32, checksum, length), bytes: total.bytes + length };
      const one: Promise<void> = send(id, part, checksum).finally(() => underWay.delete(one));
      underWay.add(one);
      if (signal.aborted || !part.isFull) break;
    }
    await Promise.all(underWay);
    signal.throwIfAborted();
    await check();
    if ((await complete(s3, at, id, { parts: sent, ...total }, options, signal)) === 'there already') {
      if (isOfKnownBytes) await compareWithThere(s3, at, total, signal);
      // What S3 does not put together it keeps.
      await s3.abort(at, id).catch(() => undefined);
    }
  } catch (error) {
    fail(error);
    first.lease.release();
    await Promise.all(underWay);
    // What could not be removed is left to the rules of the bucket; why it was given up matters more.
    if (id !== undefined) await s3.abort(at, id).catch(() => undefined);
    cancelled?.throwIfAborted();
    throw errors[0];
  } finally {
    cut.end();
  }
}

/** S3 may keep a part that was under way when its upload was given up; so it is let arrive, unless that takes too long. */
function graceAfter(signal: AbortSignal): { signal: AbortSignal; end(): void } {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => (timer = setTimeout(() => over.abort(signal.reason), graceMs));
  signal.addEventListener('abort', begin, { once: true });
  return {
    signal: over.signal,
    end() {
      signal.removeEventListener('abort', begin);
      clearTimeout(timer);
    },
  };
}

interface Sum {
  bytes: number;
  crc32: number;
}

const isLike = (there: S3Object | null, { bytes, crc32 }: Sum) =>
  there?.bytes === bytes && (there.crc32 ?? crc32) === crc32;

/** When the answer was lost, the SDK asks again, and the upload is gone: the object tells whether it went well. */
async function complete(
  s3: S3Api,
  ...[at, id, object, options, signal]: Parameters<S3Api['complete']>
): Promise<Written> {
  try {
    return await s3.complete(at, id, object, options, signal);
  } catch (error) {
    if (!(error instanceof SluiceError) || error.details.awsCode !== 'NoSuchUpload') throw error;
    if (!isLike(await s3.head(at, signal), object)) throw error;
    return 'written';
  }
}

/** An object that appeared meanwhile is another upload of the same bytes, under a name that their hash is part of; or it is damaged. */
async function compareWithThere(s3: S3Api, at: S3Address, sum: Sum, signal?: AbortSignal): Promise<void> {
  const there = await s3.head(at, signal);
  if (isLike(there, sum)) return;
  throw new SluiceError(
    'StorageError',
    there === null
      ? `${s3Uri(at)} was there a moment ago and is gone`
      : `${s3Uri(at)} is there already and is not what its name says (${there.bytes} bytes instead of ${sum.bytes}, or others): remove it`,
    { details: { uri: s3Uri(at) }, ...(there !== null && { retryable: false }) },
  );
}

/** Of a stream that ends nobody knows when, later parts are larger: 10,000 parts hold 8 TB, and the first 8 GB cost no more than others. */
function partBytes(number: number, total: number | null): number {
  if (total === null) return smallestPart * 2 ** Math.floor((number - 1) / 1000);
  if (total <= smallestPart) return total;
  return Math.max(smallestPart, Math.ceil(total / maxParts / mebibyte) * mebibyte);
}
