import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Whether a process of that id is there, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When the process started, in a form that only compares; null if that can't be had. Ids are used again, this is not. */
export function startMark(pid: number): string | null {
  try {
    // Field 22; the name in field 2 may contain anything.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

export const isSameProcess = (pid: number, mark: string | null) =>
  isAlive(pid) && (mark === null || startMark(pid) === mark);

/** The arguments of a process as one text; empty if there is none. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    if (process.platform === 'linux') return '';
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', `${pid}`], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Whether the process is the one that listens on this port of {@link host}: another may have been quicker to take it. */
export function listensOn(pid: number, port: number): boolean {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('/usr/sbin/lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], {
      encoding: 'utf8',
    });
    return stdout.split('\n').includes(String(pid));
  }
  const sockets = listeningSockets(port);
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((name) => sockets.has(linkOf(`${folder}/${name}`)));
  } catch {
    // It has ended.
    return false;
  }
}

/** As the links in `/proc/<pid>/fd` name them. */
function listeningSockets(port: number): Set<string> {
  const listening = '0A';
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const found = fields.filter(([, address, , state]) => address?.endsWith(local) && state === listening);
  return new Set(found.map((row) => `socket:[${row[9] ?? ''}]`));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
