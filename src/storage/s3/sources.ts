import { open, type FileHandle } from 'node:fs/promises';
import { SluiceError } from '../../core/errors.ts';
import type { Source } from './upload.ts';

/** The bytes of a file, as it is when this is called. @throws SluiceError `StorageError` if it changes while it is read. */
export async function withFileSource(
  path: string,
  work: (source: Source & { bytes: number; mode: number }) => Promise<void>,
): Promise<void> {
  const file = await open(path);
  try {
    const before = await file.stat();
    if (!before.isFile()) throw new SluiceError('InvalidInput', `${path} is not a file`);
    await work({
      bytes: before.size,
      mode: before.mode,
      fill: (buffer) => fillFrom(file, buffer),
      async check() {
        const after = await file.stat();
        if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw changed(path);
      },
    });
  } finally {
    await file.close();
  }
}

const changed = (path: string) =>
  new SluiceError('StorageError', `${path} has changed while it was uploaded`, { details: { path } });

async function fillFrom(file: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Bytes that come from elsewhere, nobody knows how many. */
export function streamSource(bytes: AsyncIterable<Buffer>): Source & { end(): Promise<void> } {
  const chunks = bytes[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    bytes: null,
    async fill(buffer) {
      let filled = 0;
      while (filled < buffer.length) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) break;
          rest = next.value;
        }
        const copied = rest.copy(buffer, filled);
        rest = rest.subarray(copied);
        filled += copied;
      }
      return filled;
    },
    /** Lets go of the stream, wherever it is. */
    async end() {
      await chunks.return?.();
    },
  };
}
