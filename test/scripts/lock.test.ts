import { mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFixture, startFixture, temporaryFolder } from './run-fixture.ts';

function folderWithCounter(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'counter'), '0');
  return folder;
}

const counted = (folder: string) => Number(readFileSync(join(folder, 'counter'), 'utf8'));

/** A lock whose owner is not among the living. */
function leaveLock(folder: string, owner: object): string {
  mkdirSync(join(folder, 'lock'));
  const file = join(folder, 'lock', 'token-of-the-dead');
  writeFileSync(file, JSON.stringify(owner));
  return file;
}

test('a set-up takes over the lock of one that was killed', async () => {
  const folder = folderWithCounter();
  const killed = startFixture('count-up.js', [folder, '60000']);
  await once(killed.child.stdout, 'data');
  killed.child.kill('SIGKILL');
  await killed.ended;

  expect(await runFixture('count-up.js', [folder, '0'])).toMatchObject({ code: 0, stderr: '' });
  expect(counted(folder)).toBe(1);
  expect(readdirSync(folder)).toEqual(['counter']);
});

test('a set-up waits for a living one and names it', async () => {
  const folder = folderWithCounter();
  const first = startFixture('count-up.js', [folder, 'held']);
  await once(first.child.stdout, 'data');

  const second = startFixture('count-up.js', [folder, '0']);
  await once(second.child.stderr, 'data');
  writeFileSync(join(folder, 'go'), '');
  expect((await second.ended).stderr).toBe(`Waiting for another set-up (pid ${first.child.pid})…\n`);
  expect(counted(folder)).toBe(2);
});

test('the owner is known by its start time: a later process of the same number is not taken for it', async () => {
  const folder = folderWithCounter();
  const first = startFixture('count-up.js', [folder, 'held']);
  await once(first.child.stdout, 'data');
  const [token] = readdirSync(join(folder, 'lock'));
  const owner: unknown = JSON.parse(readFileSync(join(folder, 'lock', token ?? ''), 'utf8'));
  writeFileSync(join(folder, 'go'), '');
  await first.ended;

  leaveLock(folder, { ...(owner as object), pid: process.pid });
  expect(await runFixture('count-up.js', [folder, '0'])).toMatchObject({ code: 0, stderr: '' });
});

test('an owner on another machine or in another container counts as dead after a minute of silence', async () => {
  const folder = folderWithCounter();
  const file = leaveLock(folder, { pid: 1, started: '1', where: 'elsewhere' });
  const waiting = startFixture('count-up.js', [folder, '0']);
  await once(waiting.child.stderr, 'data');
  const aMinuteAgo = Date.now() / 1000 - 60;
  utimesSync(file, aMinuteAgo, aMinuteAgo);
  expect(await waiting.ended).toMatchObject({
    code: 0,
    stderr: 'Waiting for another set-up (pid 1)…\n',
  });
});

test('of many that find a dead owner, one at a time gets the lock', async () => {
  const folder = folderWithCounter();
  leaveLock(folder, { pid: 1, started: '1', where: 'elsewhere' });
  utimesSync(join(folder, 'lock', 'token-of-the-dead'), 0, 0);

  const ended = await Promise.all(Array.from({ length: 8 }, () => runFixture('count-up.js', [folder, '5'])));
  expect(ended.map(({ code }) => code)).toEqual(Array(8).fill(0));
  expect(counted(folder)).toBe(8);
});
