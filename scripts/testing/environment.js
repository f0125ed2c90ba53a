/** Tests start servers of their own; they must never reach the one that the user works with.
 * @param {NodeJS.ProcessEnv} env @param {boolean} long @returns {NodeJS.ProcessEnv} */
export function testEnv(env, long = false) {
  const kept = Object.entries(env).filter(
    ([name]) => !name.startsWith('TEMPORAL_') || name === 'TEMPORAL_CLI_PATH',
  );
  return { ...Object.fromEntries(kept), SLUICE_TEST_LONG: long ? '1' : '0' };
}
