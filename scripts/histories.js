// Records the histories that test/workflows/replay.test.ts replays, anew, all or those of the kinds that are named: CONTRIBUTING.md
// says when.
import { join } from 'node:path';
import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { runInForeground } from './setup/foreground.js';
import { testEnv } from './testing/environment.js';

await runScript(async () => {
  // Without the S3 server there would be no runs on SageMaker among them.
  const kinds = process.argv.slice(2).join(',') || 'all';
  const env = { ...testEnv(process.env, 'long'), SLUICE_RECORD_HISTORIES: kinds, SLUICE_REQUIRE_S3: '1' };
  await setup(undefined, { env });
  const vitest = join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', 'test/long/histories.test.ts', '--bail=1'];
  process.exitCode = await runInForeground(args, { cwd: projectRoot, env });
});
