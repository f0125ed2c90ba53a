import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isRunning, runFixture, startFixture, temporaryFolder, until } from './run-fixture.ts';

const lines = (path: string) => readFileSync(path, 'utf8').trim().split('\n');

test('two set-ups at once do the work once', async () => {
  const folder = temporaryFolder();
  const ended = await Promise.all([
    runFixture('make-once.js', [folder]),
    runFixture('make-once.js', [folder]),
  ]);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(lines(join(folder, 'ledger'))).toHaveLength(1);
});

test('an interrupted set-up is repaired by the next, and the one after that has nothing to do', async () => {
  const folder = temporaryFolder();
  const ledger = join(folder, 'ledger');
  const killed = startFixture('make-once.js', [folder]);
  await until(() => existsAndHasLine(ledger));
  killed.child.kill('SIGKILL');
  await killed.ended;

  for (let call = 0; call < 2; call++)
    expect(await runFixture('make-once.js', [folder])).toMatchObject({ code: 0 });
  expect(lines(ledger)).toHaveLength(2);
});

test('the commands of a killed set-up die with it, their children included', async () => {
  const file = join(temporaryFolder(), 'pid');
  const killed = startFixture('run-sleep.js', [file]);
  await until(() => existsAndHasLine(file));
  const pid = Number(readFileSync(file, 'utf8'));
  expect(isRunning(pid)).toBe(true);

  killed.child.kill('SIGKILL');
  await until(() => !isRunning(pid));
});

function existsAndHasLine(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').endsWith('\n');
  } catch {
    return false;
  }
}
