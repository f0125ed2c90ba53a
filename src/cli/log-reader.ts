import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { printable } from './output.ts';

/** Reads a log that grows. */
export interface LogReader {
  readonly title: string;
  /** Whether there is such a log. */
  found: () => boolean;
  /** Writes to stdout what is new, the first time below the title. */
  writeNew(): Promise<void>;
}

const chunkBytes = 64 * 1024;

export function createLogReader(path: string, title: string): LogReader {
  const decoder = new StringDecoder('utf8');
  let position = 0;
  let found = false;

  const write = async (chunk: Buffer): Promise<void> => {
    // A terminal obeys what it reads; a file or pipe gets the bytes as they are.
    const text = process.stdout.isTTY ? printable(decoder.write(chunk).replace(/\r+(?!\n)/g, '\n')) : chunk;
    if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  };

  return {
    title,
    found: () => found,
    async writeNew() {
      const handle = await open(path).catch(() => null);
      if (handle === null) return;
      if (!found) process.stdout.write(`── ${title}\n`);
      found = true;
      try {
        for (;;) {
          // The chunk belongs to the stream once it is written.
          const { bytesRead, buffer } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
          if (bytesRead === 0) return;
          position += bytesRead;
          await write(buffer.subarray(0, bytesRead));
        }
      } finally {
        await handle.close();
      }
    },
  };
}
