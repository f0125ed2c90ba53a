import { readFile } from 'node:fs/promises';
import { readConfig } from '../config.ts';
import { parseJson } from '../core/json.ts';
import { parseWith } from '../core/problems.ts';
import { createEngineExecutor } from '../emulator/engine-executor.ts';
import { emulatorFileSchema, type EmulatorFile } from '../emulator/file.ts';
import { clientEnv, startEmulator } from '../emulator/start.ts';
import { plainError, usageError } from './errors.ts';
import { onInterrupt } from './interrupts.ts';
import { print, say } from './output.ts';

interface Options {
  port?: number;
  host?: string;
  script?: string;
  ledger?: string;
  speed?: number;
  account?: string;
  execute?: boolean;
}

/** Serves the emulator until Ctrl-C. */
export async function emulatorCommand(options: Options): Promise<number> {
  const { script, ledger, account, port, host, speed, execute = false } = options;
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw usageError('--port must be a number from 0 to 65535');
  if (speed !== undefined && !(speed >= 0)) throw usageError('--speed must be a number, 0 or more');
  if (account !== undefined && !/^\d{12}$/.test(account)) throw usageError('--account must be twelve digits');
  if (execute && speed !== undefined && speed !== 1)
    throw usageError(
      '--speed does not go with --execute: jobs that run for real take the time that they take',
    );
  const machine = execute ? await openMachine() : null;
  const stopped = new Promise<void>((resolve) => onInterrupt(() => resolve()));
  const server = await startEmulator({
    ...(script !== undefined && { file: await readScript(script) }),
    ...(ledger !== undefined && { ledgerFile: ledger }),
    ...(account !== undefined && { accountId: account }),
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(speed !== undefined && { speed }),
    ...(machine !== null && { executor: (clock, scripts) => createEngineExecutor(clock, scripts, machine) }),
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EADDRINUSE') throw cause;
    throw plainError(`Port ${port ?? 0} is taken; choose another one with --port`);
  });
  announce(server.endpoint);
  if (machine !== null)
    say(`Jobs are run by the ${machine.engineName} engine (${machine.reason}), in ${machine.folder}`);
  await stopped;
  say('The emulator ends, and forgets everything.');
  if (machine !== null) say(`Jobs that still run have ${machine.stopGraceSeconds} s to end.`);
  await server.close();
  return 0;
}

/** The worker's engines are loaded only for this. */
async function openMachine() {
  const { openMachine: open } = await import('./emulator-machine.ts');
  return open(readConfig());
}

async function readScript(path: string): Promise<EmulatorFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${path} cannot be read: ${error.message}`);
  });
  const parsed = parseJson(text);
  if (parsed.kind === 'invalid') throw usageError(`${path} is not valid: ${parsed.reason}`);
  return parseWith(path, emulatorFileSchema, parsed.value);
}

function announce(endpoint: string): void {
  const { AWS_ENDPOINT_URL_SAGEMAKER: url, ...others } = clientEnv(endpoint);
  const exports = Object.entries(others).map(([name, value]) => `  export ${name}=${value}`);
  print(
    [
      `SageMaker emulator at ${endpoint}: export AWS_ENDPOINT_URL_SAGEMAKER=${url ?? endpoint}`,
      'and, for a client that has no AWS configuration:',
      ...exports,
      `Admin API at ${endpoint}/_emulator/ (see docs/emulator.md). Ctrl-C ends it.`,
    ].join('\n'),
  );
}
