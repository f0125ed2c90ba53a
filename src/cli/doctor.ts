import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder, readConfig, type Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { searchAttributeTypes } from '../core/run.ts';
import { probeIsolation } from '../engines/process/isolation.ts';
import { createLocalEngines } from '../worker.ts';
import { attributeState } from '../temporal/search-attributes.ts';
import { alignColumns, print } from './output.ts';
import { hasWorker } from './run/workers.ts';
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
    checkBuild(),
    await checkPython(config),
    ...checkFrameworks(config),
    await checkTemporalCli(config),
    await checkContainerEngine(config),
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

/** That this runs shows that the dependencies are there; the worker also needs the bundle. */
function checkBuild(): Check {
  const what = 'build';
  const bundle = join(projectFolder, 'dist', 'workflow-bundle.js');
  return existsSync(bundle)
    ? { what, state: 'ok', said: dirname(bundle) }
    : { what, state: 'missing', said: `${bundle} is not there; \`npm run build\` makes it` };
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

/** Frameworks that `npm run setup` makes when it is asked to. */
function checkFrameworks({ frameworkPythons }: Config): Check[] {
  return Object.entries(frameworkPythons).map(([framework, python]) => ({
    what: `Python with ${framework}`,
    state: python === null ? 'note' : 'ok',
    said: python ?? `not made; \`npm run setup -- ${framework}\` makes it. Containers need none`,
  }));
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

async function checkContainerEngine(config: Config): Promise<Check> {
  const what = 'container engine';
  if (config.localEngine === 'process')
    return { what, state: 'note', said: 'not used, by SLUICE_LOCAL_ENGINE' };
  try {
    const found = await createLocalEngines(config).findContainerEngine();
    return { what, state: 'ok', said: `${found}: local jobs run in containers` };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const isWanted = config.localEngine === 'container' || error.code !== 'EngineUnavailable';
    return {
      what,
      state: isWanted ? 'missing' : 'note',
      said: `${error.message}; local jobs run as processes${isWanted ? ' with SLUICE_LOCAL_ENGINE=process' : ''}`,
    };
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
    // Made by the first run, in the nearest folder that is there.
    const folder = nearestFolder(storageFolder);
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const gigabytes = ((bavail * bsize) / 1e9).toFixed(1);
    return { what, state: 'ok', said: `${storageFolder}, ${gigabytes} GB free` };
  } catch (error) {
    return { what, state: 'missing', said: `${storageFolder} cannot be written: ${lastLine(error)}` };
  }
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

async function checkServer(config: Config): Promise<Check[]> {
  const what = 'Temporal server';
  let session: Session | null;
  try {
    session = await findSession(config);
  } catch (error) {
    return [{ what, state: 'missing', said: `${lastLine(error)}; start it, or unset TEMPORAL_ADDRESS` }];
  }
  if (session === null) {
    const said = 'none runs; `sluice run` starts one for itself, `sluice dev` one that stays';
    return [{ what, state: 'note', said }];
  }
  const { address, kind, namespace } = session.server;
  const found = {
    configured: 'TEMPORAL_ADDRESS or profile',
    dev: '`sluice dev`',
    embedded: 'of a `sluice run`',
  };
  try {
    return [
      { what, state: 'ok', said: `${address}, namespace ${namespace} (${found[kind]})` },
      await checkSearchAttributes(session),
      await checkWorker(config, session),
    ];
  } finally {
    await session.close();
  }
}

async function checkSearchAttributes({ client, server: { namespace } }: Session): Promise<Check> {
  const what = 'search attributes';
  try {
    const { missing, mistyped } = await attributeState(client.connection, namespace);
    const unfit = [...missing, ...mistyped];
    if (unfit.length === 0) return { what, state: 'ok', said: Object.keys(searchAttributeTypes).join(', ') };
    const said = `${unfit.join(', ')} not registered; runs go without them until \`sluice setup\` registers them`;
    return { what, state: 'note', said };
  } catch (error) {
    return {
      what,
      state: 'note',
      said: `cannot be asked for here (${lastLine(error)}); runs go without them`,
    };
  }
}

async function checkWorker({ taskQueue }: Config, { client, server }: Session): Promise<Check> {
  const what = 'worker';
  try {
    if (await hasWorker(client, server.namespace, taskQueue))
      return { what, state: 'ok', said: `polls the queue ${taskQueue}` };
    return {
      what,
      state: 'missing',
      said: `none polls the queue ${taskQueue}; start one with \`sluice worker\``,
    };
  } catch (error) {
    return { what, state: 'missing', said: `the queue ${taskQueue} cannot be looked at: ${lastLine(error)}` };
  }
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
