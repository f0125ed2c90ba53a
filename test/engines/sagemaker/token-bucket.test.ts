import { describe, expect, it } from 'vitest';
import { createTokenBucket } from '../../../src/engines/sagemaker/token-bucket.ts';
import { createTestClock } from '../../support/test-clock.ts';

function stand(settings: Parameters<typeof createTokenBucket>[0]) {
  const clock = createTestClock();
  const bucket = createTokenBucket(settings, clock);
  const taken: number[] = [];
  const ask = (count: number, signal?: AbortSignal) =>
    Array.from({ length: count }, (_, index) =>
      bucket.take(signal).then(
        () => void taken.push(index),
        () => undefined,
      ),
    );
  return { clock, bucket, taken, ask };
}

const oneASecond = { perSecond: { start: 1, most: 1, least: 0.1 }, burst: 1 };

describe('a token bucket', () => {
  it('lets a burst through and then so many a second, first come, first served', async () => {
    const { clock, taken, ask } = stand({ perSecond: { start: 2, most: 4, least: 0.5 }, burst: 3 });
    void ask(9);
    await clock.pass(0);
    expect(taken).toEqual([0, 1, 2]);
    await clock.pass(1000);
    expect(taken).toEqual([0, 1, 2, 3, 4]);
    await clock.pass(2000);
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('never lets more through than its rate allows, whoever asks when', async () => {
    const { clock, taken, ask } = stand(oneASecond);
    for (let second = 0; second < 30; second += 1) {
      void ask(5);
      await clock.pass(1000);
      // The burst of one at the beginning is on top.
      expect(taken.length).toBeLessThanOrEqual(second + 2);
    }
    expect(taken.length).toBeGreaterThanOrEqual(30);
  });

  it('halves its rate when a call was throttled, once for calls that were under way together', async () => {
    const { clock, bucket } = stand({ perSecond: { start: 8, most: 10, least: 0.5 }, burst: 1 });
    bucket.throttled();
    bucket.throttled();
    expect(bucket.perSecond).toBe(4);
    await clock.pass(1500);
    bucket.throttled();
    expect(bucket.perSecond).toBe(2);
    for (let count = 0; count < 10; count += 1) {
      await clock.pass(1500);
      bucket.throttled();
    }
    expect(bucket.perSecond).toBe(0.5);
  });

  it('does not spend what was saved up after a call was throttled', async () => {
    const { clock, bucket, taken, ask } = stand({ perSecond: { start: 2, most: 2, least: 1 }, burst: 10 });
    bucket.throttled();
    void ask(3);
    await clock.pass(999);
    expect(taken).toEqual([]);
    await clock.pass(1);
    expect(taken).toEqual([0]);
  });

  it('comes back to its highest rate with a hundred successes, and no higher', () => {
    const { bucket } = stand({ perSecond: { start: 1, most: 10, least: 0.5 }, burst: 1 });
    for (let count = 0; count < 50; count += 1) bucket.succeeded();
    expect(bucket.perSecond).toBeCloseTo(6);
    for (let count = 0; count < 100; count += 1) bucket.succeeded();
    expect(bucket.perSecond).toBe(10);
  });

  it('gives the turn of who gave up to the next, with the reason of the signal', async () => {
    const { clock, bucket, taken, ask } = stand(oneASecond);
    void ask(1);
    const controller = new AbortController();
    const given = bucket.take(controller.signal);
    void ask(1);
    await clock.pass(500);
    controller.abort(new Error('cancelled'));
    await expect(given).rejects.toThrow('cancelled');
    await clock.pass(500);
    expect(taken).toEqual([0, 0]);
    await expect(bucket.take(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });
});
