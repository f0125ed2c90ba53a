type Tell = (phase: string) => void;

interface Work {
  done: Promise<void>;
  /** What was told last, for who comes later. */
  phase: string | null;
  listeners: Set<Tell>;
  waiting: number;
  abort: AbortController;
}

export interface SharedWork {
  /**
   * Starts the work of this key, or waits for the one that is under way. Who is cancelled waits no longer; the others do.
   * @throws the signal's reason; whatever the work throws.
   */
  join(
    key: string,
    start: (tell: Tell, signal: AbortSignal) => Promise<void>,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Work that several wait for and one does. `alone`: what becomes of it when nobody waits any more. */
export function createSharedWork(alone: 'goes on' | 'is aborted'): SharedWork {
  const underWay = new Map<string, Work>();

  const begin = (key: string, start: (tell: Tell, signal: AbortSignal) => Promise<void>): Work => {
    const abort = new AbortController();
    const work: Work = {
      done: new Promise<never>(() => undefined),
      phase: null,
      listeners: new Set(),
      waiting: 0,
      abort,
    };
    underWay.set(key, work);
    const tellAll = (phase: string) => {
      work.phase = phase;
      for (const listener of work.listeners) listener(phase);
    };
    work.done = start(tellAll, abort.signal).finally(() => forget(key, work));
    // Everybody who waited may have been cancelled.
    work.done.catch(() => undefined);
    return work;
  };

  const forget = (key: string, work: Work) => {
    if (underWay.get(key) === work) underWay.delete(key);
  };

  return {
    async join(key, start, tell, signal) {
      signal.throwIfAborted();
      const work = underWay.get(key) ?? begin(key, start);
      const over = new AbortController();
      // A function of its own: two may have given the same one.
      const listener: Tell = (phase) => tell(phase);
      work.listeners.add(listener);
      work.waiting += 1;
      if (work.phase !== null) tell(work.phase);
      try {
        await Promise.race([work.done, aborted(signal, over.signal)]);
      } finally {
        over.abort();
        work.listeners.delete(listener);
        work.waiting -= 1;
        if (work.waiting === 0 && alone === 'is aborted') {
          forget(key, work);
          work.abort.abort(signal.reason);
        }
      }
    },
  };
}

/** Rejects when the signal is aborted, unless nobody listens any more. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const refuse = () => reject(signal.reason as Error);
    if (signal.aborted) refuse();
    else signal.addEventListener('abort', refuse, { once: true, signal: over });
  });
}
