import { spawn } from 'node:child_process';

// The command dies with us, whatever kills us: the pipe on descriptor 3 closes, and the process group goes.
// An orphaned "npm ci" would go on writing into what the next set-up repairs.
const LEASH = '(cat <&3; kill -KILL -$$) >/dev/null 2>&1 & exec "$@" 3<&-';

const ENDS = 6;

/** @typedef {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutSeconds?: number }} CommandOptions */

/** A command that did not end with exit code 0; `output` is all that it wrote. */
export class CommandFailed extends Error {
  name = 'CommandFailed';
  /** @param {string} what @param {string} output */
  constructor(what, output) {
    super(`${what}${excerpt(output)}`);
    this.output = output;
  }
}

/** Runs a command to its end and returns its standard output, trimmed.
 * @param {string} command @param {string[]} args @param {CommandOptions} [options] @returns {Promise<string>} */
export function run(command, args, { env = process.env, cwd, timeoutSeconds } = {}) {
  const child = spawn('/bin/sh', ['-c', LEASH, 'sh', command, ...args], {
    env,
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const leash = /** @type {import('node:net').Socket} */ (child.stdio[3]);
  leash.on('error', () => {});
  let stdout = '';
  let output = '';
  let timedOut = false;
  const timer =
    timeoutSeconds && setTimeout(() => ((timedOut = true), leash.destroy()), timeoutSeconds * 1000);
  child.stdout?.setEncoding('utf8').on('data', (text) => ((stdout += text), (output += text)));
  child.stderr?.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => leash.destroy());
    child.on('close', (code, signal) => {
      clearTimeout(timer || undefined);
      const name = [command, ...args.slice(0, 3)].join(' ');
      if (timedOut) reject(new CommandFailed(`${name} took longer than ${timeoutSeconds} s`, output));
      else if (code === 0) resolve(stdout.trim());
      else reject(new CommandFailed(`${name} ended with ${signal ?? `exit code ${code}`}`, output));
    });
  });
}

/** Programs put the reason first (npm) or last (Python). @param {string} output */
function excerpt(output) {
  const lines = output
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '');
  const shown = lines.length <= 2 * ENDS ? lines : [...lines.slice(0, ENDS), '…', ...lines.slice(-ENDS)];
  return shown.length === 0 ? '' : `:\n${shown.map((line) => `    ${line.trimEnd()}`).join('\n')}`;
}
