import { SluiceError } from '../../src/core/errors.ts';

/** The error that `work` throws; anything but one of ours fails the test. */
export function refusal(work: () => unknown): SluiceError {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Lists nested `depth` deep, as JSON.parse makes them without a stack. */
export function nested(depth: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
}

/** What ends a line, colours it, hides the rest of it or ends a string elsewhere. */
export const garbling = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
