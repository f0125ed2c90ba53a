import { accessSync, constants, mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { describePart } from './real-parts.ts';

const testing = (name: string) => import(new URL(`../../scripts/testing/${name}`, import.meta.url).href);
const { versitygwIn } = (await testing('versitygw.js')) as {
  versitygwIn: (env: NodeJS.ProcessEnv) => string;
};
const { startS3Server: startServer } = (await testing('start-s3-server.js')) as {
  startS3Server: (accessKey?: string) => Promise<Omit<S3Server, 'makeBucket' | 'keys'>>;
};
const program = versitygwIn(process.env);

/** Undefined where there is a real S3 server to be started. */
export const whyNoS3 = findReason();

/** For tests against a real S3 server. */
export const describeS3 = describePart('S3', 'SLUICE_REQUIRE_S3', whyNoS3);

function findReason(): string | undefined {
  try {
    accessSync(program, constants.X_OK);
    return undefined;
  } catch {
    return `there is no ${program}; \`node scripts/testing/s3-server.js\` builds it (Go is needed)`;
  }
}

export interface S3Server {
  port: number;
  /** What the AWS SDK and AWS's other tools find in the environment: endpoint, region and credentials. */
  env: Record<string, string>;
  /** The files behind the buckets, one folder a bucket. */
  folder: string;
  makeBucket(name: string): void;
  /** Of all objects of a bucket, sorted. */
  keys(bucket: string): Promise<string[]>;
  stop(): Promise<void>;
}

/**
 * versitygw on a port of the loopback, with a folder of its own; it ends with this process.
 * @param accessKey - whose the buckets are that are made through it.
 */
export async function startS3Server(accessKey?: string): Promise<S3Server> {
  const server = await startServer(accessKey);
  // A folder is a bucket; whose it is does not matter to root.
  return {
    ...server,
    makeBucket: (name) => mkdirSync(join(server.folder, name)),
    async keys(bucket) {
      const folder = join(server.folder, bucket);
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
    },
  };
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
