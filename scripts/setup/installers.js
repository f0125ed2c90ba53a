import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache.js';
import { run } from './command.js';
import { findOnPath, isExecutable } from './files.js';
import { pythonEnv } from './interpreter.js';

/** @typedef {import('./context.js').Context} Context */
/** Installs Python packages: pip or uv, with the package index as its user configured it.
 * @typedef {{ name: string, install(args: string[], timeoutSeconds?: number): Promise<unknown> }} Installer */

const UV_VERSION = '0.13.9';
const TIME_LIMIT_SECONDS = 1200;
// Wheels only: nothing is compiled, so nothing needs a compiler.
const WHEELS_ONLY = ['--only-binary', ':all:'];
// pip's name of a setting, and uv's; uv does not read pip's.
const SETTINGS = [
  ['PIP_INDEX_URL', 'UV_DEFAULT_INDEX'],
  ['PIP_EXTRA_INDEX_URL', 'UV_INDEX'],
  ['PIP_FIND_LINKS', 'UV_FIND_LINKS'],
  ['PIP_NO_INDEX', 'UV_NO_INDEX'],
  ['PIP_CERT', 'SSL_CERT_FILE'],
];

/** @param {NodeJS.ProcessEnv} env @param {string} python @returns {Installer} */
export function pipOf(env, python) {
  const first = ['-I', '-m', 'pip', 'install', '--quiet', '--progress-bar', 'off', ...WHEELS_ONLY];
  return {
    name: `pip of ${python}`,
    install: (args, timeoutSeconds = TIME_LIMIT_SECONDS) =>
      run(python, [...first, ...args], {
        env: { PIP_RETRIES: '2', PIP_TIMEOUT: '30', ...pythonEnv(env) },
        timeoutSeconds,
      }),
  };
}

/** uv, installing for a Python. @param {NodeJS.ProcessEnv} env @param {string} uv @param {string} python @returns {Installer} */
export function uvFor(env, uv, python) {
  const first = ['pip', 'install', '--quiet', '--python', python, '--compile-bytecode', ...WHEELS_ONLY];
  return {
    name: uv,
    install: (args, timeoutSeconds = TIME_LIMIT_SECONDS) =>
      run(uv, [...first, ...args], { env: uvEnv(env), timeoutSeconds }),
  };
}

/** Who configured only pip means it for uv too. @param {NodeJS.ProcessEnv} env @returns {NodeJS.ProcessEnv} */
export function uvEnv(env) {
  const given = SETTINGS.filter(([pip]) => env[pip]).map(([pip, uv]) => [uv, env[pip]]);
  return { UV_PYTHON_DOWNLOADS: 'never', ...Object.fromEntries(given), ...pythonEnv(env) };
}

/** What pip's configuration files say, as pip's environment variables.
 * @param {NodeJS.ProcessEnv} env @param {string} python @returns {Promise<NodeJS.ProcessEnv>} */
export async function pipSettings(env, python) {
  const list = await run(python, ['-I', '-m', 'pip', 'config', 'list'], {
    env: pythonEnv(env),
    timeoutSeconds: 30,
  });
  const entries = [...list.matchAll(/^(?:global|install)\.([a-z-]+)='(.*)'$/gm)];
  return Object.fromEntries(
    entries.map(([, name = '', value]) => [`PIP_${name.replaceAll('-', '_').toUpperCase()}`, value]),
  );
}

/** @param {Context} context */
const cachedUv = ({ env }) => join(cacheFolder(env), 'uv', UV_VERSION, 'bin', 'uv');

/** The uv that is there, if any. @param {Context} context */
export function findUv(context) {
  return findOnPath('uv', context.env) ?? (isExecutable(cachedUv(context)) ? cachedUv(context) : undefined);
}

/** uv from the package index, kept in the cache. @param {Context} context @param {string} python */
export async function fetchUv(context, python) {
  const uv = cachedUv(context);
  const folder = dirname(dirname(uv));
  const part = `${folder}.${randomUUID()}`;
  mkdirSync(part, { recursive: true });
  try {
    await pipOf(context.env, python).install(['--no-deps', '--target', part, `uv==${UV_VERSION}`]);
    if (!isExecutable(uv)) renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return uv;
}

/** @param {string} folder of a virtual environment */
export const pythonIn = (folder) => join(folder, 'bin', 'python');
/** @param {string} folder of a virtual environment */
export const isThere = (folder) => existsSync(pythonIn(folder));
