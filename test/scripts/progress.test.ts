import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const { step } = await import(new URL('../../scripts/setup/progress.js', import.meta.url).href);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What is written while a step takes so many seconds. */
async function written(isTTY: boolean, seconds: number, fails = false): Promise<string> {
  let text = '';
  const out = { isTTY, write: (chunk: string) => (text += chunk) };
  const work = () =>
    new Promise<void>((resolve, reject) =>
      setTimeout(() => (fails ? reject(new Error('no network')) : resolve()), seconds * 1000),
    );
  const done = step({ out }, 'Installing npm dependencies', 'node_modules is missing', work).catch(
    (error: Error) => (text += `!${error.message}`),
  );
  await vi.advanceTimersByTimeAsync(seconds * 1000);
  await done;
  await vi.advanceTimersByTimeAsync(60_000);
  return text;
}

const first = 'Installing npm dependencies (node_modules is missing)…\n';

test('a step says what is done and why, and in a log every ten seconds that it still is', async () => {
  expect(await written(false, 5)).toBe(first);
  const still = (seconds: number) => `  still installing npm dependencies: ${seconds} s\n`;
  expect(await written(false, 25)).toBe(`${first}${still(10)}${still(20)}`);
});

test('on a terminal the seconds are counted in one line, which goes when the step is done or fails', async () => {
  expect(await written(true, 2)).toBe(first);
  const long = await written(true, 5);
  expect(long.startsWith(`${first}\r`)).toBe(true);
  expect(long.slice(first.length)).toMatch(/^(\r. [34] s)+\r.*\r\u001b\[K$/);
  expect(long.slice(first.length)).not.toContain('\n');
  expect(await written(true, 5, true)).toMatch(/\r\u001b\[K!no network$/);
});
