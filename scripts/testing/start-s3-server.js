import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { versitygwIn } from './versitygw.js';

/** The server ends with the process that started it, whatever kills that. */
const leash = 'exec 3<&0; "$@" <&- & server=$!; (cat <&3 >/dev/null; kill $server) & wait $server';
const START_SECONDS = 60;

/**
 * versitygw on a port of the loopback, with a folder of its own.
 * @param {string} accessKey - buckets that it makes are this one's: as an id of twelve digits, those of an account.
 * @returns {Promise<{ port: number, env: Record<string, string>, folder: string, stop: () => Promise<void> }>}
 * `env` is what AWS's tools find in the environment: endpoint, region and credentials; `folder` has a folder for each bucket.
 */
export async function startS3Server(accessKey = 'sluice') {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  const buckets = join(folder, 'buckets');
  // Not every file system has the extended attributes that it would keep them in.
  const attributes = join(folder, 'attributes');
  for (const path of [buckets, attributes]) mkdirSync(path);
  const port = await freePort();
  const options = ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet'];
  const args = [...options, 'posix', '--sidecar', attributes, buckets];
  const server = spawn('/bin/sh', ['-c', leash, 'sh', versitygwIn(process.env), ...args], {
    env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: 'not-a-secret' },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  let errors = '';
  server.stderr.on('data', (data) => (errors += data));
  const endpoint = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_SECONDS * 1000;
  while (!(await answers(endpoint))) {
    if (server.exitCode !== null) throw new Error(`versitygw has ended: ${errors}`);
    if (Date.now() > deadline) throw new Error(`versitygw does not answer within ${START_SECONDS} s`);
    await sleep(20);
  }
  return {
    port,
    env: environment(endpoint, accessKey),
    folder: buckets,
    async stop() {
      server.stdin.end();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param {string} endpoint @param {string} accessKey */
const environment = (endpoint, accessKey) => ({
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: accessKey,
  AWS_SECRET_ACCESS_KEY: 'not-a-secret',
  // Nothing of the user who starts it.
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** @param {string} endpoint */
const answers = (endpoint) =>
  fetch(endpoint).then(
    () => true,
    () => false,
  );

/** @returns {Promise<number>} */
async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
