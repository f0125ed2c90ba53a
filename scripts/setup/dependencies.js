import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run } from './command.js';
import { SetupError } from './errors.js';
import { findOnPath, readIfThere, writeWhole } from './files.js';
import { step } from './progress.js';

/** @typedef {import('./context.js').Context} Context */

const TIME_LIMIT_SECONDS = 1200;

/** The npm packages of package-lock.json, in node_modules. @type {import('./context.js').Part} */
export const dependencies = {
  isDone: (context) => readIfThere(stampFile(context)) === stamp(context),
  async make(context) {
    const why = whyInstall(context);
    if (why) await step(context, 'Installing npm dependencies', why, () => install(context));
    writeWhole(stampFile(context), stamp(context));
  },
};

/** @param {Context} context */
const stampFile = ({ root }) => join(root, 'node_modules', '.sluice-stamp');
/** npm writes it last, and only when all went well. @param {Context} context */
const installedLock = ({ root }) => join(root, 'node_modules', '.package-lock.json');
const runtime = `node ${process.versions.node.split('.')[0]} ${process.platform}-${process.arch}`;

/** @param {Context} context */
function stamp({ root }) {
  const lock = readIfThere(join(root, 'package-lock.json'));
  if (lock === undefined) {
    throw new SetupError(
      `There is no package-lock.json in ${root}: is this a whole copy of the project? Clone it again.`,
    );
  }
  return `${createHash('sha256').update(lock).digest('hex')} ${runtime}`;
}

/** Undefined if what is there, made by hand perhaps, is what the lock file asks for. @param {Context} context */
function whyInstall(context) {
  if (!existsSync(join(context.root, 'node_modules'))) return 'node_modules is missing';
  const old = readIfThere(stampFile(context));
  if (old !== undefined && !old.endsWith(runtime))
    return `node_modules was made for ${old.split(' ').slice(1).join(' ')}`;
  if (readIfThere(installedLock(context)) === undefined) return 'node_modules is incomplete';
  return isAsLocked(context) ? undefined : 'package-lock.json has changed';
}

/** @param {Context} context */
function isAsLocked(context) {
  const locked = packagesOf(join(context.root, 'package-lock.json'));
  const installed = packagesOf(installedLock(context));
  return Object.entries(locked).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const there = installed[path];
    return there ? there.version === version && existsSync(join(context.root, path)) : optional === true;
  });
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean }>} */
function packagesOf(file) {
  return JSON.parse(readIfThere(file) ?? '{}').packages ?? {};
}

/** @param {Context} context */
async function install(context) {
  // Both go first: a killed installation must not look like a whole one.
  rmSync(stampFile(context), { force: true });
  rmSync(installedLock(context), { force: true });
  const args = ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const [command, ...first] = npmCommand(context.env);
  try {
    await run(command, [...first, ...args], {
      cwd: context.root,
      env: withoutProduction(context.env),
      timeoutSeconds: TIME_LIMIT_SECONDS,
    });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new SetupError(
      `The npm packages could not be installed in ${context.root}.\n${error.message}\n` +
        'Is the package registry reachable ("npm ping")? Behind a proxy, set https_proxy. Then start again: it goes on from there.',
    );
  }
}

/** The npm that runs us, or the one on the PATH. @param {NodeJS.ProcessEnv} env */
function npmCommand(env) {
  const running = env.npm_execpath;
  if (running && /npm-cli\.[cm]?js$/.test(running) && existsSync(running)) return [process.execPath, running];
  const npm = findOnPath('npm', env);
  if (!npm)
    throw new SetupError('npm is not on the PATH: install Node.js with npm, or put its folder on the PATH.');
  return [npm];
}

/** With NODE_ENV=production npm would leave the compiler out. @param {NodeJS.ProcessEnv} env */
function withoutProduction({ NODE_ENV: _, ...env }) {
  return env;
}
