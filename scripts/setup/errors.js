/** A fault a person can act on: its message says what happened, where, and what to do. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Tells a person what went wrong; a stack only for what nobody foresaw.
 * @param {unknown} error */
export function explain(error) {
  if (error instanceof SetupError) return error.message;
  const { code, path, message, stack } = /** @type {NodeJS.ErrnoException} */ (error);
  if (code && path) {
    return (
      `Set-up could not use ${path}: ${message}.\n` +
      'Check its permissions and the free space. SLUICE_CACHE_DIR puts what is downloaded into another folder.'
    );
  }
  return `Set-up failed in a way it does not know: ${stack ?? error}`;
}

/** Runs a script's main function; a fault ends the process with exit code 1.
 * @param {() => Promise<void>} main */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
  }
}
