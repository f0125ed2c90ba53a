import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { SluiceError } from '../../src/core/errors.ts';
import type { JobFailureCode, JobRef, JobRequest, JobState } from '../../src/core/jobs.ts';
import type { Engine } from '../../src/engines/engine.ts';

/** Milliseconds that no test waits for. */
export const endless = 3_600_000;

/** How the jobs of one step behave. */
export interface Behaviour {
  /** Milliseconds that the job runs. */
  lasts?: number;
  /** Milliseconds between the request to stop and the end. */
  stopTakes?: number;
  ends?: 'succeeded' | 'failed' | 'stopped';
  /** Of the step's jobs the first so many fail; those after them succeed. */
  firstFail?: number;
  /** So many of the step's jobs are refused before one is made, for want of quota. */
  firstRefused?: number;
  /** The code of a job that failed. */
  code?: JobFailureCode;
  /** What evaluate writes into its report. */
  report?: string;
}

interface FakeJob {
  request: JobRequest;
  startedAt: number;
  stopAskedAt: number | null;
  behaviour: Required<Omit<Behaviour, 'report' | 'firstFail' | 'firstRefused'>>;
}

export interface FakeEngine extends Engine {
  readonly jobs: ReadonlyMap<string, FakeJob>;
  /** Job starts by name: more than one for a name is what must never happen. */
  readonly starts: string[];
  behave(step: string, behaviour: Behaviour): void;
  /** Ends a job that runs. */
  finish(name: string): void;
  stateOf(name: string): JobState['status'];
}

/** A small working engine over a Map: strict about names and requests, with jobs that take time and write their outputs. */
export function createFakeEngine(): FakeEngine {
  const jobs = new Map<string, FakeJob>();
  const starts: string[] = [];
  const behaviours = new Map<string, Behaviour>();

  const statusOf = (job: FakeJob): 'running' | 'succeeded' | 'failed' | 'stopped' => {
    const now = Date.now();
    if (job.stopAskedAt !== null)
      return now - job.stopAskedAt >= job.behaviour.stopTakes ? 'stopped' : 'running';
    return now - job.startedAt >= job.behaviour.lasts ? job.behaviour.ends : 'running';
  };

  return {
    name: 'process',
    jobs,
    starts,
    behave: (step, behaviour) => void behaviours.set(step, behaviour),
    finish: (name) => {
      const job = jobs.get(name);
      if (job) job.behaviour.lasts = 0;
    },
    stateOf: (name) => {
      const job = jobs.get(name);
      return job ? statusOf(job) : 'missing';
    },
    check(request) {
      if (instanceCount(request) > 1)
        throw new SluiceError('Unsupported', 'the fake engine runs one instance');
    },
    async ensure(name, request) {
      const existing = jobs.get(name);
      if (existing && JSON.stringify(existing.request) !== JSON.stringify(request)) {
        throw new SluiceError('SpecMismatch', `${name} was made from another request`);
      }
      if (!existing) {
        const step = request.tags['sluice:step'] ?? '';
        const { firstRefused = 0, ...behaviour } = behaviours.get(step) ?? {};
        const earlier = [...jobs.values()].filter(({ request: { tags } }) => tags['sluice:step'] === step);
        if (firstRefused > 0) {
          behaviours.set(step, { ...behaviour, firstRefused: firstRefused - 1 });
          throw new SluiceError('QuotaExceeded', `${name}: the quota is used up`);
        }
        const fails = earlier.length < (behaviour.firstFail ?? 0);
        starts.push(name);
        jobs.set(name, {
          request,
          startedAt: Date.now(),
          stopAskedAt: null,
          behaviour: {
            lasts: 0,
            stopTakes: 0,
            ends: 'succeeded',
            code: 'JobFailed',
            ...behaviour,
            ...(fails && { ends: 'failed' }),
          },
        });
        await writeOutputs(name, request, behaviour);
      }
      return { engine: 'process', name, adopted: existing !== undefined };
    },
    describe(ref: JobRef): Promise<JobState> {
      const job = jobs.get(ref.name);
      if (!job) return Promise.resolve({ status: 'missing' });
      const startedAt = new Date(job.startedAt).toISOString();
      const ended = { startedAt, endedAt: new Date().toISOString(), logTail: ['the last line of the log'] };
      const status = statusOf(job);
      switch (status) {
        case 'running':
          return Promise.resolve({ status, phase: 'running', startedAt });
        case 'succeeded':
          return Promise.resolve({
            status,
            exitMessage: null,
            records: job.request.kind === 'Transform' ? 3 : null,
            ...ended,
          });
        case 'failed':
          return Promise.resolve({
            status,
            code: job.behaviour.code,
            reason: 'it exited with 1',
            exitCode: 1,
            ...ended,
          });
        case 'stopped':
          return Promise.resolve({ status, ...ended });
      }
    },
    stop(ref) {
      const job = jobs.get(ref.name);
      if (job && statusOf(job) === 'running') job.stopAskedAt ??= Date.now();
      return Promise.resolve();
    },
    pollIntervalMs: () => 5,
  };
}

function instanceCount(request: JobRequest): number {
  switch (request.kind) {
    case 'Processing':
      return request.body.ProcessingResources.ClusterConfig.InstanceCount;
    case 'Training':
      return request.body.ResourceConfig.InstanceCount;
    case 'Transform':
      return request.body.TransformResources.InstanceCount;
  }
}

async function writeOutputs(name: string, request: JobRequest, { report }: Behaviour): Promise<void> {
  if (request.kind === 'Training') {
    const target = fileURLToPath(`${request.body.OutputDataConfig.S3OutputPath}/${name}/output/model.tar.gz`);
    await mkdir(dirname(target), { recursive: true });
    const pack = tar.pack();
    pack.entry({ name: 'model.joblib' }, 'a model');
    pack.finalize();
    await pipeline(pack, createGzip(), createWriteStream(target));
  }
  if (request.kind === 'Processing') {
    for (const { OutputName, S3Output } of request.body.ProcessingOutputConfig.Outputs) {
      const folder = fileURLToPath(S3Output.S3Uri);
      await mkdir(folder, { recursive: true });
      if (OutputName === 'evaluation' && report !== undefined)
        await writeFile(join(folder, 'evaluation.json'), report);
    }
  }
}
