import { proxyActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { errorCodes, errorTable } from '../core/errors.ts';
import { localTaskQueue } from '../core/run.ts';

const common = {
  // Unset, 1.24 lets the run close as Canceled while the activity, and so the job, goes on.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: {
    initialInterval: '1s',
    maximumInterval: '10s',
    nonRetryableErrorTypes: errorCodes.filter((code) => !errorTable[code].retryable),
  },
} satisfies ActivityOptions;

/** After the death of a worker the next attempt starts so much later; activities heartbeat every 0.4 s. */
const heartbeatTimeout = '8s';

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
  heartbeatTimeout,
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
    heartbeatTimeout,
  });
}
