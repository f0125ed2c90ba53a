import { join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';

/** Docker Compose, whose plug-in Debian has not: https://github.com/docker/compose, Apache-2.0. */
export const COMPOSE_VERSION = 'v2.40.3';

/** Where `scripts/testing/compose.js` puts it. @param {NodeJS.ProcessEnv} env */
export const composeIn = (env) => join(cacheFolder(env), 'compose', COMPOSE_VERSION, 'docker-compose');
