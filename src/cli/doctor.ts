import { execFile } from 'node:child_process';
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { readConfig, type Config } from '../config.ts';
import { searchAttributes } from '../core/run.ts';
import { probeIsolation } from '../engines/process/isolation.ts';
import { alignColumns, megabytes, print } from './output.ts';
import { hasWorker } from './run/follow.ts';
import { findSession, type Session } from './server/session.ts';

const run = promisify(execFile);

interface Check {
  what: string;
  state: 'ok' | 'missing' | 'note';
  said: string;
}

/** What is there, what is missing, and what to do. Starts nothing. */
export async function doctorCommand(): Promise<number> {
  const config = readConfig();
  const checks = [
    checkNode(),
    await checkPython(config),
    await checkTemporalCli(config),
    await checkIsolation(config),
    await checkStorage(config),
    ...(await checkServer(config)),
  ];
  print(alignColumns(checks.map(({ what, state, said }) => [state, what, said])).join('\n'));
  return checks.some(({ state }) => state === 'missing') ? 1 : 0;
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  return {
    what: 'Node',
    state: fits ? 'ok' : 'missing',
    said: `${process.version}${fits ? '' : '; 20.19 or newer is needed'}`,
  };
}

async function checkPython({ python }: Config): Promise<Check> {
  const what = 'Python environment';
  if (python === null) return { what, state: 'missing', said: 'not made yet; `npm run setup` makes it' };
  const script = 'import sys, sklearn; print(sys.version.split()[0], "scikit-learn", sklearn.__version__)';
  try {
    const { stdout } = await run(python, ['-c', script]);
    return { what, state: 'ok', said: `${stdout.trim()} (${python})` };
  } catch (error) {
    return {
      what,
      state: 'missing',
      said: `${python} does not work (${lastLine(error)}); \`npm run setup\` repairs it`,
    };
  }
}

async function checkTemporalCli({ temporalCli }: Config): Promise<Check> {
  const what = 'Temporal CLI';
  if (temporalCli === null) return { what, state: 'missing', said: 'not found; `npm run setup` fetches it' };
  try {
    const { stdout } = await run(temporalCli, ['--version']);
    return { what, state: 'ok', said: `${stdout.trim()} (${temporalCli})` };
  } catch (error) {
    return { what, state: 'missing', said: `${temporalCli} does not run: ${lastLine(error)}` };
  }
}

async function checkIsolation({ python, isolation }: Config): Promise<Check> {
  const what = 'process isolation';
  if (isolation === 'none') return { what, state: 'note', said: 'none, by SLUICE_PROCESS_ISOLATION' };
  if (python === null) return { what, state: 'missing', said: 'cannot be tried without Python' };
  const probe = await probeIsolation(python);
  if (probe.available) return { what, state: 'ok', said: 'namespaces: jobs see their folder at /opt/ml' };
  const state = isolation === 'namespaces' ? 'missing' : 'note';
  return {
    what,
    state,
    said: `none: ${probe.reason}; scripts find their folder by SM_* and SAGEMAKER_BASE_DIR`,
  };
}

async function checkStorage({ storageFolder }: Config): Promise<Check> {
  const what = 'storage';
  try {
    await mkdir(storageFolder, { recursive: true });
    await access(storageFolder, constants.W_OK);
    const { bavail, bsize } = await statfs(storageFolder);
    return { what, state: 'ok', said: `${storageFolder}, ${megabytes(bavail * bsize)} free` };
  } catch (error) {
    return { what, state: 'missing', said: `${storageFolder} cannot be written: ${lastLine(error)}` };
  }
}

async function checkServer(config: Config): Promise<Check[]> {
  const what = 'Temporal server';
  try {
    const session = await findSession(config);
    if (session === null) {
      return [
        {
          what,
          state: 'note',
          said: 'none runs; `sluice run` starts one for itself, `sluice dev` one that stays',
        },
      ];
    }
    try {
      return [
        { what, state: 'ok', said: `${session.server.address} (${session.server.kind})` },
        ...(await checkNamespace(config, session)),
      ];
    } finally {
      await session.close();
    }
  } catch (error) {
    return [{ what, state: 'missing', said: `${lastLine(error)}; start it, or unset TEMPORAL_ADDRESS` }];
  }
}

async function checkNamespace({ taskQueue }: Config, { client, server }: Session): Promise<Check[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
    namespace: server.namespace,
  });
  const missing = Object.values(searchAttributes).filter((name) => !Object.hasOwn(customAttributes, name));
  const worker = await hasWorker(client, server.namespace, taskQueue);
  return [
    missing.length === 0
      ? { what: 'search attributes', state: 'ok', said: Object.values(searchAttributes).join(', ') }
      : {
          what: 'search attributes',
          state: 'note',
          said: `${missing.join(', ')} not registered; runs go without them`,
        },
    worker
      ? { what: 'worker', state: 'ok', said: `polls the queue ${taskQueue}` }
      : {
          what: 'worker',
          state: 'missing',
          said: `none polls the queue ${taskQueue}; start one with \`sluice worker\``,
        },
  ];
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
