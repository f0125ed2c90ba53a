import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '../../src/config.ts';

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end, whatever that is. An `undefined` takes a variable away. */
export function command(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(file, args, { env: { ...process.env, ...env }, maxBuffer: 1024 ** 3 }, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      }),
    );
  });
}

/** {@link command} that has to succeed. */
export async function commandDone(file: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await command(file, args);
  if (code !== 0) throw new Error(stderr);
}

/** The built `sluice`. */
export const sluice = (args: readonly string[], env: Readonly<Record<string, string | undefined>>) =>
  command(process.execPath, [join(projectFolder, 'dist', 'cli.js'), ...args], env);
