/** Milliseconds until a job of this machine is looked at again: a hundredth of its age, so that little of its time is added. */
export const pollIntervalMs = (elapsedMs: number): number =>
  Math.min(250, Math.max(5, Math.round(elapsedMs / 100)));
