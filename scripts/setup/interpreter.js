import { realpathSync } from 'node:fs';
import { run } from './command.js';
import { SetupError } from './errors.js';
import { findOnPath } from './files.js';

/** @typedef {import('./context.js').Context} Context */
/** A Python that is there. `path` is the real file: no shim, no virtual environment.
 * @typedef {{ path: string, version: string, minor: number }} Interpreter */

const OLDEST_MINOR = 9;
const NEWEST_MINOR = 13;
const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.9', 'python'];
const ASK = `import json, sys
print(json.dumps([getattr(sys, "_base_executable", None) or sys.executable, list(sys.version_info[:3])]))`;

/** The first Python that the pinned libraries support.
 * @param {Context} context @param {number} [newestMinor] @returns {Promise<Interpreter>} */
export async function findInterpreter({ env }, newestMinor = NEWEST_MINOR) {
  const asked = env.SLUICE_PYTHON_BASE;
  /** @type {string[]} */
  const seen = [];
  for (const name of asked ? [asked] : CANDIDATES) {
    const found = await ask(name, env);
    if (!found) seen.push(`${name}: not there, or it does not start`);
    else if (!isSupported(found, newestMinor)) seen.push(`${name}: Python ${found.version} at ${found.path}`);
    else return found;
  }
  throw new SetupError(
    `No usable Python was found: Sluice needs 3.${OLDEST_MINOR} to 3.${newestMinor} (the pinned libraries have wheels for those).\n` +
      `${seen.map((line) => `  ${line}\n`).join('')}` +
      `${asked ? 'SLUICE_PYTHON_BASE names it: correct that, or unset it to search the PATH.' : remedy()}`,
  );
}

function remedy() {
  const install =
    process.platform === 'darwin' ? '"brew install python@3.12"' : '"apt install python3 python3-venv"';
  return `Install one (such as ${install}), or name one that is not on the PATH with SLUICE_PYTHON_BASE.`;
}

/** @param {Interpreter} interpreter @param {number} newestMinor */
function isSupported({ version, minor }, newestMinor) {
  return version.startsWith('3.') && minor >= OLDEST_MINOR && minor <= newestMinor;
}

/** @param {string} name @param {NodeJS.ProcessEnv} env @returns {Promise<Interpreter | undefined>} */
async function ask(name, env) {
  const command = name.includes('/') ? name : findOnPath(name, env);
  if (!command) return undefined;
  try {
    const answer = await run(command, ['-I', '-c', ASK], { env: pythonEnv(env), timeoutSeconds: 20 });
    const [path, version] = JSON.parse(answer);
    return { path: realpathSync(path), version: version.join('.'), minor: version[1] };
  } catch {
    // A shim without a Python behind it, or a Python 2: not a candidate.
    return undefined;
  }
}

/** The user's environment without what would lead Python or pip elsewhere.
 * @param {NodeJS.ProcessEnv} env @returns {NodeJS.ProcessEnv} */
export function pythonEnv(env) {
  /** @type {NodeJS.ProcessEnv} */
  const clean = {
    ...env,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
  };
  const misleading = ['PYTHONHOME', 'PYTHONPATH', 'VIRTUAL_ENV', 'CONDA_PREFIX', '__PYVENV_LAUNCHER__'];
  const elsewhere = [
    'PIP_USER',
    'PIP_TARGET',
    'PIP_PREFIX',
    'PIP_ROOT',
    'PIP_PYTHON',
    'PIP_REQUIRE_VIRTUALENV',
  ];
  for (const name of [...misleading, ...elsewhere]) delete clean[name];
  return clean;
}
