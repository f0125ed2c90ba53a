import { proxyActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { errorCodes, errorTable } from '../core/errors.ts';
import { localTaskQueue } from '../core/run.ts';

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

/** What takes as long as there are bytes, or a job to wait for. */
export const longActivities = proxyActivities<Activities>({
  ...common,
  startToCloseTimeout: '2 hours',
  scheduleToCloseTimeout: '6 hours',
});

/**
 * Activities that see a job to its end. The engine enforces the maximum run time; the time-out here is only the fence
 * behind it. Attempts are not limited: each worker that dies or is deployed uses one up.
 */
export function jobActivities(maxRuntimeSeconds: number) {
  return proxyActivities<Pick<Activities, 'preprocess' | 'train' | 'evaluate' | 'transform'>>({
    ...common,
    taskQueue: localTaskQueue(workflowInfo().taskQueue),
    startToCloseTimeout: (maxRuntimeSeconds + 2 * 3600) * 1000,
  });
}
