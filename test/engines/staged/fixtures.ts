import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createS3 } from '../../../src/aws/s3.ts';
import type { JobRequest, JobState } from '../../../src/core/jobs.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { createStagedEngine } from '../../../src/engines/staged.ts';
import { createS3Storage } from '../../../src/storage/s3-storage.ts';
import type { S3Storage } from '../../../src/storage/storage.ts';
import { s3PerFile } from '../../support/s3-server.ts';
import { createBench, isolations, makeFolder, pause } from '../process/fixtures.ts';

type Transfers = Pick<S3Storage, 'find' | 'download' | 'put'>;
export type Stage = ReturnType<typeof createStage>;

/** Jobs of the process engine with their data on a real S3 server. */
export function createStage(options: Parameters<typeof createBench>[1] = {}) {
  const { server, bucket } = s3PerFile();
  const bench = createBench(isolations[0]!, options);
  const folder = join(bench.folder, 'staged');
  const s3 = createS3({ maxAttempts: 2 });
  const storage = () => createS3Storage(s3, `s3://${bucket()}/sluice`);
  const worker = (change: { engine?: Partial<Engine>; storage?: Partial<Transfers> } = {}): Engine => {
    const real = storage();
    const { find, download, put } = real;
    return createStagedEngine(
      { ...bench.engine, ...change.engine },
      { find, download, put, ...change.storage },
      folder,
    );
  };
  return {
    bench,
    folder,
    bucket,
    storage,
    worker,
    /** A fixture's request, its paths being keys of the bucket: `/data/x` is `s3://bucket/data/x`. */
    onS3: <Request extends JobRequest>(request: Request): Request =>
      JSON.parse(JSON.stringify(request).replaceAll('file:///', `s3://${bucket()}/`)) as Request,
    async putFiles(files: Record<string, string>): Promise<void> {
      for (const [key, text] of Object.entries(files)) {
        await storage().write(`s3://${bucket()}/${key}`, chunk(text));
      }
    },
    objects: () => filesBelow(join(server().folder, bucket())),
    text: (key: string) => readFileSync(join(server().folder, bucket(), key), 'utf8'),
    bytes: (key: string) => readFileSync(join(server().folder, bucket(), key)),
    /** What is left of a job here. */
    left: (name: string) => filesBelow(join(folder, name)),
  };
}

async function* chunk(text: string): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !name.startsWith('.sgwtmp/'))
    .sort();
}

/** Sees a job to its end, as `runJob` does. */
export async function see(
  engine: Engine,
  name: string,
  job: JobRequest,
  signal = new AbortController().signal,
): Promise<JobState> {
  const ref = await engine.ensure(name, job, signal);
  for (;;) {
    const state = await engine.describe(ref, signal);
    if (state.status !== 'running') return state;
    await pause(5);
  }
}

/** What a program does that was killed: nothing, for ever. */
export const never = () => new Promise<never>(() => undefined);

/** How often jobs were started that write into it. */
export function createLedger() {
  const file = join(makeFolder(), 'ledger');
  return {
    write: `echo started >> ${file}`,
    count: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0),
  };
}
