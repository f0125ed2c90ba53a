import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';

/** `0` is `npm test`, `1` is `npm run test:long`; without it every file can be named. */
const suite = process.env.SLUICE_TEST_LONG;

/** What needs more than Node and Python (a container engine, an S3 server, clients of AWS) is a long test, wherever it stands. */
const needsMore = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((file) =>
    /from '.*\/support\/(docker|s3-server|aws-clients|podman|second-engine|compose)\.ts'/.test(
      readFileSync(file, 'utf8'),
    ),
  );
const long = ['test/long/**', ...needsMore];

export default defineConfig({
  test: {
    include: suite === '1' ? ['test/long/**/*.test.ts', ...needsMore] : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(suite === '0' ? long : [])],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // Many tests start servers, workers and jobs of their own and wait for them: three keep two cores busy, in the long ones two do.
    maxWorkers: suite === '1' ? 2 : 3,
    // For a test that hangs. Nothing is measured by a limit: a machine may be ten times slower than usual (bench/ measures).
    testTimeout: 180_000,
    hookTimeout: 180_000,
    restoreMocks: true,
    // The set-up is done; an edit in mid-run must not build anew under the tests that start the command.
    // A container engine of this machine must not change what is tested; tests of containers ask for it.
    env: { SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: 'process' },
  },
});
