import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder, type Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { probeIsolation } from '../../engines/process/isolation.ts';
import { configuredServer } from '../../temporal/settings.ts';
import { createLocalEngines } from '../../machine.ts';
import { lastLine, type Check } from './check.ts';

const run = promisify(execFile);

/** What a worker needs of this machine. */
export async function checkMachine(config: Config): Promise<Check[]> {
  return [
    checkNode(),
    checkBuild(),
    await checkPython(config),
    ...checkFrameworks(config),
    await checkTemporalCli(config),
    await checkContainerEngine(config),
    await checkIsolation(config),
    await checkStorage(config),
  ];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  const found = { what: 'Node', said: process.version };
  return fits ? { ...found, state: 'ok' } : { ...found, state: 'failure', todo: 'install 20.19 or newer' };
}

/** That this runs shows that the dependencies are there; the worker also needs the bundle. */
function checkBuild(): Check {
  const what = 'build';
  const bundle = join(projectFolder, 'dist', 'workflow-bundle.js');
  return existsSync(bundle)
    ? { what, state: 'ok', said: dirname(bundle) }
    : { what, state: 'failure', said: `${bundle} is not there`, todo: '`npm run build` makes it' };
}

/** Whether jobs of runs are processes of this machine, or may be. */
const usesProcesses = ({ localEngine, queues }: Config) => localEngine !== 'container' && queues.local;
const unusedHere = 'not needed: this worker runs no jobs as processes';

async function checkPython(config: Config): Promise<Check> {
  const what = 'Python environment';
  if (!config.queues.local) return { what, state: 'note', said: unusedHere };
  const { python } = config;
  if (python === null)
    return { what, state: 'failure', said: 'not made yet', todo: '`npm run setup` makes it' };
  // Supervisors of containers are in Python, too, without scikit-learn.
  const script = usesProcesses(config)
    ? 'import sys, sklearn; print(sys.version.split()[0], "scikit-learn", sklearn.__version__)'
    : 'import sys; print(sys.version.split()[0])';
  try {
    const { stdout } = await run(python, ['-c', script]);
    return { what, state: 'ok', said: `${stdout.trim()} (${python})` };
  } catch (error) {
    const said = `${python} does not work (${lastLine(error)})`;
    return { what, state: 'failure', said, todo: '`npm run setup` repairs it' };
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
  // It is for the server that `sluice run` and `sluice dev` start, and for `sluice temporal`.
  if (temporalCli === null) {
    const said = 'not found';
    return configuredServer() === null
      ? { what, state: 'failure', said, todo: '`npm run setup` fetches it' }
      : { what, state: 'note', said: `${said}; \`sluice temporal\` needs one, no worker does` };
  }
  try {
    const { stdout } = await run(temporalCli, ['--version']);
    return { what, state: 'ok', said: `${stdout.trim()} (${temporalCli})` };
  } catch (error) {
    const said = `${temporalCli} does not run: ${lastLine(error)}`;
    return {
      what,
      state: 'failure',
      said,
      todo: 'name another one by TEMPORAL_CLI_PATH, or `npm run setup`',
    };
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
    return isWanted
      ? {
          what,
          state: 'failure',
          said: error.message,
          todo: 'with SLUICE_LOCAL_ENGINE=process local jobs run as processes',
        }
      : { what, state: 'note', said: `${error.message}; local jobs run as processes` };
  }
}

async function checkIsolation(config: Config): Promise<Check> {
  const what = 'process isolation';
  const { python, isolation } = config;
  if (!usesProcesses(config)) return { what, state: 'note', said: unusedHere };
  if (isolation === 'none') return { what, state: 'note', said: 'none, by SLUICE_PROCESS_ISOLATION' };
  if (python === null)
    return { what, state: 'failure', said: 'cannot be tried without Python', todo: '`npm run setup`' };
  const probe = await probeIsolation(python);
  if (probe.available) return { what, state: 'ok', said: 'namespaces: jobs see their folder at /opt/ml' };
  const said = `none: ${probe.reason}; scripts find their folder by SM_* and SAGEMAKER_BASE_DIR`;
  return isolation === 'namespaces'
    ? { what, state: 'failure', said, todo: 'allow namespaces, or set SLUICE_PROCESS_ISOLATION=auto' }
    : { what, state: 'note', said };
}

/** The least that a run with a small model needs. */
const littleSpace = 1e9;

async function checkStorage({ storageFolder }: Config): Promise<Check> {
  const what = 'storage';
  try {
    // Made by the first run, in the nearest folder that is there.
    const folder = nearestFolder(storageFolder);
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const said = `${storageFolder}, ${((bavail * bsize) / 1e9).toFixed(1)} GB free`;
    return bavail * bsize >= littleSpace
      ? { what, state: 'ok', said }
      : { what, state: 'warning', said, todo: '`sluice clean` removes what no run needs' };
  } catch (error) {
    const said = `${storageFolder} cannot be written: ${lastLine(error)}`;
    return { what, state: 'failure', said, todo: 'give this user the permission, or set SLUICE_STORAGE' };
  }
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}
