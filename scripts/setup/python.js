import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache.js';
import { CommandFailed, run } from './command.js';
import { SetupError } from './errors.js';
import { readIfThere, writeWhole } from './files.js';
import { fetchUv, findUv, isThere, pipOf, pipSettings, pythonIn, uvEnv, uvFor } from './installers.js';
import { findInterpreter, pythonEnv } from './interpreter.js';
import { withLock } from './lock.js';
import { step } from './progress.js';
import { readToolchain, recordTool } from './toolchain.js';

/** @typedef {import('./context.js').Context} Context */
/** @typedef {import('./interpreter.js').Interpreter} Interpreter */

const READY = '.sluice-ready';
const IMPORTS = 'import sklearn, pandas, joblib';

/** A virtual environment with the libraries of the sklearn framework image. @type {import('./context.js').Part} */
export const python = {
  isDone(context) {
    const { python: path, requirements } = readToolchain(context);
    if (!path || !requirements || readIfThere(requestFile(context)) !== request(context, requirements))
      return false;
    const folder = dirname(dirname(path));
    return isThere(folder) && readIfThere(join(folder, READY)) !== undefined;
  },
  async make(context) {
    const interpreter = await findInterpreter(context);
    const requirements = interpreter.minor <= 11 ? 'requirements.txt' : 'requirements-py312.txt';
    const folder = environmentFolder(context, interpreter, requirements);
    const isReady = () => isThere(folder) && readIfThere(join(folder, READY)) !== undefined;
    if (!isReady()) {
      await withLock(`${folder}.lock`, context.say, async () => {
        const why = `Python ${interpreter.version}, ${requirements}; in ${folder}, once for all projects`;
        const make = () => makeEnvironment(context, interpreter, requirements, folder);
        if (!isReady()) await step(context, 'Making the Python environment', why, make);
      });
    }
    recordTool(context, { python: pythonIn(folder), requirements, pythonVersion: interpreter.version });
    writeWhole(requestFile(context), request(context, requirements));
  },
};

/** @param {Context} context @param {string} requirements */
function readRequirements({ root }, requirements) {
  const path = join(root, 'images', 'sklearn', requirements);
  const text = readIfThere(path);
  if (text === undefined)
    throw new SetupError(`${path} is missing: is this a whole copy of the project? Clone it again.`);
  return text;
}

/** @param {Context} context */
const requestFile = ({ root }) => join(root, '.sluice', 'python-request');
/** What the recorded environment was the answer to. @param {Context} context @param {string} requirements */
const request = (context, requirements) =>
  hash(context.env.SLUICE_PYTHON_BASE ?? '', readRequirements(context, requirements));
/** @param {string[]} texts */
const hash = (...texts) => createHash('sha256').update(texts.join('\0')).digest('hex');

/** @param {Context} context @param {Interpreter} interpreter @param {string} requirements */
function environmentFolder(context, { path, minor }, requirements) {
  const key = hash(readRequirements(context, requirements), path).slice(0, 12);
  return join(cacheFolder(context.env), 'python', `3.${minor}-${process.platform}-${process.arch}-${key}`);
}

/** By the first way that works: uv, Python's own venv with pip, uv fetched with pip.
 * @param {Context} context @param {Interpreter} interpreter @param {string} requirements @param {string} folder */
async function makeEnvironment(context, interpreter, requirements, folder) {
  const file = join(context.root, 'images', 'sklearn', requirements);
  const { uv, venv, fetchedUv } = waysToMake(context, interpreter.path, folder);
  /** @type {string[]} */
  const failures = [];
  for (const way of findUv(context) ? [uv, venv] : [venv, fetchedUv]) {
    // What an interrupted set-up or a failed way left is not to be trusted.
    rmSync(folder, { recursive: true, force: true });
    let isPipThere = false;
    try {
      const installer = await way();
      isPipThere = way === venv;
      await installer.install(['-r', file]);
      await run(pythonIn(folder), ['-I', '-c', IMPORTS], {
        env: pythonEnv(context.env),
        timeoutSeconds: 300,
      });
      writeWhole(join(folder, READY), `${interpreter.path}\n`);
      return;
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      failures.push(error.message);
      // uv would be fetched with pip: where pip gets nothing, there is nothing to try.
      if (isPipThere) break;
    }
  }
  throw new SetupError(
    `The Python environment could not be made for ${interpreter.path} from ${file}:\n` +
      `${failures.map((line) => `  ${line}\n`).join('')}` +
      'If venv or ensurepip is missing, install it ("apt install python3-venv" on Debian and Ubuntu) or uv. If the package index cannot\n' +
      'be reached: pip and uv use the one that you configured (pip.conf, PIP_INDEX_URL, UV_DEFAULT_INDEX). Then start again.',
  );
}

/** @param {Context} context @param {string} base the interpreter @param {string} folder */
function waysToMake(context, base, folder) {
  const withUv = async (/** @type {string} */ command, /** @type {NodeJS.ProcessEnv} */ env) => {
    await run(command, ['venv', '--quiet', '--python', base, folder], {
      env: uvEnv(env),
      timeoutSeconds: 120,
    });
    return uvFor(env, command, pythonIn(folder));
  };
  return {
    uv: () => withUv(findUv(context) ?? 'uv', context.env),
    async venv() {
      await run(base, ['-I', '-m', 'venv', folder], { env: pythonEnv(context.env), timeoutSeconds: 120 });
      return pipOf(context.env, pythonIn(folder));
    },
    fetchedUv: async () =>
      withUv(await fetchUv(context, base), { ...(await pipSettings(context.env, base)), ...context.env }),
  };
}
