import { join } from 'node:path';
import { readIfThere, writeWhole } from './files.js';

/** @typedef {{ python?: string, requirements?: string, pythonVersion?: string }} PythonEnvironment */
/** What set-up found or made; the product reads it. The environment of `sklearn` is at the top, others are in `frameworks`.
 * @typedef {PythonEnvironment & { temporal?: string | null, frameworks?: Record<string, PythonEnvironment> }} Toolchain */

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

/** @param {{ root: string }} context @param {string} framework @returns {PythonEnvironment} */
export function readEnvironment(context, framework) {
  const { frameworks, ...sklearn } = readToolchain(context);
  return framework === 'sklearn' ? sklearn : (frameworks?.[framework] ?? {});
}

/** @param {{ root: string }} context @param {string} framework @param {PythonEnvironment} environment */
export function recordEnvironment(context, framework, environment) {
  const { frameworks } = readToolchain(context);
  const isOther = framework !== 'sklearn';
  recordTool(context, isOther ? { frameworks: { ...frameworks, [framework]: environment } } : environment);
}
