import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFixture, temporaryFolder } from './run-fixture.ts';

/** A project with one package, which is a folder of its own: npm needs no network for it. */
function project() {
  const root = temporaryFolder();
  mkdirSync(join(root, 'gate'));
  writeFileSync(join(root, 'gate', 'package.json'), JSON.stringify({ name: 'gate', version: '1.0.0' }));
  const dependencies = { gate: 'file:gate' };
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ name: 'scratch', version: '1.0.0', dependencies }),
  );
  const packages = {
    '': { name: 'scratch', version: '1.0.0', dependencies },
    gate: { version: '1.0.0' },
    'node_modules/gate': { resolved: 'gate', link: true },
  };
  const lock = { name: 'scratch', version: '1.0.0', lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
  return {
    at: (path: string) => join(root, path),
    setUp: () => runFixture('set-up.js', [root, 'dependencies']),
  };
}

test('packages are installed once; what npm did by hand is adopted; what an interrupted npm left is not', async () => {
  const { at, setUp } = project();
  expect(await setUp()).toMatchObject({
    code: 0,
    stderr: 'Installing npm dependencies (node_modules is missing)…\n',
  });
  expect(readFileSync(at('node_modules/gate/package.json'), 'utf8')).toContain('gate');
  expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });

  // "npm ci" by hand leaves everything but the stamp.
  rmSync(at('node_modules/.sluice-stamp'));
  expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });

  rmSync(at('node_modules/.sluice-stamp'));
  rmSync(at('node_modules/.package-lock.json'));
  expect(await setUp()).toMatchObject({
    code: 0,
    stderr: 'Installing npm dependencies (node_modules is incomplete)…\n',
  });
});

test('a failed installation shows what npm said', async () => {
  const { at, setUp } = project();
  writeFileSync(
    at('package.json'),
    JSON.stringify({ name: 'scratch', dependencies: { gate: 'file:gate', other: '1.0.0' } }),
  );
  const { code, stderr } = await setUp();
  expect(code).toBe(1);
  expect(stderr).toContain('Missing: other@');
});
