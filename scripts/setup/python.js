import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache.js';
import { SetupError } from './errors.js';
import { readIfThere, writeWhole } from './files.js';
import { pythonIn } from './installers.js';
import { findInterpreter } from './interpreter.js';
import { withLock } from './lock.js';
import { step } from './progress.js';
import { readToolchain, recordTool } from './toolchain.js';
import { isReady, makeVirtualEnvironment } from './virtual-environment.js';

/** @typedef {import('./context.js').Context} Context */
/** @typedef {import('./interpreter.js').Interpreter} Interpreter */

const IMPORTS = 'import sklearn, pandas, joblib';

/** A virtual environment with the libraries of the sklearn framework image. @type {import('./context.js').Part} */
export const python = {
  isDone(context) {
    const { python: path, requirements } = readToolchain(context);
    if (!path || !requirements || readIfThere(requestFile(context)) !== request(context, requirements))
      return false;
    const folder = dirname(dirname(path));
    return isReady(folder);
  },
  async make(context) {
    const interpreter = await findInterpreter(context);
    const requirements = interpreter.minor <= 11 ? 'requirements.txt' : 'requirements-py312.txt';
    const folder = environmentFolder(context, interpreter, requirements);
    if (!isReady(folder)) {
      await withLock(`${folder}.lock`, context.say, async () => {
        const why = `Python ${interpreter.version}, ${requirements}; in ${folder}, once for all projects`;
        const make = () => makeEnvironment(context, interpreter, requirements, folder);
        if (!isReady(folder)) await step(context, 'Making the Python environment', why, make);
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

/** @param {Context} context @param {Interpreter} interpreter @param {string} requirements @param {string} folder */
async function makeEnvironment(context, interpreter, requirements, folder) {
  const file = join(context.root, 'images', 'sklearn', requirements);
  const failures = await makeVirtualEnvironment(context, interpreter, folder, ['-r', file], IMPORTS);
  if (failures.length === 0) return;
  throw new SetupError(
    `The Python environment could not be made for ${interpreter.path} from ${file}:\n` +
      `${failures.map((line) => `  ${line}\n`).join('')}` +
      'If venv or ensurepip is missing, install it ("apt install python3-venv" on Debian and Ubuntu) or uv. If the package index cannot\n' +
      'be reached: pip and uv use the one that you configured (pip.conf, PIP_INDEX_URL, UV_DEFAULT_INDEX). Then start again.',
  );
}
