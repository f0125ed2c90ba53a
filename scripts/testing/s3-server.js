// For .ci/run and for tests of S3: builds a real S3 server, versitygw, once. Go is what that needs, of any version: one that is
// too old fetches a newer one from the module proxy.
import { dirname } from 'node:path';
import { run } from '../setup/command.js';
import { createContext } from '../setup/context.js';
import { runScript } from '../setup/errors.js';
import { goBuild } from './go-build.js';
import { VERSITYGW_VERSION, versitygwIn } from './versitygw.js';

const context = createContext();
const program = versitygwIn(context.env);
const source = {
  module: 'github.com/versity/versitygw',
  version: VERSITYGW_VERSION,
  programs: { 'cmd/versitygw': 'versitygw' },
};

await runScript(async () => {
  await goBuild(context, source, dirname(program));
  context.say(await run(program, ['--version'], { timeoutSeconds: 30 }));
});
