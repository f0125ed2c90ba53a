import { watch, type FSWatcher } from 'node:fs';
import type { JobNews } from '../engine.ts';

/** A system tells of every write into a log, too, which is no news. After so many of them hearing costs more than looking. */
const mostWrites = 1000;

/**
 * Hears when files of a folder come, go or are renamed. Where the system tells nothing (the folder is not there, NFS, no more watches),
 * or too much, nothing more is heard.
 */
export function listenToFolder(path: string): JobNews {
  let isNew = false;
  let hear: () => void = () => undefined;
  const watcher = watchOrNull(path, () => {
    isNew = true;
    hear();
  });
  return {
    next() {
      if (!isNew) return new Promise((resolve) => (hear = resolve));
      // Not when it is heard: who waited may have stopped waiting. So who did wait hears of it twice.
      isNew = false;
      return Promise.resolve();
    },
    close: () => watcher?.close(),
  };
}

function watchOrNull(path: string, tell: () => void): FSWatcher | null {
  try {
    let writes = 0;
    const watcher = watch(path, { persistent: false }, (event) => {
      if (event === 'rename') tell();
      else if ((writes += 1) === mostWrites) watcher.close();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
