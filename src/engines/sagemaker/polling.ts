/** The interval grows with the age of the job: `first + growth × age`, at most `longest`. */
const firstMs = 10_000;
const growth = 0.35;
const longestMs = 360_000;
/** The jobs of one moment must not ask at one moment for ever. */
const jitter = 0.1;

/** SageMaker counts the run time by its own clock, and stops a job within two minutes. */
const overdueMs = 15_000;
const overdueForMs = 5 * 60_000;

/**
 * Milliseconds until the next Describe: ten seconds at first, where jobs fail for want of a permission, then a third of its age,
 * so that a job of an hour costs 20 calls, and one of six hours 12 an hour. A look falls just behind the end of the maximum run time.
 * @param random - between 0 and 1.
 */
export function pollIntervalMs(elapsedMs: number, remainingMs = Infinity, random = Math.random()): number {
  const regular = Math.min(longestMs, firstMs + Math.max(0, elapsedMs) * growth);
  const jittered = regular * (1 - jitter + 2 * jitter * random);
  if (remainingMs > 0) return Math.round(Math.min(jittered, remainingMs + overdueMs));
  return Math.round(remainingMs > -overdueForMs ? Math.min(jittered, overdueMs) : jittered);
}
