import { readdir, readFile, readlink } from 'node:fs/promises';

export interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** The processes of this machine, of every namespace, with the text in their command line. Linux only. */
export async function processesWith(text: string): Promise<Process[]> {
  const found = await Promise.all((await allPids()).map(look));
  return found.filter((process): process is Process => process?.command.includes(text) === true);
}

/** The processes that work in the folder, which are a job's supervisor and its first process. Linux only. */
export async function processesIn(folder: string): Promise<number[]> {
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const path = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return path === folder ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Its parent, the parent of that one, and so on. Linux only. */
export async function ancestorsOf({ parent }: Process): Promise<Process[]> {
  const next = await look(parent);
  return next === null || next.pid <= 1 ? [] : [next, ...(await ancestorsOf(next))];
}

async function allPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function look(pid: number): Promise<Process | null> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return { pid, parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command };
  } catch {
    // It ended while we looked.
    return null;
  }
}
