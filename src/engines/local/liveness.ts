import { execFile } from 'node:child_process';
import { constants, type PathLike } from 'node:fs';
import { open, readdir, readlink, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Channels {
  alive: string;
  control: string;
  stop: string;
}

/**
 * Whether the supervisor or a process of the job holds the FIFO open: opening its other end succeeds only then. The kernel
 * answers, so that no process id is ever trusted.
 */
export async function isAlive({ alive }: Pick<Channels, 'alive'>): Promise<boolean> {
  return nudge(alive, '');
}

/** Whether the supervisor itself is there. */
export async function isSupervised({ control }: Pick<Channels, 'control'>): Promise<boolean> {
  return nudge(control, '');
}

/**
 * Asks the supervisor to stop its job. The file is the request, the byte in the FIFO only wakes the supervisor up: one
 * that starts later finds the file, because it opens the FIFO before it looks.
 */
export async function requestStop(channels: Channels): Promise<void> {
  await writeFile(channels.stop, '');
  if (await nudge(channels.control, 's')) return;
  await killOrphans(channels);
}

/**
 * Sees to it that a job without a supervisor ends. Its first process does that by itself, and better, for it finds those
 * that closed the FIFO; only without namespaces can somebody have killed that one too.
 */
export async function killOrphans(channels: Pick<Channels, 'alive'>): Promise<void> {
  const patience = performance.now() + 1000;
  while (await isAlive(channels)) {
    if (performance.now() > patience) return killHolders(channels.alive);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function killHolders(fifo: string): Promise<void> {
  for (const pid of await holders(await realpath(fifo))) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is over.
    }
  }
}

/** The processes that have the file open. */
async function holders(path: string): Promise<number[]> {
  if (process.platform !== 'linux') return holdersByLsof(path);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await holds(pid, path)) ? [Number(pid)] : [])));
  return found.flat().filter((pid) => pid !== process.pid);
}

async function holds(pid: string, path: string): Promise<boolean> {
  const folder = join('/proc', pid, 'fd');
  // Other users' processes can't be read, and aren't ours.
  const descriptors = await readdir(folder).catch(() => []);
  const links = await Promise.all(descriptors.map((name) => readlink(join(folder, name)).catch(() => '')));
  return links.includes(path);
}

async function holdersByLsof(path: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('/usr/sbin/lsof', ['-t', path]).catch(() => ({ stdout: '' }));
  return stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
}

/** Writes to a FIFO if somebody has its other end open. */
async function nudge(fifo: PathLike, text: string): Promise<boolean> {
  try {
    const handle = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      if (text !== '') await handle.write(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // A full FIFO was nudged often enough.
    if (code === 'EAGAIN') return true;
    if (code === 'ENXIO' || code === 'ENOENT' || code === 'EPIPE') return false;
    throw error;
  }
}
