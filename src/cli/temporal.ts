import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { readConfig } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { hostFiles } from './host/files.ts';
import { runningHost } from './host/record.ts';
import { configuredServer } from '../temporal/settings.ts';

/** Runs the Temporal CLI in our place, with the address of the server of this `.sluice/`. @returns its exit code. */
export async function passToTemporal(args: readonly string[]): Promise<number> {
  const config = readConfig();
  if (config.temporalCli === null) {
    throw new SluiceError(
      'EngineUnavailable',
      'There is no Temporal CLI; `npm run setup` fetches it, or set TEMPORAL_CLI_PATH',
    );
  }
  const host = configuredServer() === null ? runningHost(hostFiles(config.home)) : null;
  const child = spawn(config.temporalCli, args, {
    stdio: 'inherit',
    env: { ...process.env, ...(host && { TEMPORAL_ADDRESS: host.address }) },
  });
  // Ctrl-C reaches it from the terminal as well; it decides what that means.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
