/** A buffer that is lent. */
export interface Lease {
  readonly buffer: Buffer;
  release(): void;
}

export interface Budget {
  /** Waits until there is so much left; who asks for more than there ever is gets it when nothing else is lent. */
  take(bytes: number, signal?: AbortSignal): Promise<Lease>;
}

/** Memory for what is under way, shared by all transfers of a storage: many at once take turns, first come, first served. */
export function createBudget(total: number): Budget {
  let lent = 0;
  const waiting = new Set<{ bytes: number; go(): void }>();
  // Of one size: the parts of a large object. Waiting for the garbage collector would take more memory than is lent.
  let spare: Buffer[] = [];

  const fits = (bytes: number) => lent === 0 || lent + bytes <= total;
  const lend = (bytes: number): Lease => {
    lent += bytes;
    if (spare[0]?.length !== bytes) spare = [];
    const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(bytes);
    let isLent = true;
    return {
      buffer,
      release() {
        if (!isLent) return;
        isLent = false;
        lent -= bytes;
        if (spare.length === 0 || spare[0]?.length === bytes) spare.push(buffer);
        // Between transfers a worker holds nothing.
        if (lent === 0 && waiting.size === 0) spare = [];
        for (const next of waiting) {
          if (!fits(next.bytes)) break;
          next.go();
        }
      },
    };
  };

  return {
    take(bytes, signal) {
      signal?.throwIfAborted();
      if (waiting.size === 0 && fits(bytes)) return Promise.resolve(lend(bytes));
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(place);
          reject(signal?.reason);
        };
        const place = {
          bytes,
          go() {
            waiting.delete(place);
            signal?.removeEventListener('abort', leave);
            resolve(lend(bytes));
          },
        };
        waiting.add(place);
        signal?.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
