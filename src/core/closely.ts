/** Time, as far as one waits for things to appear. */
export interface Waiting {
  /** Milliseconds, from any beginning, never backwards. */
  now(): number;
  /** @throws the reason of the signal. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const pausesMs = [1000, 2000, 4000];
const pauseMs = 4000;
/** So long what was made may be unknown to AWS's reads, and its tags. */
export const visibleAfterMs = 60_000;

/** Looks, and again a few times before it believes that there is nothing: SageMaker may know of a thing only a moment after it was made. */
export async function closely<Found>(
  clock: Pick<Waiting, 'wait'>,
  lookOnce: () => Promise<Found | null>,
  signal?: AbortSignal,
): Promise<Found | null> {
  for (const pauseMs of pausesMs) {
    const found = await lookOnce();
    if (found !== null) return found;
    await clock.wait(pauseMs, signal);
  }
  return lookOnce();
}

/** Looks for what is there, or is said to be there: it appears within a minute, or there is nothing. */
export async function untilVisible<Found>(
  clock: Waiting,
  lookOnce: () => Promise<Found | null>,
  signal?: AbortSignal,
): Promise<Found | null> {
  const started = clock.now();
  for (let found = await closely(clock, lookOnce, signal); ; found = await lookOnce()) {
    if (found !== null || clock.now() - started >= visibleAfterMs) return found;
    await clock.wait(pauseMs, signal);
  }
}
