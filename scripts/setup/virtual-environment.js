import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run } from './command.js';
import { readIfThere, writeWhole } from './files.js';
import { fetchUv, findUv, isThere, pipOf, pipSettings, pythonIn, uvEnv, uvFor } from './installers.js';
import { pythonEnv } from './interpreter.js';

/** @typedef {import('./context.js').Context} Context */
/** @typedef {import('./interpreter.js').Interpreter} Interpreter */

const READY = '.sluice-ready';

/** Whether a virtual environment was made to its end. @param {string} folder */
export const isReady = (folder) => isThere(folder) && readIfThere(join(folder, READY)) !== undefined;

/** Makes a virtual environment by the first way that works: uv, Python's own venv with pip, uv fetched with pip.
 * @param {Context} context @param {Interpreter} interpreter @param {string} folder @param {string[]} packages as pip takes them
 * @param {string} imports a line of Python that needs them @returns {Promise<string[]>} why each way failed; none, if one did not */
export async function makeVirtualEnvironment(context, interpreter, folder, packages, imports) {
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
      await installer.install(packages);
      await run(pythonIn(folder), ['-I', '-c', imports], {
        env: pythonEnv(context.env),
        timeoutSeconds: 300,
      });
      writeWhole(join(folder, READY), `${interpreter.path}\n`);
      return [];
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      failures.push(error.message);
      // uv would be fetched with pip: where pip gets nothing, there is nothing to try.
      if (isPipThere) break;
    }
  }
  return failures;
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
