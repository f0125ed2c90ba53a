import { constants, type Dirent } from 'node:fs';
import { copyFile, mkdir, opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A copy of more would cost seconds and disk. */
const mostBytes = 64 * 1024 * 1024;
const mostEntries = 10_000;

/**
 * Copies an input where that costs next to nothing: where it is small, or where the file system clones files, as those of macOS do.
 * @returns false, and nothing is there, if it is neither; so of what has links in it, which would lead elsewhere from another place.
 */
export async function copyInput(source: string, target: string): Promise<boolean> {
  try {
    const found = await survey(source);
    if (found === null) return false;
    const mode = found.bytes > mostBytes ? constants.COPYFILE_FICLONE_FORCE : constants.COPYFILE_FICLONE;
    for (const { path, isFolder } of found.entries) {
      if (isFolder) await mkdir(join(target, path));
      else await copyFile(join(source, path), join(target, path), mode);
    }
    return true;
  } catch {
    // Not to be cloned, not to be read, no room: whatever it is, a link to the input says it better.
    await rm(target, { recursive: true, force: true });
    return false;
  }
}

interface Survey {
  bytes: number;
  /** Folders before what is in them, by their paths below the input; its own is empty. */
  entries: { path: string; isFolder: boolean }[];
}

/** Null for what is not worth a copy. */
async function survey(source: string): Promise<Survey | null> {
  const found: Survey = { bytes: 0, entries: [] };
  const add = async (path: string, kind: Pick<Dirent, 'isDirectory' | 'isFile'>): Promise<boolean> => {
    if (found.entries.length === mostEntries || !(kind.isDirectory() || kind.isFile())) return false;
    found.entries.push({ path, isFolder: kind.isDirectory() });
    if (kind.isFile()) {
      found.bytes += (await stat(join(source, path))).size;
      return true;
    }
    for await (const entry of await opendir(join(source, path))) {
      if (!(await add(join(path, entry.name), entry))) return false;
    }
    return true;
  };
  return (await add('', await stat(source))) ? found : null;
}
