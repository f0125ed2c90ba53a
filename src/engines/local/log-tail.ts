import { open } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { isMissing } from './job-folder.ts';

const bytes = 32_768;
const lines = 20;
const characters = 500;

/** The last lines of a log of any size, fit for a terminal: no control characters, none too long. */
export async function readLogTail(path: string): Promise<string[]> {
  const handle = await open(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (handle === null) return [];
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return lastLines(buffer.toString('utf8', 0, bytesRead), start > 0);
  } finally {
    await handle.close();
  }
}

function lastLines(text: string, cut: boolean): string[] {
  const all = text.split('\n').map(shownLine);
  const whole = cut && all.length > 1 ? all.slice(1) : all;
  return whole.filter((line) => line.trim() !== '').slice(-lines);
}

/** A line of a log, fit for a terminal. */
export function shownLine(line: string): string {
  // A progress bar rewrites its line with carriage returns; its last state counts.
  const last = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  const plain = stripVTControlCharacters(last)
    .replace(/\t/g, '  ')
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
  return plain.length > characters ? `${plain.slice(0, characters - 1)}…` : plain;
}
