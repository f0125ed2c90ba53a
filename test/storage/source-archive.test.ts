import { chmod, mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { listContent } from '../../src/storage/content.ts';
import { sourceArchive } from '../../src/storage/source-archive.ts';
import { folderPerTest } from '../support/folders.ts';

const folder = folderPerTest();

const files = {
  'train.py': { text: 'print(1)\n', isExecutable: false },
  'a/deep/module.py': { text: 'x = 1\n'.repeat(20_000), isExecutable: false },
  run: { text: '#!/bin/sh\n', isExecutable: true },
  'größe.txt': { text: '', isExecutable: false },
};

/** Somebody's copy of the code, with the modes that their umask leaves. */
async function makeCopy(
  name: string,
  { umask, changed, backwards = false }: { umask: number; changed: Date; backwards?: boolean },
): Promise<string> {
  const entries = Object.entries(files);
  for (const [path, { text, isExecutable }] of backwards ? entries.reverse() : entries) {
    const file = join(folder(), name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, (isExecutable ? 0o777 : 0o666) & ~umask);
    await utimes(file, changed, changed);
  }
  return join(folder(), name);
}

async function archive(copy: string): Promise<Buffer> {
  const content = await listContent(copy);
  return buffer(sourceArchive(copy, content.files, () => new Error('it changed')));
}

it('an archive of code has the same bytes whoever made the copy, when, and in which order', async () => {
  const mine = await makeCopy('mine', { umask: 0o022, changed: new Date('2020-01-01') });
  const theirs = await makeCopy('theirs', { umask: 0o077, changed: new Date('2026-11-11'), backwards: true });
  const bytes = await archive(mine);
  expect(bytes.length).toBeGreaterThan(120_000);
  expect((await archive(theirs)).equals(bytes)).toBe(true);

  await chmod(join(theirs, 'train.py'), 0o755);
  expect((await archive(theirs)).equals(bytes)).toBe(false);
});
