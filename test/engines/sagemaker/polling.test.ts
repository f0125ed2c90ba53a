import { describe, expect, it } from 'vitest';
import { pollIntervalMs } from '../../../src/engines/sagemaker/polling.ts';

/** When a job of `hours` is looked at, in seconds, until a look sees its end. */
function looks(hours: number, random: () => number): number[] {
  const times: number[] = [];
  for (let at = 0; at < hours * 3_600_000;) {
    at += pollIntervalMs(at, undefined, random());
    times.push(at / 1000);
  }
  return times;
}

/** The same on every machine. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

describe('the interval between two looks at a job', () => {
  it.each([1, 6])('makes at most 20 calls an hour for a job of %i h, on average', (hours) => {
    const counts = Array.from({ length: 200 }, (_, seed) => looks(hours, pseudoRandom(seed + 1)).length);
    expect(counts.reduce((sum, count) => sum + count, 0) / counts.length / hours).toBeLessThanOrEqual(20);
  });

  it('is of seconds at first, grows with the age of the job, and ends at minutes', () => {
    const middle = (elapsedMs: number) => pollIntervalMs(elapsedMs, undefined, 0.5);
    expect(middle(0)).toBe(10_000);
    expect(middle(60_000)).toBe(31_000);
    expect(middle(600_000)).toBe(220_000);
    expect(middle(6 * 3_600_000)).toBe(360_000);
    // A clock that was set back.
    expect(middle(-5_000)).toBe(10_000);
  });

  it('differs from job to job by a tenth', () => {
    expect(pollIntervalMs(0, undefined, 0)).toBe(9_000);
    expect(pollIntervalMs(0, undefined, 1)).toBe(11_000);
    expect(new Set(Array.from({ length: 20 }, () => pollIntervalMs(600_000))).size).toBeGreaterThan(10);
  });

  it('ends just behind the end of the maximum run time, and is short then', () => {
    const late = 3_600_000;
    expect(pollIntervalMs(late, 1_000_000, 0.5)).toBe(360_000);
    expect(pollIntervalMs(late, 60_000, 0.5)).toBe(75_000);
    expect(pollIntervalMs(late, 0, 0.5)).toBe(15_000);
    expect(pollIntervalMs(late, -60_000, 0.5)).toBe(15_000);
  });

  it('is long again when the maximum run time is over for good: the clocks may differ', () => {
    expect(pollIntervalMs(3_600_000, -3_600_000, 0.5)).toBe(360_000);
  });
});
