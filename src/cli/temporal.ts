import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { readConfig } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { findServer } from './server/session.ts';

/** Runs the Temporal CLI with these arguments, against the running `sluice dev` unless something else is configured. */
export async function passToTemporal(args: readonly string[]): Promise<number> {
  const config = readConfig();
  if (config.temporalCli === null) {
    throw new SluiceError('EngineUnavailable', 'There is no Temporal CLI; `npm run setup` fetches it');
  }
  const server = findServer(config);
  const address = server === null || server.kind === 'configured' ? {} : { TEMPORAL_ADDRESS: server.address };
  const child = spawn(config.temporalCli, args, { stdio: 'inherit', env: { ...process.env, ...address } });
  // The terminal sends Ctrl-C to both; which of them ends is the Temporal CLI's to say.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
