import { withLock } from './lock.js';

/** Makes the parts that are not done, one set-up at a time.
 * @param {import('./context.js').Part[]} parts @param {string} lock @param {import('./context.js').Context} context */
export async function makeParts(parts, lock, context) {
  if (parts.every((part) => part.isDone(context))) return;
  await withLock(lock, context.say, async () => {
    // Asked again: another set-up may have made it while we waited, and parts build on the ones before.
    for (const part of parts) if (!part.isDone(context)) await part.make(context);
  });
}
