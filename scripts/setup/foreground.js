import { spawn } from 'node:child_process';

/** Runs a Node program in our place: it has the terminal, the signals, and its exit code is ours.
 * @param {string[]} args @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options @returns {Promise<number>} */
export function runInForeground(args, { cwd, env = process.env }) {
  const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit' });
  // The terminal sends Ctrl-C to the child as well, which knows what to do; the others come to us alone.
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  process.on('SIGINT', () => {});
  process.on('SIGTERM', forward);
  process.on('SIGHUP', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process
        .removeAllListeners('SIGINT')
        .removeListener('SIGTERM', forward)
        .removeListener('SIGHUP', forward);
      // Who waits for us learns that it was a signal.
      if (signal) process.kill(process.pid, signal);
      resolve(code ?? 1);
    });
  });
}
