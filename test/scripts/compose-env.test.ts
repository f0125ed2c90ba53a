import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { temporaryFolder } from './run-fixture.ts';

const script = join(projectFolder, 'scripts/compose-env.js');

const makeEnv = (cwd: string, args: string[] = [], env: Record<string, string> = {}) =>
  new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [script, ...args],
      { cwd, env: { ...process.env, ...env } },
      (error, _, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    );
  });

/** A socket is a file to it: only its group is asked. */
const socketOf = (folder: string) => ({ DOCKER_SOCKET: folder });
const readEnv = (folder: string) =>
  Object.fromEntries(
    readFileSync(join(folder, '.env'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => line.split('=') as [string, string]),
  );

test('.env has new passwords each time, the group of the socket, and is private', async () => {
  const [folder, other] = [temporaryFolder(), temporaryFolder()];
  const { code, stderr } = await makeEnv(folder, [], socketOf(folder));
  expect(stderr).toContain(`${folder}/.env is written`);
  expect(code).toBe(0);
  await makeEnv(other, [], socketOf(other));
  expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600);
  const env = readEnv(folder);
  expect(env).toMatchObject({ COMPOSE_PROFILES: 'containers', DOCKER_GID: `${statSync(folder).gid}` });
  for (const name of ['POSTGRES_PASSWORD', 'S3_SECRET_KEY']) {
    expect(env[name]).toMatch(/^[\w-]{32}$/);
    expect(readEnv(other)[name]).not.toBe(env[name]);
  }
});

test('the profile `processes` needs no socket and has none', async () => {
  const folder = temporaryFolder();
  expect((await makeEnv(folder, ['processes'], { DOCKER_SOCKET: '/nowhere' })).code).toBe(0);
  expect(readEnv(folder)).toMatchObject({ COMPOSE_PROFILES: 'processes' });
  expect(readFileSync(join(folder, '.env'), 'utf8')).not.toMatch(/^DOCKER/m);
});

test('what is wrong is refused with the reason, and an .env that is there stays', async () => {
  const folder = temporaryFolder();
  const wrong = await makeEnv(folder, ['both']);
  expect(wrong).toEqual({ code: 1, stderr: 'Jobs run in "containers" or "processes", not in "both".\n' });
  const missing = await makeEnv(folder, [], { DOCKER_SOCKET: '/nowhere' });
  expect(missing.stderr).toMatch(/^There is no Docker socket at \/nowhere: set DOCKER_SOCKET, or/);
  await makeEnv(folder, [], socketOf(folder));
  const before = readEnv(folder);
  const again = await makeEnv(folder, [], socketOf(folder));
  expect(again.stderr).toContain('is there already; edit it, or remove it together with the volumes.');
  expect(again.code).toBe(1);
  expect(readEnv(folder)).toEqual(before);
});
