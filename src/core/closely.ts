/** Time, as far as one waits for things to appear. */
export interface Waiting {
  /** Milliseconds, from any beginning, never backwards. */
  now(): number;
  /** @throws the reason of the signal. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const pausesMs = [1000, 2000, 4000];

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
