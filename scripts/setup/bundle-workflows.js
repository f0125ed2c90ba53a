// A process of its own: the bundler keeps the event loop busy, and the progress line should go on.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { writeWhole } from './files.js';

const [root, plain, encrypted] = process.argv.slice(2);
const { bundleWorkflowCode } = createRequire(join(root, 'package.json'))('@temporalio/worker');
const workflowsPath = join(root, 'dist', 'workflows', 'index.js');
const failureConverterPath = join(root, 'dist', 'codec', 'failure-converter.cjs');
writeWhole(plain, (await bundleWorkflowCode({ workflowsPath })).code);
writeWhole(encrypted, (await bundleWorkflowCode({ workflowsPath, failureConverterPath })).code);
