import { setTimeout as sleep } from 'node:timers/promises';
import { Context, log, metricMeter, type Info } from '@temporalio/activity';
import { SluiceError } from '../core/errors.ts';
import { jobNameIn } from '../core/job-name.ts';
import type { EndedJobState, JobRef, JobRequest, JobState } from '../core/jobs.ts';
import { measure } from '../core/metrics.ts';
import type { RemoteJob } from '../core/remote-job.ts';
import type { ResolvedSession } from '../core/session.ts';
import type { Engine, JobNews } from '../engines/engine.ts';
import type { Tell } from './heartbeats.ts';
import { pause, rethrowCancellation, verdictOnCancellation } from './cancellation.ts';

export interface JobInput {
  name: string;
  /** Chosen when the run was prepared: a job stays where it was made. */
  engine: Engine['name'];
  request: JobRequest;
  /** Of runs that keep their data on S3, wherever this job runs. */
  session: ResolvedSession | null;
}

export interface StopInput extends Required<JobRef> {
  engine: Engine['name'];
  session: ResolvedSession | null;
}

export interface JobResult {
  jobName: string;
  engine: Engine['name'];
  exitMessage: string | null;
  records: number | null;
  /** Of jobs of SageMaker. */
  remote: RemoteJob | null;
}

/** The one loop, for every kind of job and every engine: ensure, then describe and wait until it is over. */
export async function runJob(engine: Engine, input: NamedRequest, tell: Tell): Promise<JobResult> {
  const context = Context.current();
  const { name, request } = ownJob(input, context.info);
  const ref: JobRef = { engine: engine.name, name, kind: request.kind };
  try {
    tell({ ...ref, phase: 'starting' });
    if (name !== input.name) await stopJob(engine, { ...ref, name: input.name });
    const { adopted } = await engine.ensure(
      name,
      request,
      context.cancellationSignal,
      (phase) => tell({ ...ref, phase }),
      isFirstAttempt(context.info),
    );
    const how = adopted ? 'adopted' : 'created';
    log.info(`job ${how}`, { job: name, engine: engine.name });
    measure(metricMeter, 'sluice_jobs_started', 1, { engine: engine.name, how });
    // A clock that nobody sets: set back, the other one would have the engine asked without a pause.
    const ensured = performance.now();
    return await listening(engine, ref, async (news) => {
      for (;;) {
        const state = await engine.describe(ref, context.cancellationSignal);
        if (state.status !== 'running') return outcome(ref, state);
        tell({ ...ref, phase: state.phase, ...(state.remote && { remote: state.remote }) });
        const interval = engine.pollIntervalMs(performance.now() - ensured, remainingMs(request, state));
        // Not the context's own, which keeps something of every sleep until the activity ends.
        await Promise.race([sleep(interval, undefined, { signal: context.cancellationSignal }), news()]);
      }
    });
  } catch (error) {
    if (!context.cancellationSignal.aborted) throw error;
    tell({ ...ref, phase: 'stopping' });
    if ((await verdictOnCancellation(context)) === 'stop-job') await stopJob(engine, ref);
    else log.info('job left running for the next attempt', { job: name, engine: engine.name });
    return rethrowCancellation(context);
  }
}

/** Between two looks, however much news there is. */
const shortestMs = 5;
const never = () => new Promise<void>(() => undefined);

/** Does what waits for news of a job again and again; of an engine that hears nothing there is none. */
async function listening<Result>(
  engine: Engine,
  ref: JobRef,
  work: (news: JobNews['next']) => Promise<Result>,
): Promise<Result> {
  const news = engine.listen?.(ref);
  try {
    return await work(async () => {
      await Promise.all([news?.next() ?? never(), pause(shortestMs)]);
    });
  } finally {
    news?.close();
  }
}

type NamedRequest = Pick<JobInput, 'name' | 'request'>;

/**
 * A run that was reset takes over the steps that were under way, as they were scheduled, but not their jobs: those are of the run
 * that it replaced, which stops them, as does a sweep. Both know a job by its name and its tags.
 */
function ownJob({ name, request }: NamedRequest, { workflowExecution }: Info): NamedRequest {
  const { 'sluice:run-id': maker } = request.tags;
  const runId = workflowExecution?.runId;
  if (maker === undefined || runId === undefined || maker === runId) return { name, request };
  return {
    name: jobNameIn(runId, name, maker),
    request: { ...request, tags: { ...request.tags, 'sluice:run-id': runId } },
  };
}

/** An activity that is reset counts its attempts anew, but is not scheduled anew. */
const isFirstAttempt = ({ attempt, scheduledTimestampMs, currentAttemptScheduledTimestampMs }: Info) =>
  attempt === 1 && scheduledTimestampMs === currentAttemptScheduledTimestampMs;

function remainingMs(
  { local }: JobRequest,
  { startedAt }: Extract<JobState, { status: 'running' }>,
): number | undefined {
  return startedAt === null ? undefined : Date.parse(startedAt) + local.maxRuntimeSeconds * 1000 - Date.now();
}

/**
 * Stops a job and returns when it is over, however long its grace is. No error if there is none.
 * @returns what SageMaker says of its end; null for jobs of this machine.
 */
export async function stopJob(engine: Engine, ref: JobRef): Promise<RemoteJob | null> {
  log.info('job is being stopped', { job: ref.name, engine: ref.engine });
  const asked = performance.now();
  await engine.stop(ref);
  return listening(engine, ref, async (news) => {
    for (;;) {
      const state = await engine.describe(ref);
      if (state.status !== 'running') {
        log.info('job is over', { job: ref.name, engine: ref.engine });
        return state.status === 'missing' ? null : (state.remote ?? null);
      }
      await Promise.race([pause(engine.pollIntervalMs(performance.now() - asked)), news()]);
    }
  });
}

function outcome(ref: JobRef, state: Exclude<JobState, { status: 'running' }>): JobResult {
  const details = { ...ref, ...state };
  switch (state.status) {
    case 'missing':
      throw new SluiceError('JobLost', `${ref.name} is gone: somebody removed it while it was under way`, {
        details,
      });
    case 'succeeded':
      return {
        jobName: ref.name,
        engine: ref.engine as Engine['name'],
        exitMessage: state.exitMessage,
        records: state.records,
        remote: state.remote ?? null,
      };
    case 'stopped':
      throw new SluiceError('JobStopped', `${ref.name} was stopped from outside the run${tail(state)}`, {
        details,
      });
    case 'failed':
      // The job is over: another attempt would only find the same end, whatever its code says of other causes.
      throw new SluiceError(state.code, `${ref.name}: ${state.reason}${tail(state)}`, {
        details,
        retryable: false,
      });
  }
}

function tail({ logTail }: EndedJobState): string {
  return logTail.length === 0
    ? ''
    : `\nThe last lines of its log:\n${logTail.map((line) => `  ${line}`).join('\n')}`;
}
