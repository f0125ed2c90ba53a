import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache.js';
import { SetupError } from './errors.js';
import { readIfThere, writeWhole } from './files.js';
import { pythonIn } from './installers.js';
import { findInterpreter } from './interpreter.js';
import { withLock } from './lock.js';
import { step } from './progress.js';
import { readEnvironment, recordEnvironment } from './toolchain.js';
import { isReady, makeVirtualEnvironment } from './virtual-environment.js';

/** @typedef {import('./context.js').Context} Context */
/** @typedef {import('./interpreter.js').Interpreter} Interpreter */

/** A virtual environment with the libraries of a framework image. `sklearn` is what `npm run setup` makes and the supervisors run
 * with; others are made when somebody asks for them by name.
 * @param {string} framework @returns {import('./context.js').Part} */
export function frameworkPython(framework) {
  return {
    isDone(context) {
      const { python: path, requirements } = readEnvironment(context, framework);
      if (!path || !requirements) return false;
      const asked = request(context, framework, requirements);
      return readIfThere(requestFile(context, framework)) === asked && isReady(dirname(dirname(path)));
    },
    async make(context) {
      const { newestPython } = readFramework(context, framework);
      const interpreter = await findInterpreter(context, Number(newestPython.split('.')[1]));
      const { folder, requirements } = await environmentFor(context, framework, interpreter);
      const made = { python: pythonIn(folder), requirements, pythonVersion: interpreter.version };
      recordEnvironment(context, framework, made);
      writeWhole(requestFile(context, framework), request(context, framework, requirements));
    },
  };
}

/** Makes it, unless it is there. @param {Context} context @param {string} framework @param {Interpreter} interpreter */
export async function environmentFor(context, framework, interpreter) {
  const requirements = interpreter.minor <= 11 ? 'requirements.txt' : 'requirements-py312.txt';
  const folder = environmentFolder(context, interpreter, framework, requirements);
  if (!isReady(folder)) {
    await withLock(`${folder}.lock`, context.say, async () => {
      const what =
        framework === 'sklearn' ? 'the Python environment' : `the Python environment of ${framework}`;
      const why = `Python ${interpreter.version}, ${requirements}; in ${folder}, once for all projects`;
      const file = join(frameworkFolder(context, framework), requirements);
      const { imports } = readFramework(context, framework);
      const make = () => makeEnvironment(context, interpreter, folder, file, `import ${imports.join(', ')}`);
      if (!isReady(folder)) await step(context, `Making ${what}`, why, make);
    });
  }
  return { folder, requirements };
}

/** @param {Context} context @param {string} framework */
const frameworkFolder = ({ root }, framework) => join(root, 'images', framework);

/** @param {Context} context @param {string} framework @param {string} file */
function readFile(context, framework, file) {
  const path = join(frameworkFolder(context, framework), file);
  const text = readIfThere(path);
  if (text === undefined)
    throw new SetupError(`${path} is missing: is this a whole copy of the project? Clone it again.`);
  return text;
}

/** @param {Context} context @param {string} framework @returns {{ imports: string[], newestPython: string }} */
const readFramework = (context, framework) => JSON.parse(readFile(context, framework, 'framework.json'));

/** @param {Context} context @param {string} framework */
const requestFile = ({ root }, framework) =>
  join(root, '.sluice', framework === 'sklearn' ? 'python-request' : `python-request-${framework}`);
/** What the recorded environment was the answer to.
 * @param {Context} context @param {string} framework @param {string} requirements */
const request = (context, framework, requirements) =>
  hash(context.env.SLUICE_PYTHON_BASE ?? '', readFile(context, framework, requirements));
/** @param {string[]} texts */
const hash = (...texts) => createHash('sha256').update(texts.join('\0')).digest('hex');

/** @param {Context} context @param {Interpreter} interpreter @param {string} framework @param {string} requirements */
function environmentFolder(context, { path, minor }, framework, requirements) {
  const key = hash(readFile(context, framework, requirements), path).slice(0, 12);
  return join(cacheFolder(context.env), 'python', `3.${minor}-${process.platform}-${process.arch}-${key}`);
}

/** @param {Context} context @param {Interpreter} interpreter @param {string} folder @param {string} file @param {string} imports */
async function makeEnvironment(context, interpreter, folder, file, imports) {
  const failures = await makeVirtualEnvironment(context, interpreter, folder, ['-r', file], imports);
  if (failures.length === 0) return;
  throw new SetupError(
    `The Python environment could not be made for ${interpreter.path} from ${file}:\n` +
      `${failures.map((line) => `  ${line}\n`).join('')}` +
      'If venv or ensurepip is missing, install it ("apt install python3-venv" on Debian and Ubuntu) or uv. If the package index cannot\n' +
      'be reached: pip and uv use the one that you configured (pip.conf, PIP_INDEX_URL, UV_DEFAULT_INDEX). Then start again.',
  );
}
