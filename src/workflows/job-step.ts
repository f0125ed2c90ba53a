import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  log,
  patched,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobInput, JobResult, StopInput } from '../activities/run-job.ts';
import { jobName } from '../core/job-name.ts';
import type { JobRequest } from '../core/jobs.ts';
import type { JobStep, Steps } from '../core/pipeline.ts';
import { announcedJob, type RemoteJob } from '../core/remote-job.ts';
import type { Run } from './open-run.ts';
import { jobActivities, longActivities } from './proxies.ts';
import { withSlot } from './step-slot.ts';

/**
 * A step that runs a job, and another one for each failure that `jobRetries` of the step allows.
 * @param request - asked anew for every job: each has outputs of its own.
 */
export async function runJobStep(run: Run, step: JobStep, request: () => JobRequest): Promise<JobResult> {
  const retries = run.plan.pipeline.steps[step]?.jobRetries;
  const left = {
    capacity: retries?.capacity ?? 0,
    internal: retries?.internal ?? 0,
    quota: retries?.quota ?? 0,
  };
  for (let attempt = 1; ; attempt++) {
    run.plan.attempts[step] = attempt;
    try {
      const job = request();
      const name = jobName(run.plan.pipeline.name, step, workflowInfo().runId, attempt);
      return await withSlot(run, step, { name, kind: job.kind }, () =>
        runOneJob(run, step, name, job, attempt),
      );
    } catch (error) {
      const cause = retryableCause(error);
      if (cause === null || left[cause] === 0 || attempt === 9) throw error;
      left[cause] -= 1;
      log.warn('another job is tried', { step, cause, attempt: attempt + 1 });
      await sleep((retries?.delaySeconds ?? 0) * 1000);
    }
  }
}

type RetryCause = keyof Omit<NonNullable<Steps['train']['jobRetries']>, 'delaySeconds'>;

const causes: Readonly<Record<string, RetryCause>> = {
  CapacityUnavailable: 'capacity',
  QuotaExceeded: 'quota',
  JobInternalError: 'internal',
};

/** Only of a job that is over, or was never made: errors of Sluice itself are Temporal's to retry, and given up after some attempts. */
function retryableCause(error: unknown): RetryCause | null {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return null;
  const { type, nonRetryable, details } = error.cause;
  const ownAttempts = (details?.[0] as { attempts?: number } | undefined)?.attempts;
  return nonRetryable === true && ownAttempts === undefined ? (causes[type ?? ''] ?? null) : null;
}

/** Under its name, on its engine, and not left behind whatever way the step ends. */
async function runOneJob(
  run: Run,
  step: JobStep,
  name: string,
  request: JobRequest,
  attempt: number,
): Promise<JobResult> {
  const { session } = run.plan;
  const engine = engineOf(run, step);
  const announced =
    engine === 'sagemaker' && session !== null ? { remote: announcedJob(session, request.kind, name) } : {};
  const activityId = attempt === 1 ? step : `${step}-${attempt}`;
  return run.progress.step(step, { engine, jobName: name, activityId, ...announced }, async (tell) => {
    try {
      const summary = summaryOf(run, step, engine);
      const activity = jobActivities(engine, request, run.prepared.host)[step];
      const input = { name, engine, request, session };
      const result = await activity.executeWithOptions(
        { activityId, summary, priority: run.place.priority },
        [input],
      );
      tell(result.remote, result.jobName);
      return result;
    } catch (error) {
      if (isOfAnotherRequest(error) && patched('leave-jobs-of-other-requests')) throw error;
      // The activity may have died before it saw the job to its end; asking again costs nothing.
      const remote = await CancellationScope.nonCancellable(() =>
        stopJob(run, step, activityId, { engine, name, session, kind: request.kind }),
      );
      tell(remote);
      throw error;
    }
  });
}

/** The job of this name is not this step's: whoever made it wants it. */
const isOfAnotherRequest = (error: unknown) =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.type === 'SpecMismatch';

function engineOf(run: Run, step: JobStep): JobInput['engine'] {
  const engine = run.prepared.engines[step];
  if (engine) return engine;
  throw new Error(`unreachable: the run was prepared without an engine for ${step}`);
}

/** What fails here never hides why the step ended. */
async function stopJob(
  run: Run,
  step: JobStep,
  watcherId: string,
  ref: StopInput,
): Promise<RemoteJob | null> {
  try {
    // Any worker can stop a job of SageMaker, and that must not wait for a host.
    const place = ref.engine === 'sagemaker' ? {} : run.place;
    // A name has the run id in it, and after a reset another one than the history.
    const activityId = `stop-${patched('stop-by-step') ? watcherId : ref.name}`;
    const options = { activityId, summary: ref.name, ...place };
    return await longActivities.stopJob.executeWithOptions(options, [ref]);
  } catch (error) {
    log.warn('the job could not be stopped', { step, job: ref.name, error });
    return null;
  }
}

/** What the Web UI says beside the step; at most 200 bytes. */
function summaryOf(run: Run, step: JobStep, engine: string): string {
  const { steps } = run.plan.pipeline;
  const what =
    step === 'transform' ? steps.transform?.input : (steps[step].script ?? steps[step].entrypoint?.join(' '));
  return `${(what ?? step).replace(/[^\x20-\x7e]/g, '?').slice(0, 150)} (${engine})`;
}
