import type { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';

/** Why an activity was told to end decides what becomes of its job. */
export type Verdict = 'stop-job' | 'leave-job';

/**
 * A cancelled run stops its job, and so does a run that was closed behind the activity's back (terminated, reset, timed
 * out). Worker shutdown, activity time-out, pause and reset leave the job to the next attempt.
 */
export async function verdictOnCancellation(context: Context): Promise<Verdict> {
  const details = context.cancellationDetails;
  if (details?.cancelRequested) return 'stop-job';
  if (details?.workerShutdown || details?.paused || details?.reset) return 'leave-job';
  return (await runIsClosed(context)) ? 'stop-job' : 'leave-job';
}

async function runIsClosed(context: Context): Promise<boolean> {
  const execution = context.info.workflowExecution;
  if (execution === undefined) return false;
  try {
    const { status } = await context.client.workflow
      .getHandle(execution.workflowId, execution.runId)
      .describe();
    return status.name !== 'RUNNING' && status.name !== 'PAUSED';
  } catch (error) {
    return error instanceof WorkflowNotFoundError;
  }
}

/** Waits, also when the activity is cancelled: for what must be seen to its end. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The failure that Temporal expects, whatever the code below made of the abort. */
export function rethrowCancellation(context: Context): never {
  throw (
    (context.cancellationSignal.reason as CancelledFailure | undefined) ?? new CancelledFailure('CANCELLED')
  );
}
