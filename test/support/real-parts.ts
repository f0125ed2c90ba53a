import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

const moreFolders = [
  ...['/usr/sbin', '/usr/local/sbin', '/usr/lib/podman', '/usr/libexec/podman'],
  '/usr/share/docker.io/contrib',
];

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

/** Which of the programs are not there, in words; undefined if all are. */
export function missingPrograms(...names: string[]): string | undefined {
  const missing = names.filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `there is no ${missing.join(', no ')}`;
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
