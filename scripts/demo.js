import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { runInForeground } from './setup/foreground.js';

const PIPELINE = 'examples/abalone/pipeline.json';

await runScript(async () => {
  process.stderr.write(
    `The demo sets up what is missing and runs ${PIPELINE} to its end on this machine. What it does: README.md.\n`,
  );
  await setup();
  process.exitCode = await runInForeground(['bin/sluice.js', 'run', PIPELINE, ...process.argv.slice(2)], {
    cwd: projectRoot,
    env: { ...process.env, SLUICE_SKIP_SETUP: '1' },
  });
});
