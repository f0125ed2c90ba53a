import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailed, run } from './command.js';
import { SetupError } from './errors.js';
import { filesBelow, hashFiles, readIfThere, writeWhole } from './files.js';
import { step } from './progress.js';

/** @typedef {import('./context.js').Context} Context */

const STAMP = '.sluice-stamp';
const BUILD_INFO = '.tsbuildinfo';
/** The second one encodes failures, for runs that are encrypted. */
const WORKFLOW_BUNDLES = ['workflow-bundle.js', 'workflow-bundle-encrypted.js'];
const bundler = fileURLToPath(new URL('bundle-workflows.js', import.meta.url));

/** dist/: the compiled sources, the bundle of the workflows, the Python files of the process engine.
 * @type {import('./context.js').Part} */
export const build = {
  isDone: (context) => readIfThere(join(context.root, 'dist', STAMP)) === sourceHash(context),
  async make(context) {
    const dist = join(context.root, 'dist');
    const why = existsSync(join(dist, STAMP)) ? 'src has changed' : 'dist is missing or incomplete';
    await step(context, 'Building Sluice', why, () => buildInto(dist, context));
  },
};

/** @param {Context} context */
function sourceHash({ root }) {
  const configs = readdirSync(root)
    .filter((name) => /^tsconfig.*\.json$/.test(name))
    .sort();
  const sources = filesBelow(join(root, 'src')).map((path) => join('src', path));
  return hashFiles(root, ['package-lock.json', ...configs, ...sources]);
}

/** @param {string} dist @param {Context} context */
async function buildInto(dist, context) {
  // Taken before the compiler reads, so that an edit during the build makes the next one.
  const hash = sourceHash(context);
  rmSync(join(dist, STAMP), { force: true });
  const src = join(context.root, 'src');
  const wanted = filesBelow(src).map(builtName);
  // The compiler does not write again what it believes to be there.
  if (wanted.some((path) => !existsSync(join(dist, path)))) rmSync(join(dist, BUILD_INFO), { force: true });
  await compile(context);
  for (const path of filesBelow(src).filter((name) => !name.endsWith('.ts'))) {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    copyFileSync(join(src, path), join(dist, path));
  }
  await bundle(dist, context);
  removeStale(dist, wanted);
  writeWhole(join(dist, STAMP), hash);
}

/** @param {string} source */
const builtName = (source) => source.replace(/\.ts$/, '.js');

/** @param {Context} context */
async function compile({ root, env, out }) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    const pretty = `${out.isTTY === true}`;
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--pretty', pretty], { cwd: root, env });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new SetupError(`The sources in ${join(root, 'src')} do not compile:\n\n${error.output.trim()}`);
  }
}

/** @param {string} dist @param {Context} context */
async function bundle(dist, { root, env }) {
  try {
    const targets = WORKFLOW_BUNDLES.map((name) => join(dist, name));
    await run(process.execPath, [bundler, root, ...targets], { cwd: root, env });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new SetupError(
      `The workflows in ${join(root, 'src', 'workflows')} could not be bundled.\n${error.message}\n` +
        'Workflow code may import src/core and @temporalio/workflow only.',
    );
  }
}

/** What has no source any more must not be imported by mistake. @param {string} dist @param {string[]} wanted */
function removeStale(dist, wanted) {
  const keep = new Set([...WORKFLOW_BUNDLES, ...wanted, ...wanted.map((path) => `${path}.map`)]);
  for (const path of filesBelow(dist)) if (!keep.has(path)) rmSync(join(dist, path));
}
