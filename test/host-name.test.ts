import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nameOfHost } from '../src/host-name.ts';
import { folderPerTest } from './support/folders.ts';

const folder = folderPerTest();

it('is one for all who ask at once, and stays', async () => {
  const home = join(folder(), 'home');
  const names = await Promise.all(Array.from({ length: 20 }, () => nameOfHost(home)));
  expect(new Set(names).size).toBe(1);
  expect(names[0]).toMatch(/^[\w.-]+-[0-9a-f]{8}$/);
  expect(await nameOfHost(home)).toBe(names[0]);
  expect(await readFile(join(home, 'host-name'), 'utf8')).toBe(`${names[0]}\n`);
});

it('differs from that of another home', async () => {
  expect(await nameOfHost(join(folder(), 'a'))).not.toBe(await nameOfHost(join(folder(), 'b')));
});

it('is refused if somebody has damaged it', async () => {
  await writeFile(join(folder(), 'host-name'), '\0');
  await expect(nameOfHost(folder())).rejects.toMatchObject({ code: 'InvalidInput' });
});
