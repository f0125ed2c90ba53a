// A process of its own: the bundler keeps the event loop busy, and the progress line should go on.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { writeWhole } from './files.js';

const [root, target] = process.argv.slice(2);
const { bundleWorkflowCode } = createRequire(join(root, 'package.json'))('@temporalio/worker');
const { code } = await bundleWorkflowCode({ workflowsPath: join(root, 'dist', 'workflows', 'index.js') });
writeWhole(target, code);
