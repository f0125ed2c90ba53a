import { setup } from './setup.js';
import { projectRoot } from './setup/context.js';
import { runScript } from './setup/errors.js';
import { runInForeground } from './setup/foreground.js';

await runScript(async () => {
  await setup();
  process.exitCode = await runInForeground(['bench/run.js', ...process.argv.slice(2)], { cwd: projectRoot });
});
