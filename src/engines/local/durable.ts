import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrorCode } from './job-folder.ts';

/** Whole or not at all, a loss of power included: what is there afterwards is the text, or what was there before. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, text, { flush: true });
  await rename(aside, path);
}

/**
 * The content that is there afterwards, for ever: ours, or what another one wrote before. What is done in its consequence does not
 * outlast it in a loss of power.
 */
export async function writeOnce(path: string, text: string): Promise<string> {
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, text, { flush: true });
  try {
    await link(aside, path);
    await syncFolder(dirname(path));
    return text;
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) return await readFile(path, 'utf8');
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
