import { proxyActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { JobInput } from '../activities/run-job.ts';
import { errorCodes, errorTable } from '../core/errors.ts';
import type { JobRequest } from '../core/jobs.ts';
import type { JobStep } from '../core/pipeline.ts';
import { watcherHeartbeats } from '../core/run.ts';
import { jobsQueue } from '../core/task-queues.ts';

/** What follows the death of a worker: its heartbeats, one every 0.4 s, are missed for this long, and a new attempt waits. */
const common = {
  heartbeatTimeout: '8s',
  // Unset, 1.24 lets the run close as Canceled while the activity, and so the job, goes on.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: {
    initialInterval: '1s',
    // With the time-out above within 15 s, also for a run under which one worker after the other dies.
    maximumInterval: '5s',
    nonRetryableErrorTypes: errorCodes.filter((code) => !errorTable[code].retryable),
  },
} satisfies ActivityOptions;

/** Something small: seconds each, given up after ten minutes of trying. */
export const shortActivities = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '10 minutes',
});

/** What takes as long as there are bytes, or a job or AWS to wait for: a run that was paid for outlasts an hour of its throttling. */
export const longActivities = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '2 hours',
  scheduleToCloseTimeout: '6 hours',
});

/**
 * For what only a host can do that may be away for as long as its repair takes: that is waited for. Attempts end as they would in the
 * six hours above, at the longest interval.
 */
export const patience = {
  scheduleToCloseTimeout: '30 days',
  retry: { ...common.retry, maximumAttempts: 4000 },
} satisfies ActivityOptions;

/**
 * Activities that see a job to its end. The engine enforces the maximum run time; the time-out here is only the fence
 * behind it. Attempts are not limited: each worker that dies or is deployed uses one up.
 */
export function jobActivities(engine: JobInput['engine'], request: JobRequest, host: string) {
  const online = engine === 'sagemaker';
  return proxyActivities<Pick<Activities, JobStep>>({
    ...common,
    ...(online
      ? { heartbeatTimeout: watcherHeartbeats.timeoutMs }
      : { taskQueue: jobsQueue(workflowInfo().taskQueue, host) }),
    startToCloseTimeout: (longestSeconds(request) + (online ? onlineSlackSeconds : 2 * 3600)) * 1000,
  });
}

/** SageMaker may wait for machines for a day before the clock of the maximum run time starts. */
const onlineSlackSeconds = 2 * 86_400;

function longestSeconds({ kind, body, local }: JobRequest): number {
  const wait = kind === 'Training' ? (body.StoppingCondition.MaxWaitTimeInSeconds ?? 0) : 0;
  return Math.max(wait, local.maxRuntimeSeconds);
}
