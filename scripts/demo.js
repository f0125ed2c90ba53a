import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { runInForeground } from './setup/foreground.js';

const PIPELINE = 'examples/abalone/pipeline.json';

await runScript(async () => {
  // No image has to be built, and nothing depends on whether an engine runs.
  const engine = process.env.SLUICE_LOCAL_ENGINE ?? 'process';
  process.stderr.write(
    `The demo sets up what is missing and runs ${PIPELINE} to its end on this machine (SLUICE_LOCAL_ENGINE=${engine}).\n` +
      'What it does: README.md.\n',
  );
  await setup();
  process.exitCode = await runInForeground(['bin/sluice.js', 'run', PIPELINE, ...process.argv.slice(2)], {
    cwd: projectRoot,
    env: { ...process.env, SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: engine },
  });
});
