import { createHash } from 'node:crypto';

/**
 * A number in [0, 1) that depends on nothing but its arguments: who asks first does not change what others draw, so that a
 * seed repeats a run whose calls come in another order.
 */
export function chance(seed: number, ...about: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update([seed, ...about].join('\0'))
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
