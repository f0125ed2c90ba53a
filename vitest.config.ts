import { configDefaults, defineConfig } from 'vitest/config';

const long = process.env.SLUICE_TEST_LONG === '1';

export default defineConfig({
  test: {
    include: [long ? 'test/long/**/*.test.ts' : 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(long ? [] : ['test/long/**'])],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // Many tests start servers, workers and jobs of their own: more at once only wait for each other.
    maxWorkers: 2,
    // For a test that hangs. Nothing is measured by a limit: a machine may be ten times slower than usual (bench/ measures).
    testTimeout: 180_000,
    hookTimeout: 180_000,
    restoreMocks: true,
    // The set-up is done; an edit in mid-run must not build anew under the tests that start the command.
    // A container engine of this machine must not change what is tested; tests of containers ask for it.
    env: { SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: 'process' },
  },
});
