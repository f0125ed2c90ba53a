/** Tests start servers of their own; they must never reach the one that the user works with.
 * @param {NodeJS.ProcessEnv} env @param {'short' | 'long'} [suite] default: any test that is named
 * @returns {NodeJS.ProcessEnv} */
export function testEnv(env, suite) {
  const kept = Object.entries(env).filter(
    ([name]) =>
      (!name.startsWith('TEMPORAL_') || name === 'TEMPORAL_CLI_PATH') && name !== 'SLUICE_TEST_LONG',
  );
  const long = { short: '0', long: '1' };
  return { ...Object.fromEntries(kept), ...(suite && { SLUICE_TEST_LONG: long[suite] }) };
}
