import { join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';

/** AWS's own clients, as the tests use them. botocore comes with boto3; the CLI has one of its own. */
export const AWS_CLIENTS = ['boto3==1.44.8', 'awscli==1.46.3'];

/** Where `scripts/testing/aws-clients.js` puts them, once for all projects of this user. @param {NodeJS.ProcessEnv} env */
export const awsClientsIn = (env) =>
  join(cacheFolder(env), 'aws-clients', AWS_CLIENTS.map((name) => name.replace('==', '-')).join('-'));
