import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { until } from './until.ts';

const { versitygwIn } = (await import(
  new URL('../../scripts/testing/versitygw.js', import.meta.url).href
)) as { versitygwIn: (env: NodeJS.ProcessEnv) => string };
const program = versitygwIn(process.env);

/** Undefined where there is a real S3 server to be started. */
export const whyNoS3 = findReason();
if (whyNoS3 !== undefined) {
  if (process.env.SLUICE_REQUIRE_S3 === '1') throw new Error(`SLUICE_REQUIRE_S3 is set, but ${whyNoS3}`);
  console.log(`Tests of S3 are skipped: ${whyNoS3}`);
}

/** For tests against a real S3 server. Skipped with a printed reason where there is none; CI promises one. */
export const describeS3 = describe.skipIf(whyNoS3 !== undefined);

function findReason(): string | undefined {
  try {
    accessSync(program, constants.X_OK);
    return undefined;
  } catch {
    return `there is no ${program}; \`node scripts/testing/s3-server.js\` builds it (Go is needed)`;
  }
}

export interface S3Server {
  endpoint: string;
  /** What the AWS SDK and AWS's other tools find in the environment: endpoint, region and credentials. */
  env: Record<string, string>;
  /** The files behind the buckets, one folder a bucket. */
  folder: string;
  makeBucket(name: string): void;
  stop(): Promise<void>;
}

/** The server ends with the process that started it, whatever kills that. */
const leash = 'exec 3<&0; "$@" <&- & server=$!; (cat <&3 >/dev/null; kill $server) & wait $server';

/** versitygw on a port of the loopback, with a folder of its own. */
export async function startS3Server(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  const buckets = join(folder, 'buckets');
  // Not every file system has the extended attributes that it would keep them in.
  const attributes = join(folder, 'attributes');
  for (const path of [buckets, attributes]) mkdirSync(path);
  const port = await freePort();
  const args = [
    '--port',
    `127.0.0.1:${port}`,
    '--keep-alive',
    '--quiet',
    'posix',
    '--sidecar',
    attributes,
    buckets,
  ];
  const server = spawn('/bin/sh', ['-c', leash, 'sh', program, ...args], {
    env: { ROOT_ACCESS_KEY: 'sluice', ROOT_SECRET_KEY: 'not-a-secret' },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let errors = '';
  server.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(endpoint).then(
      () => true,
      () => {
        if (server.exitCode !== null) throw new Error(`versitygw has ended: ${errors}`);
        return false;
      },
    );
  await until(answers, 60);
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'sluice',
      AWS_SECRET_ACCESS_KEY: 'not-a-secret',
      // Nothing of the user who runs the tests.
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    folder: buckets,
    // A folder is a bucket; whose it is does not matter to root.
    makeBucket: (name) => mkdirSync(join(buckets, name)),
    stop: () => stop(server, folder),
  };
}

async function stop(server: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.stdin!.end();
  if (server.exitCode === null) await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A server for the tests of a file, with a new bucket for every test; the environment of the tests points at it. */
export function s3PerFile(): { server: () => S3Server; bucket: () => string } {
  let server: S3Server;
  let bucket = '';
  let count = 0;
  const before = { ...process.env };
  beforeAll(async () => {
    if (whyNoS3 !== undefined) return;
    server = await startS3Server();
    Object.assign(process.env, server.env);
  });
  beforeEach(() => {
    if (whyNoS3 !== undefined) return;
    bucket = `bucket-${(count += 1)}`;
    server.makeBucket(bucket);
  });
  afterAll(async () => {
    if (whyNoS3 !== undefined) return;
    process.env = before;
    await server.stop();
  });
  return { server: () => server, bucket: () => bucket };
}
