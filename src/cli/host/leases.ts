import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostFiles } from './files.ts';
import { isSameProcess, startMark } from './processes.ts';

/** What a client needs of the host: who only looks at runs needs no worker, which would go on with them. */
export type Needs = 'server' | 'worker';
const workerSuffix = '.worker';

/** More than a host that nobody needs takes to end after its last run. */
export const yieldMs = 6000;
/** The same on a machine that is busy with other things. */
export const patienceMs = 45_000;

/**
 * Keeps the host of this `.sluice/` alive until this process ends. To be taken before {@link runningHost} is asked: a host
 * that is about to leave looks once more after it has taken its record away.
 */
export function takeLease({ leases }: HostFiles, needs: Needs): void {
  mkdirSync(leases, { recursive: true });
  const lease = join(leases, `${process.pid}-${randomUUID()}${needs === 'worker' ? workerSuffix : ''}`);
  writeFileSync(lease, startMark(process.pid) ?? '');
  process.on('exit', () => rmSync(lease, { force: true }));
}

/** Whether any client needs a worker. */
export function wantsWorker({ leases }: HostFiles): boolean {
  return heldNames(leases).some((name) => name.endsWith(workerSuffix));
}

/** Whether any client needs the host. Leases of processes that were killed are removed. */
export function hasLeases({ leases }: HostFiles): boolean {
  return heldNames(leases).length > 0;
}

const heldNames = (leases: string) =>
  readNames(leases).filter((name) => isHeld(join(leases, name), Number.parseInt(name, 10)));

function isHeld(lease: string, pid: number): boolean {
  try {
    const mark = readFileSync(lease, 'utf8');
    if (isSameProcess(pid, mark === '' ? null : mark)) return true;
    rmSync(lease, { force: true });
  } catch {
    // Removed in the meantime.
  }
  return false;
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
