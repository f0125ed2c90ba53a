import { dirname, join } from 'node:path';
import { cacheFolder } from './cache.js';
import { CommandFailed, run } from './command.js';
import { SetupError } from './errors.js';
import { findOnPath, isExecutable } from './files.js';
import { withLock } from './lock.js';
import { step } from './progress.js';
import { TEMPORAL_VERSION, sources } from './temporal-sources.js';
import { readToolchain, recordTool } from './toolchain.js';

/** @typedef {import('./context.js').Context} Context */

/** The Temporal CLI, which holds the development server and its Web UI. @type {import('./context.js').Part} */
export const temporal = {
  isDone(context) {
    const [first] = candidates(context);
    const recorded = readToolchain(context).temporal;
    if (first) return recorded === first;
    return isOptional(context) && recorded === null;
  },
  async make(context) {
    /** @type {string[]} */
    const failures = [];
    let found = await firstThatRuns(candidates(context), context, failures);
    if (!found && !isOptional(context)) found = await fetchInto(cachedFile(context), context, failures);
    recordTool(context, { temporal: found ?? null });
  },
};

/** A server elsewhere needs no CLI here. @param {Context} context */
const isOptional = ({ env }) => Boolean(env.TEMPORAL_ADDRESS);
/** @param {Context} context */
const cachedFile = ({ env }) => join(cacheFolder(env), 'temporal', TEMPORAL_VERSION, 'temporal');

/** What is on this machine, best first. @param {Context} context */
function candidates(context) {
  const asked = context.env.TEMPORAL_CLI_PATH;
  if (asked && !isExecutable(asked)) {
    throw new SetupError(
      `TEMPORAL_CLI_PATH is ${asked}, which is not an executable file. Correct it, or unset it: then the CLI is searched on the PATH and fetched.`,
    );
  }
  if (asked) return [asked];
  return [findOnPath('temporal', context.env), cachedFile(context)]
    .filter((path) => path !== undefined)
    .filter(isExecutable);
}

/** @param {string[]} paths @param {Context} context @param {string[]} failures */
async function firstThatRuns(paths, context, failures) {
  for (const path of paths) {
    try {
      await checkRuns(path, context);
      return path;
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      if (context.env.TEMPORAL_CLI_PATH)
        throw new SetupError(`TEMPORAL_CLI_PATH is not a Temporal CLI: ${error.message}`);
      failures.push(`${path}: ${error.message}`);
    }
  }
  return undefined;
}

/** @param {string} path @param {Context} context */
async function checkRuns(path, { env }) {
  const answer = await run(path, ['--version'], { env, timeoutSeconds: 30 });
  if (!answer.startsWith('temporal version'))
    throw new CommandFailed(`${path} --version is not that of Temporal`, answer);
}

/** @param {string} target @param {Context} context @param {string[]} failures */
async function fetchInto(target, context, failures) {
  return withLock(`${dirname(target)}.lock`, context.say, async () => {
    if (await firstThatRuns([target].filter(isExecutable), context, [])) return target;
    const why = `none on the PATH; ${TEMPORAL_VERSION} goes to ${dirname(target)}, once for all projects`;
    await step(context, 'Fetching the Temporal CLI', why, () => fromFirstSource(target, context, failures));
    return target;
  });
}

/** @param {string} target @param {Context} context @param {string[]} failures */
async function fromFirstSource(target, context, failures) {
  for (const { name, fetchTo } of sources) {
    try {
      await fetchTo(target, context, (path) => checkRuns(path, context));
      return;
    } catch (error) {
      failures.push(`${name}: ${describe(error)}`);
    }
  }
  throw new SetupError(
    `The Temporal CLI could not be had:\n${failures.map((line) => `  ${line}\n`).join('')}` +
      'Install it yourself (https://docs.temporal.io/cli) and put it on the PATH or name it with TEMPORAL_CLI_PATH,\n' +
      'or set TEMPORAL_ADDRESS to a server that runs already.',
  );
}

/** A failed fetch hides its reason in its cause. @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return `${error}`;
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
