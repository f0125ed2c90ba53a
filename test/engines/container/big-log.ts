import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { shell, type Bench } from './fixtures.ts';

const line = '0123456789'.repeat(10);

/** Runs a job that writes so much to its log: all of it is there soon after the end, and this process stays small. */
export async function expectBigLog(bench: Bench, name: string, megabytes: number): Promise<void> {
  const bytes = megabytes * 1_000_000;
  await bench.start(name, shell(`yes ${line} | head -c ${bytes}; printf end`));
  const before = process.memoryUsage.rss();
  const state = await bench.ended(name, 60 + megabytes);
  expect(state).toMatchObject({ status: 'succeeded', logTail: { length: 20 } });
  expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  const path = join(bench.jobsDir, name, 'log.txt');
  expect(statSync(path).size).toBe(bytes + 'end'.length);
  expect(await countLines(path)).toBe(Math.floor(bytes / (line.length + 1)));
}

async function countLines(path: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (const byte of chunk as Buffer) if (byte === 10) lines += 1;
  }
  return lines;
}
