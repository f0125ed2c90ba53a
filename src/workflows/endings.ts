import { ApplicationFailure, isCancellation, log, workflowInfo } from '@temporalio/workflow';
import { closed } from '../core/run-report.ts';
import type { RunReport } from '../core/run.ts';
import { runFailure } from './failures.ts';
import type { Pipeline } from '../core/pipeline.ts';
import type { Progress } from './progress.ts';
import { shortActivities } from './proxies.ts';

export function close(progress: Progress, outcome: 'accepted' | 'rejected'): RunReport {
  progress.show(closed(progress.report, outcome));
  return progress.report;
}

/**
 * What a run that does not pass ends with. Failed: it notifies, and fails with the step's own error. Cancelled: its jobs
 * are stopped already.
 */
export async function giveUp(
  error: unknown,
  pipeline: Pipeline | undefined,
  progress: Progress,
): Promise<unknown> {
  const failure = runFailure(error);
  if (failure instanceof ApplicationFailure) {
    const code = failure.type ?? 'JobInternalError';
    progress.show({ failure: { code, message: failure.message } });
    if (pipeline) await notify(pipeline, failure, progress);
    progress.show(closed(progress.report, code === 'QualityGateRejected' ? 'rejected' : 'failed'));
  } else if (isCancellation(error)) {
    progress.show(closed(progress.report, 'canceled'));
  }
  return failure;
}

/**
 * Not run if the file has no such step. Its own failure is logged and never hides what it was to tell; a run that is
 * cancelled meanwhile doesn't wait for a receiver that doesn't answer.
 */
export async function notify(
  pipeline: Pipeline,
  failure: ApplicationFailure,
  progress: Progress,
): Promise<void> {
  const { notify: targets } = pipeline.steps;
  if (!targets) return;
  const { workflowId, runId } = workflowInfo();
  const code = failure.type ?? 'JobInternalError';
  const notification = {
    deduplicationKey: runId,
    pipeline: pipeline.name,
    workflowId,
    runId,
    code,
    message: failure.message,
    metric: progress.report.metric,
  };
  try {
    await progress.step('notify', { engine: null, jobName: null }, () =>
      shortActivities.notifyFailure.executeWithOptions({ activityId: 'notify', summary: code }, [
        { targets, notification },
      ]),
    );
  } catch (error) {
    log.warn('nobody could be notified', { error });
  }
}
