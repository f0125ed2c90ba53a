/**
 * Works on so many items at once. When one fails the others are cancelled and waited for; then its error is thrown, or the
 * reason of the signal that ended all of them.
 */
export async function atOnce<Item>(
  limit: number,
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  cancelled?: AbortSignal,
): Promise<void> {
  cancelled?.throwIfAborted();
  const failing = new AbortController();
  const signal = cancelled ? AbortSignal.any([failing.signal, cancelled]) : failing.signal;
  const underWay = new Set<Promise<void>>();
  const errors: unknown[] = [];
  const fail = (error: unknown) => {
    errors.push(error);
    failing.abort();
  };
  try {
    for await (const item of items) {
      const one: Promise<void> = work(item, signal)
        .catch(fail)
        .finally(() => underWay.delete(one));
      underWay.add(one);
      if (underWay.size >= limit) await Promise.race(underWay);
      if (signal.aborted) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(underWay);
  cancelled?.throwIfAborted();
  if (errors.length > 0) throw errors[0];
}
