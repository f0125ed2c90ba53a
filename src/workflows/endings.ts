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
  } else if (isCancellation(failure)) {
    progress.show(closed(progress.report, 'canceled'));
  }
  return failure;
}

/**
 * Tells the log, and every target by an activity of its own: one that does not answer is no reason to tell the others again. What
 * fails here is logged and never hides what it was to tell; a run that is cancelled meanwhile doesn't wait for a receiver.
 */
export async function notify(
  pipeline: Pipeline,
  failure: ApplicationFailure,
  progress: Progress,
): Promise<void> {
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
  log.error('run did not pass', { notification });
  const { notify: targets } = pipeline.steps;
  if (!targets) return;
  const tell = (target: (typeof targets)[number], index: number) =>
    shortActivities.notifyFailure.executeWithOptions(
      { activityId: index === 0 ? 'notify' : `notify-${index + 1}`, summary: code },
      [{ target, notification }],
    );
  try {
    await progress.step('notify', { engine: null, jobName: null }, async () => {
      const told = await Promise.allSettled(targets.map(tell));
      const failed = told.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    });
  } catch (error) {
    log.warn('not everybody could be notified', { error });
  }
}
