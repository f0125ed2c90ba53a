import { ApplicationFailure, isCancellation, log } from '@temporalio/workflow';
import { closed } from '../core/run-report.ts';
import type { RunReport } from '../core/run.ts';
import { runFailure } from './failures.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { notifyFailure } from './notify.ts';
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
    if (pipeline) {
      await notifyFailure(pipeline, failure, progress);
      if (!progress.indexIsKnown()) progress.index(await hasSearchAttributes());
    }
    progress.show(closed(progress.report, code === 'QualityGateRejected' ? 'rejected' : 'failed'));
  } else if (isCancellation(failure)) {
    progress.show(closed(progress.report, 'canceled'));
  }
  return failure;
}

/** Runs that were not even prepared are found, too. */
async function hasSearchAttributes(): Promise<boolean> {
  try {
    return await shortActivities.hasSearchAttributes.executeWithOptions(
      { activityId: 'search-attributes', summary: 'is the run to be found by them?' },
      [null],
    );
  } catch (error) {
    log.warn('the run is not found by search attributes', { error });
    return false;
  }
}
