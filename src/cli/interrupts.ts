import { exitCodes } from './errors.ts';

/**
 * Calls `first` at the first Ctrl-C, SIGTERM or lost terminal; the second leaves at once. Without a terminal, as under nohup, SIGHUP
 * means nothing: Node takes back that it is ignored, and cannot be asked whether it was.
 */
export function onInterrupt(first: (signal: NodeJS.Signals) => void): void {
  let seen = false;
  const handle = (signal: NodeJS.Signals) => {
    if (seen) process.exit(exitCodes.canceled);
    seen = true;
    first(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handle);
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  process.on('SIGHUP', hasTerminal ? handle : () => undefined);
}
