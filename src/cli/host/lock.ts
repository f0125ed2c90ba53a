import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import type { HostFiles } from './files.ts';
import { patienceMs, yieldMs } from './leases.ts';
import { isSameProcess, startMark } from './processes.ts';
import { runningHost, type HostRecord } from './record.ts';

/** Long, since a busy machine may keep its holder from renewing it; a dead holder is noticed at once by its process. */
const staleMs = 15_000;

export interface HeldLock {
  /** Resolves if another process took the lock over: this one must not go on. */
  lost: Promise<string>;
  /** Looked up now: a process that was suspended hears of it late, and must leave the files of the new holder alone. */
  isOurs(): boolean;
  /** @throws if another process took the lock over. */
  assertOurs(): void;
  release(): Promise<void>;
}

/**
 * Waits for a host that is leaving; one that takes clients is returned instead of the lock. A host that is to stay gives
 * one that is not some seconds to find out that nobody needs it.
 */
export async function acquireLock(
  files: HostFiles,
  lasting: boolean,
  stop: AbortSignal,
): Promise<HeldLock | HostRecord> {
  const deadline = Date.now() + patienceMs;
  const yielding = Date.now() + (lasting ? yieldMs : 0);
  for (;;) {
    const lock = await tryLock(files);
    if (lock !== null) return lock;
    const other = runningHost(files);
    if (other !== null && (other.lasting || Date.now() >= yielding)) return other;
    freeOfDeadHolder(files);
    if (Date.now() > deadline) throw new Error(`${files.lock} is held by a process that does not answer`);
    await sleep(100, undefined, { signal: stop });
  }
}

async function tryLock(files: HostFiles): Promise<HeldLock | null> {
  let lose: (reason: string) => void = () => undefined;
  const lost = new Promise<string>((resolve) => (lose = resolve));
  const own = `${process.pid} ${startMark(process.pid) ?? ''} ${randomUUID()}`;
  const isOurs = () => readHolder(files) === own;
  let held = false;
  try {
    const release = await lockfile.lock(files.folder, {
      lockfilePath: files.lock,
      stale: staleMs,
      update: staleMs / 5,
      onCompromised: (error) => lose(error.message),
      fs: removingOnly(() => !held || isOurs()),
    });
    writeFileSync(files.holder, own);
    held = true;
    return {
      lost,
      isOurs,
      assertOurs: () => {
        if (!isOurs()) throw new Error(`Another process took ${files.lock} over`);
      },
      release: async () => {
        await release().catch(() => undefined);
        if (isOurs()) rmSync(files.holder, { force: true });
      },
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return null;
    throw error;
  }
}

/** The file system for the package, which removes the lock at release and at exit without a look at whose it is by now. */
function removingOnly(mayRemove: () => boolean): typeof fs {
  const rmdir = (path: string, done: fs.NoParamCallback) => {
    if (mayRemove()) fs.rmdir(path, done);
    else done(null);
  };
  const removeNow = (path: string) => {
    if (mayRemove()) rmdirSync(path);
  };
  return { ...fs, rmdir, rmdirSync: removeNow } as typeof fs;
}

function readHolder({ holder }: HostFiles): string | null {
  try {
    return readFileSync(holder, 'utf8');
  } catch {
    return null;
  }
}

/** Whoever gets to rename the dead holder's file may take the lock away: one process only, and never a new holder's lock. */
function freeOfDeadHolder({ holder, lock }: HostFiles): void {
  const claim = `${holder}.${process.pid}`;
  try {
    const dead = readFileSync(holder, 'utf8');
    const [pid, mark] = dead.split(' ');
    if (isSameProcess(Number(pid), mark === undefined || mark === '' ? null : mark)) return;
    renameSync(holder, claim);
    if (readFileSync(claim, 'utf8') === dead) {
      rmSync(claim);
      rmdirSync(lock);
    } else renameSync(claim, holder);
  } catch {
    // Another process was quicker.
  }
}
