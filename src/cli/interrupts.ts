import { exitCodes } from './errors.ts';

/** Calls `first` at the first Ctrl-C, SIGTERM or lost terminal; the second leaves at once. */
export function onInterrupt(first: (signal: NodeJS.Signals) => void): void {
  let seen = false;
  const handle = (signal: NodeJS.Signals) => {
    if (seen) process.exit(exitCodes.canceled);
    seen = true;
    first(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
}
