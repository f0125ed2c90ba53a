// Runs one job by the built engine, in a process of its own: `node engine-child.js '{"folder":…,"name":…,"job":…}'`, and prints
// how it ended and how much memory that took. The built one, because Node 20 reads no TypeScript.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConnector } from '../../../dist/engines/container/connect.js';
import { createContainerEngine } from '../../../dist/engines/container/engine.js';

const { folder, jobsDir, name, job, supervisorPython, frameworksDir, host } = JSON.parse(process.argv[2]);
const settings = { context: null, configFolder: join(folder, '.docker'), tls: false, tlsVerify: false };
const more = { certFolder: folder, runtimeFolder: null, homeFolder: folder };
const connect = createConnector({ ...settings, ...more, host });
const engine = createContainerEngine({
  jobsDir,
  supervisorPython,
  frameworksDir,
  baseImage: null,
  connect,
  credentials: () => Promise.resolve(null),
  findModel: () => Promise.reject(new Error('no model')),
  packModel: () => Promise.reject(new Error('no archive')),
  localPath: fileURLToPath,
});
const before = process.resourceUsage().maxRSS;
await engine.ensure(name, job, new AbortController().signal);
let state = await engine.describe({ engine: 'container', name });
while (state.status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 50));
  state = await engine.describe({ engine: 'container', name });
}
const grownMb = (process.resourceUsage().maxRSS - before) / 1024;
console.log(JSON.stringify({ state, grownMb }));
