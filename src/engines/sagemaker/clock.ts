import { setTimeout } from 'node:timers/promises';

/** Time as the engine sees it: tests and measurements let it run faster. */
export interface Clock {
  /** Seconds of this clock in a real one. */
  readonly speed: number;
  /** Milliseconds, from any beginning, never backwards. */
  now(): number;
  /** Milliseconds since 1970, for comparison with the times of AWS. */
  date(): number;
  /** @throws the reason of the signal. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** @param speed - seconds of this clock in a real one, for work against an emulator whose time runs as fast. */
export function createClock(speed = 1): Clock {
  const start = { date: Date.now(), real: performance.now() };
  const passed = () => (performance.now() - start.real) * speed;
  return {
    speed,
    now: passed,
    // The machine's clock may be set right meanwhile.
    date: () => (speed === 1 ? Date.now() : start.date + passed()),
    async wait(milliseconds, signal) {
      await setTimeout(milliseconds / speed, undefined, { ...(signal && { signal }) }).catch(
        (error: unknown) => {
          signal?.throwIfAborted();
          throw error;
        },
      );
    },
  };
}

export const realClock = createClock();
