import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, thisProcess } from './owner.js';

const RETRY_MS = 100;
const REFRESH_MS = 10_000;
const FOREIGN_SILENCE_MS = 60_000;

/** Runs the work while no other process holds the lock; the lock of a dead process is taken over.
 *
 * The lock is a folder that holds one file, named by a token of its owner. Renaming a folder onto another one succeeds
 * only if that one is empty or absent: so the lock appears with its owner in it, and of many one gets it. A dead owner's
 * file is removed by its own name: who is late cannot remove the next owner's.
 * @template T
 * @param {string} path @param {(line: string) => void} say @param {() => Promise<T>} work @returns {Promise<T>} */
export async function withLock(path, say, work) {
  const file = await acquire(path, say);
  const refresh = setInterval(() => touch(file), REFRESH_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    release(path, file);
  }
}

/** @param {string} path @param {(line: string) => void} say */
async function acquire(path, say) {
  const token = randomUUID();
  const mine = `${path}.${token}`;
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(mine);
  writeFileSync(join(mine, token), JSON.stringify(thisProcess()));
  let told = false;
  try {
    while (!placed(mine, path)) {
      const holder = readHolder(path);
      if (holder && !holder.alive) rmSync(holder.file, { force: true });
      if (!holder?.alive) continue;
      if (!told) say(`Waiting for another set-up (pid ${holder.pid})…`);
      told = true;
      await sleep(RETRY_MS);
    }
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    throw error;
  }
  sweep(path);
  return join(path, token);
}

/** Those who were killed while they waited leave their folders. @param {string} path */
function sweep(path) {
  const waiting = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`));
  for (const name of waiting) {
    const folder = join(dirname(path), name);
    if (readHolder(folder)?.alive === false) rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} mine @param {string} path */
function placed(mine, path) {
  try {
    renameSync(mine, path);
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
function readHolder(path) {
  try {
    const [name] = readdirSync(path);
    if (name === undefined) return undefined;
    const file = join(path, name);
    const text = readFileSync(file, 'utf8');
    return { file, ...judge(file, text) };
  } catch (error) {
    // Released while we looked.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param {string} file @param {string} text */
function judge(file, text) {
  /** @type {import('./owner.js').Owner} */
  let owner;
  try {
    owner = JSON.parse(text);
  } catch {
    // Files are whole when they appear; only a power cut leaves an empty one.
    return { pid: 0, alive: false };
  }
  const alive = isAlive(owner) ?? Date.now() - statSync(file).mtimeMs < FOREIGN_SILENCE_MS;
  return { pid: owner.pid, alive };
}

/** @param {string} file */
function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Somebody removed the lock by hand; the work itself is not harmed by that.
  }
}

/** @param {string} path @param {string} file */
function release(path, file) {
  rmSync(file, { force: true });
  try {
    rmdirSync(path);
  } catch {
    // The next owner is already in.
  }
}
