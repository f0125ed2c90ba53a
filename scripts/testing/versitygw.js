import { join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';

/** A real S3 server in one program: https://github.com/versity/versitygw, Apache-2.0. */
export const VERSITYGW_VERSION = 'v1.8.0';

/** Where `scripts/testing/s3-server.js` puts it, once for all projects of this user. @param {NodeJS.ProcessEnv} env */
export const versitygwIn = (env) => join(cacheFolder(env), 'versitygw', VERSITYGW_VERSION, 'versitygw');
