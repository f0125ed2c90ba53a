import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { exists, hasErrorCode, isMissing, type JobFolder } from '../local/job-folder.ts';

const recordPattern = /^asides-.*\.json$/;

export interface Asides {
  /** One for each destination, written down before anything is made. */
  plan(destinations: readonly string[]): Promise<string[]>;
  /** Removes what is still there of them. */
  remove(): Promise<void>;
}

/** Where outputs are made before they appear: in the job's folder, or near their destination if that is on another file system. */
export function createAsides(files: JobFolder): Asides {
  const id = randomUUID();
  const inJob = join(files.path, `commit-${id}`);
  const all = [inJob];
  return {
    async plan(destinations) {
      const paths = await Promise.all(
        destinations.map(async (destination, index) => {
          const near = await nearestFolder(dirname(destination));
          if (await onSameDevice(files.path, near)) return join(inJob, String(index));
          return join(near, `.sluice-${basename(files.path)}-${id}-${index}`);
        }),
      );
      all.push(...paths);
      // Who is killed meanwhile leaves them to the next worker.
      await writeFile(join(files.path, `asides-${id}.json`), JSON.stringify(all));
      return paths;
    },
    remove: () => removeAll(all),
  };
}

/** Removes what is left of every worker that tried; not before it is settled which of them did it. */
export async function removeAsides(files: JobFolder): Promise<void> {
  for (const name of (await readdir(files.path)).filter((entry) => recordPattern.test(entry))) {
    const record = join(files.path, name);
    await removeAll(await readRecord(record));
    await rm(record, { force: true });
  }
}

/** Who comes second, or again, finds it placed. */
export async function placeOutput(aside: string, destination: string): Promise<void> {
  try {
    await mkdir(dirname(destination), { recursive: true });
    await rename(aside, destination);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT') || !exists(destination)) throw error;
  }
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

/** Empty for a record that was half written: nothing was made then. */
async function readRecord(path: string): Promise<string[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as string[];
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return [];
    throw error;
  }
}

async function nearestFolder(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    if (isMissing(error)) return nearestFolder(dirname(path));
    throw error;
  }
  throw Object.assign(new Error(`not a folder: ${path}`), { code: 'ENOTDIR' });
}

async function onSameDevice(one: string, other: string): Promise<boolean> {
  return (await stat(one)).dev === (await stat(other)).dev;
}
