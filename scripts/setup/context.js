import { fileURLToPath } from 'node:url';

/** @typedef {{ isTTY?: boolean, write(text: string): unknown }} Output */
/** What a set-up works on.
 * @typedef {{ root: string, env: NodeJS.ProcessEnv, out: Output, say: (line: string) => void }} Context */
/** One thing to have. `isDone` is asked at every call, so it is cheap; `make` may find that it is there after all.
 * @typedef {{ isDone(context: Context): boolean, make(context: Context): Promise<void> }} Part */

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** @param {{ root?: string, env?: NodeJS.ProcessEnv, out?: Output }} [given] @returns {Context} */
export function createContext({ root = projectRoot, env = process.env, out = process.stderr } = {}) {
  return { root, env, out, say: (line) => out.write(`${line}\n`) };
}
