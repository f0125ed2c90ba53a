import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './setup/build.js';
import { createContext } from './setup/context.js';
import { dependencies } from './setup/dependencies.js';
import { runScript, SetupError } from './setup/errors.js';
import { makeParts } from './setup/make-parts.js';
import { frameworkPython } from './setup/python.js';
import { temporal } from './setup/temporal-cli.js';
import { readToolchain } from './setup/toolchain.js';

const usual = { dependencies, build, python: frameworkPython('sklearn'), temporal };
// Hundreds of megabytes that most need not have: made when asked for by name, and kept up to date from then on.
const frameworks = { xgboost: frameworkPython('xgboost') };
// In this order: the build needs the dependencies, and the CLI can come from the Python package index.
const parts = { ...usual, ...frameworks };

/** @typedef {keyof typeof parts} Need */

/** Makes what is missing and says so on stderr; silent and quick when nothing is.
 * @param {Need[]} [needs] what everybody needs by default @param {Parameters<typeof createContext>[0]} [given] */
export async function setup(needs, given) {
  const context = createContext(given);
  const wanted = needs ?? usualNeeds(context);
  const chosen = Object.entries(parts).filter(([need]) => wanted.includes(/** @type {Need} */ (need)));
  await makeParts(
    chosen.map(([, part]) => part),
    join(context.root, '.sluice', 'setup.lock'),
    context,
  );
}

/** @param {import('./setup/context.js').Context} context @returns {Need[]} */
function usualNeeds(context) {
  const made = Object.keys(readToolchain(context).frameworks ?? {});
  return /** @type {Need[]} */ ([...Object.keys(usual), ...made]);
}

/** @param {string[]} names of frameworks, such as `xgboost` */
async function setupWith(names) {
  const unknown = names.filter((name) => !Object.hasOwn(frameworks, name));
  if (unknown.length > 0)
    throw new SetupError(
      `npm run setup -- ${unknown.join(' ')}: it takes names of frameworks besides sklearn: ${Object.keys(frameworks).join(', ')}.`,
    );
  await setup([...usualNeeds(createContext()), .../** @type {Need[]} */ (names)]);
}

const started = process.argv[1];
if (started && realpathSync(started) === fileURLToPath(import.meta.url)) {
  await runScript(() => setupWith(process.argv.slice(2)));
}
