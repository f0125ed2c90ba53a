import type { Clock } from './clock.ts';

export interface TokenBucket {
  /** Calls a second that are let through at present. */
  readonly perSecond: number;
  /** Waits for its turn, first come, first served. @throws the reason of the signal. */
  take(signal?: AbortSignal): Promise<void>;
  /** A call was answered: a little more may be asked. */
  succeeded(): void;
  /** A call was throttled: half as much from now on, and what was saved up is gone. */
  throttled(): void;
}

export interface BucketSettings {
  /** At the start, and what it never exceeds and never falls below. */
  perSecond: { start: number; most: number; least: number };
  /** Calls at once after a rest. */
  burst: number;
}

/** A success gives back this share of the highest rate. */
const increase = 0.01;
/** Answers to calls that were under way together tell of one overload. */
const oneOverloadMs = 1000;

/** A token bucket whose rate follows what AWS allows: additive increase, multiplicative decrease, as TCP does. */
export function createTokenBucket({ perSecond: limits, burst }: BucketSettings, clock: Clock): TokenBucket {
  const line = createLine();
  let perSecond = limits.start;
  let tokens = burst;
  let countedAt = clock.now();
  let throttledAt = -Infinity;
  let isServing = false;

  const count = (): void => {
    const now = clock.now();
    tokens = Math.min(burst, tokens + ((now - countedAt) / 1000) * perSecond);
    countedAt = now;
  };

  const serve = async (): Promise<void> => {
    isServing = true;
    while (line.length > 0) {
      count();
      if (tokens >= 1) {
        tokens -= 1;
        line.admit();
      } else {
        await clock.wait(Math.ceil(((1 - tokens) / perSecond) * 1000));
      }
    }
    isServing = false;
  };

  return {
    get perSecond() {
      return perSecond;
    },
    take(signal) {
      const turn = line.join(signal);
      if (!isServing) void serve();
      return turn;
    },
    succeeded() {
      count();
      perSecond = Math.min(limits.most, perSecond + limits.most * increase);
    },
    throttled() {
      count();
      tokens = Math.min(tokens, 0);
      if (clock.now() - throttledAt < oneOverloadMs) return;
      throttledAt = clock.now();
      perSecond = Math.max(limits.least, perSecond / 2);
    },
  };
}

/** Who waits, first come, first served. */
function createLine() {
  const waiting: (() => void)[] = [];
  return {
    get length() {
      return waiting.length;
    },
    admit: () => waiting.shift()?.(),
    join: (signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const go = () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const leave = () => {
          const at = waiting.indexOf(go);
          if (at >= 0) waiting.splice(at, 1);
          reject(signal?.reason as Error);
        };
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(go);
      }),
  };
}
