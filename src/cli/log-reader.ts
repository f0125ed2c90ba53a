import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { printable } from './output.ts';

/** Reads a log that grows. */
export interface LogReader {
  /** Whether there is such a log. */
  found: () => boolean;
  /** What to say if there is none. */
  readonly missing: string;
  /** Writes to stdout what is new, the first time below the title. @param isRunning - more will come. */
  writeNew(isRunning: boolean): Promise<void>;
}

const chunkBytes = 64 * 1024;

export function createLogReader(path: string, title: string): LogReader {
  const decoder = new StringDecoder('utf8');
  let position = 0;
  let found = false;

  // A file or pipe gets the bytes as they are.
  const write = (chunk: Buffer) => writeLog(process.stdout.isTTY ? decoder.write(chunk) : chunk);

  return {
    found: () => found,
    missing: `${title} has no log here: it ran on another machine, has not started, or was cleaned away`,
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

/** Writes to stdout, at the pace of its reader. A terminal obeys what it reads, so it gets nothing but text. */
export async function writeLog(log: Buffer | string): Promise<void> {
  const text =
    process.stdout.isTTY && typeof log === 'string' ? printable(log.replace(/\r+(?!\n)/g, '\n')) : log;
  if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}
