/**
 * Milliseconds until a job of this machine is looked at again of which there was no news: a twentieth of its age. Most file systems
 * tell of news at once.
 */
export const pollIntervalMs = (elapsedMs: number): number =>
  Math.min(250, Math.max(20, Math.round(elapsedMs / 20)));
