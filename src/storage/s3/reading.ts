import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Address, S3Api, S3Object } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { s3Uri } from './address.ts';

/** Connections in a row that bring no byte. */
const tries = 5;
const pauseMs = 200;

/** The version of an object that is read. */
export type Version = Pick<S3Object, 'etag' | 'bytes'>;

export interface Slice {
  /** First byte, and the one behind the last. */
  from: number;
  to: number;
  /** Told when the first answer comes. */
  begins?: (object: { isExecutable: boolean }) => void;
}

/**
 * The bytes of a part of an object, of that version and no other. A connection that breaks is replaced by one that goes on
 * where it ended; requests themselves are repeated by the SDK.
 * @throws SluiceError `StorageError` if the object changes meanwhile, keeps coming short, or isn't what its checksum says.
 */
export async function* readSlice(
  s3: S3Api,
  at: S3Address,
  version: Version,
  { from, to, begins }: Slice,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let position = from;
  for (let failures = 0; ;) {
    // All of it is asked for without a range: then the SDK compares the checksum.
    const isAll = position === 0 && to === version.bytes;
    const { body, isExecutable } = await s3.get(at, version.etag, isAll ? null : [position, to - 1], signal);
    begins?.({ isExecutable });
    const end: { error?: unknown } = {};
    const before = position;
    for await (const chunk of untilItBreaks(body, end)) {
      position += chunk.length;
      if (position > to) break;
      yield chunk;
    }
    if (position === to && end.error === undefined) return;
    signal?.throwIfAborted();
    failures = position > before ? 1 : failures + 1;
    if (position >= to || failures > tries) {
      const came = `${position - from} of ${to - from} bytes came`;
      throw new SluiceError(
        'StorageError',
        `${s3Uri(at)} cannot be read to its end: ${came}${why(end.error)}`,
        {
          cause: end.error,
        },
      );
    }
    await sleep(pauseMs * 2 ** failures * (0.5 + Math.random() / 2), undefined, {
      ...(signal && { signal }),
    });
  }
}

/** So that what the reader of the bytes throws is not taken for an error of the connection. */
async function* untilItBreaks(body: Readable, end: { error?: unknown }): AsyncGenerator<Buffer> {
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    end.error = error;
  } finally {
    body.destroy();
  }
}

const why = (error: unknown) => (error instanceof Error ? ` (${error.message})` : '');

export const otherBytes = (at: S3Address) =>
  new SluiceError('StorageError', `${s3Uri(at)} came with other bytes than its checksum is of`);
