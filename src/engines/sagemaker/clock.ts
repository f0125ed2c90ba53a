import { setTimeout } from 'node:timers/promises';

/** Time as the engine sees it: tests and measurements let it run faster. */
export interface Clock {
  /** Milliseconds, from any beginning, never backwards. */
  now(): number;
  /** Milliseconds since 1970, for comparison with the times of AWS. */
  date(): number;
  /** @throws the reason of the signal. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  async wait(milliseconds, signal) {
    await setTimeout(milliseconds, undefined, { ...(signal && { signal }) }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  },
};
