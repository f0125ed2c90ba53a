import { setup } from './setup.js';
import { runScript } from './setup/errors.js';

await runScript(() => setup(['dependencies', 'build']));
