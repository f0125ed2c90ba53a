import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, describe } from 'vitest';

export const dockerSocket = '/var/run/docker.sock';

const moreFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/lib/podman', '/usr/libexec/podman'];

/** A program of this machine; `sshd` and the like are in folders that few have on the PATH. */
export function findProgram(name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...moreFolders]
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Skips every test of the file, and says why, where there is no Docker engine or one of the programs is missing. CI promises
 * them (SLUICE_REQUIRE_DOCKER=1), and fails without. True if they are there.
 */
export function needsDockerAnd(...programs: string[]): boolean {
  const missing = [
    ...(existsSync(dockerSocket) ? [] : [`no Docker engine at ${dockerSocket}`]),
    ...programs.filter((name) => findProgram(name) === undefined).map((name) => `no ${name}`),
  ];
  if (missing.length === 0) return true;
  const reason = missing.join(', ');
  if (process.env.SLUICE_REQUIRE_DOCKER === '1') {
    throw new Error(`SLUICE_REQUIRE_DOCKER is set, but there is ${reason}`);
  }
  beforeEach(({ skip }) => skip(reason));
  return false;
}

/**
 * `describe` for tests that need something of the machine; `reason` says why it is not there. They are skipped with the reason
 * printed, or fail where CI promises it by the variable.
 */
export function describePart(what: string, variable: string, reason: string | undefined) {
  if (reason !== undefined) {
    if (process.env[variable] === '1') throw new Error(`${variable} is set, but ${reason}`);
    console.log(`Tests of ${what} are skipped: ${reason}`);
  }
  return describe.skipIf(reason !== undefined);
}
