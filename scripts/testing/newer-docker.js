// For .ci/run and for tests of containers: the Docker engine of a Debian that is newer than this machine's, to run beside its own.
import { createContext } from '../setup/context.js';
import { runScript } from '../setup/errors.js';
import { newerDocker } from './newer-docker-system.js';
import { debianTar } from './stand-in.js';

const context = createContext();

await runScript(async () => {
  context.say(`A newer Docker engine is in ${await debianTar(context, newerDocker)}`);
});
