import { join } from 'node:path';
import { readIfThere, writeWhole } from './files.js';

/** What set-up found or made; the product reads it.
 * @typedef {{ temporal?: string | null, python?: string, requirements?: string, pythonVersion?: string }} Toolchain */

/** @param {{ root: string }} context @returns {Toolchain} */
export function readToolchain({ root }) {
  try {
    return JSON.parse(readIfThere(join(root, '.sluice', 'toolchain.json')) ?? '{}');
  } catch {
    // Somebody edited it; it is made anew.
    return {};
  }
}

/** @param {{ root: string }} context @param {Toolchain} change */
export function recordTool(context, change) {
  const { temporal = null, ...rest } = { ...readToolchain(context), ...change };
  writeWhole(
    join(context.root, '.sluice', 'toolchain.json'),
    `${JSON.stringify({ temporal, ...rest }, null, 2)}\n`,
  );
}
