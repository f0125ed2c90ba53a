import { watch, type FSWatcher } from 'node:fs';
import type { JobNews } from '../engine.ts';

/**
 * Hears when files of a folder come, go or are renamed. What is only written to, a log say, is no news. Where the folder or the
 * system tells nothing (it is not there, NFS, no more watches) nothing is ever heard.
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
      // Not when it is heard: who waited may have stopped waiting, and what is heard while he looks is to be looked at, too.
      isNew = false;
      return Promise.resolve();
    },
    close: () => watcher?.close(),
  };
}

function watchOrNull(path: string, tell: () => void): FSWatcher | null {
  try {
    const watcher = watch(path, { persistent: false }, (event) => {
      if (event === 'rename') tell();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
