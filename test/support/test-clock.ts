import type { Clock } from '../../src/engines/sagemaker/clock.ts';

export interface TestClock extends Clock {
  /** Lets so much time pass, waking on the way who waits, in order. */
  pass(milliseconds: number): Promise<void>;
}

/** Time that stands still until it is told to pass. */
export function createTestClock(): TestClock {
  let now = 0;
  const sleepers: { at: number; wake: () => void }[] = [];
  /** What was woken goes on in microtasks, and may wait again. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    speed: 1,
    now: () => now,
    date: () => now,
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { at: now + milliseconds, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          reject(signal.reason as Error);
        });
      }),
    async pass(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (;;) {
        sleepers.sort((a, b) => a.at - b.at);
        const next = sleepers[0];
        if (next === undefined || next.at > end) break;
        sleepers.shift();
        now = next.at;
        next.wake();
        await settle();
      }
      now = end;
    },
  };
}
