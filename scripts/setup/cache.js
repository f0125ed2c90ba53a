import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where downloads are kept for every project of this user. @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env) {
  if (env.SLUICE_CACHE_DIR) return resolve(env.SLUICE_CACHE_DIR);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'sluice');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
}
