import { z } from 'zod';
import { SluiceError } from '../../core/errors.ts';
import type { SweepOptions, SweepReport, SweptJob } from '../../core/sweep.ts';
import { fromTagValue } from '../../core/tags.ts';
import type { Call } from './calls.ts';
import type { Clock } from './clock.ts';
import { readTags } from './job-tags.ts';
import { look } from './look.ts';
import { listRequest, type JobKind } from './requests.ts';
import { createSeenJobs } from './seen-jobs.ts';
import { stopJob } from './stop.ts';

interface Tools {
  call: Call;
  clock: Clock;
  signal: AbortSignal;
}

const kinds: readonly JobKind[] = ['Processing', 'Training', 'Transform'];
/** SageMaker gives a script 120 s to end; then it uploads what there is. */
const stopPatienceMs = 30 * 60_000;
const lookMs = 5000;

/**
 * Finds the jobs in progress that runs of this namespace have made and that no open run needs, stops them, and waits until they
 * are over. A job that was made while this looks is not missed by its run: that is open.
 */
export async function sweepJobs(
  tools: Tools,
  options: SweepOptions,
): Promise<Pick<SweepReport, 'jobs' | 'inProgress'>> {
  let inProgress = 0;
  const jobs: SweptJob[] = [];
  for (const kind of kinds) {
    for await (const { name, arn } of jobsInProgress(tools, kind)) {
      inProgress += 1;
      const orphan = await orphanOf(tools, { kind, name, arn }, options);
      if (orphan) jobs.push(orphan);
    }
  }
  // All are asked to stop before the first is waited for.
  const asked = await Promise.all(jobs.map((job) => ask(tools, job)));
  return { inProgress, jobs: await Promise.all(asked.map((job) => awaitEnd(tools, job))) };
}

type Found = Pick<SweptJob, 'kind' | 'name' | 'arn'>;

async function* jobsInProgress({ call, signal }: Tools, kind: JobKind): AsyncGenerator<Omit<Found, 'kind'>> {
  const summaries = z.array(z.record(z.string(), z.unknown())).nullish();
  let token: string | undefined;
  do {
    const answer = await call(listRequest(kind, token), { signal });
    for (const summary of summaries.parse(answer[`${kind}JobSummaries`]) ?? []) {
      yield { name: String(summary[`${kind}JobName`]), arn: String(summary[`${kind}JobArn`]) };
    }
    token = typeof answer.NextToken === 'string' ? answer.NextToken : undefined;
  } while (token !== undefined);
}

/** Null: it is not ours, of another namespace, or needed. */
async function orphanOf(tools: Tools, found: Found, options: SweepOptions): Promise<SweptJob | null> {
  const tags = await readTags(tools.call, found.arn, tools.signal);
  const ours = (name: string) => {
    const value = tags.get(`sluice:${name}`);
    return value === undefined ? undefined : fromTagValue(value);
  };
  const workflowId = ours('workflow-id');
  const runId = ours('run-id');
  if (ours('namespace') !== options.namespace) return null;
  if (workflowId === undefined || runId === undefined) return null;
  const run = await options.ownerOf(workflowId, runId);
  if (run === 'open') return null;
  const isKept = run === 'unknown' && !options.unknown;
  return {
    ...found,
    pipeline: ours('pipeline') ?? null,
    workflowId,
    runId,
    run,
    action: isKept ? 'kept' : options.dryRun ? 'would stop' : 'stopped',
    status: 'InProgress',
  };
}

async function ask({ call, clock }: Tools, job: SweptJob): Promise<SweptJob> {
  if (job.action !== 'stopped') return job;
  try {
    await stopJob({ call, clock, seen: createSeenJobs(clock) }, job.kind, job.name);
    return job;
  } catch (error) {
    return failed(job, error);
  }
}

async function awaitEnd({ call, clock, signal }: Tools, job: SweptJob): Promise<SweptJob> {
  if (job.action !== 'stopped') return job;
  const deadline = clock.now() + stopPatienceMs;
  let { status } = job;
  try {
    for (;;) {
      const found = await look(call, job.kind, job.name, signal);
      if (found === null) return { ...job, status: 'gone' };
      status = found.status;
      if (['Completed', 'Failed', 'Stopped'].includes(status)) return { ...job, status };
      if (clock.now() > deadline)
        return { ...job, status, action: 'failed', error: 'it was asked to stop, and is not over yet' };
      await clock.wait(lookMs, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    return failed({ ...job, status }, error);
  }
}

/** The other jobs are stopped all the same. */
function failed(job: SweptJob, error: unknown): SweptJob {
  if (!(error instanceof SluiceError)) throw error;
  return { ...job, action: 'failed', error: error.message };
}
