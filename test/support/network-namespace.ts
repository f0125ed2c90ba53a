import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export interface NetworkNamespace {
  /** What a command is run by to be in it. */
  readonly prefix: readonly [string, ...string[]];
  remove(): void;
}

/** A network of its own for an engine of a test: whatever it does to bridges and packet filters is not the machine's. For root. */
export function makeNetworkNamespace(): NetworkNamespace {
  const name = `sluice-${randomBytes(4).toString('hex')}`;
  ip('netns', 'add', name);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return {
    // Not `ip netns exec`, which would hide the control groups below /sys.
    prefix: ['nsenter', `--net=/run/netns/${name}`, '--'],
    remove: () => ip('netns', 'delete', name),
  };
}

const ip = (...args: string[]) => void execFileSync('ip', args, { stdio: 'pipe' });
