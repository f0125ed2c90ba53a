import { log, workflowInfo, type ApplicationFailure } from '@temporalio/workflow';
import { describeRule, type Rule } from '../core/gate.ts';
import type { Notification, NotificationEvent } from '../core/notification.ts';
import type { NotifyTarget } from '../core/notify-targets.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { isCanceled } from './failures.ts';
import type { Progress } from './progress.ts';
import { shortActivities } from './proxies.ts';
import { tellNotification } from './telemetry.ts';

/** Tells the log and whoever wants to know of it. */
export async function notifyFailure(
  pipeline: Pipeline,
  failure: ApplicationFailure,
  progress: Progress,
): Promise<void> {
  const code = failure.type ?? 'JobInternalError';
  const event = code === 'QualityGateRejected' ? 'rejected' : 'failed';
  const notification = compose(pipeline, progress, { event, code, message: failure.message });
  log.error('run did not pass', { notification });
  await tellTargets(pipeline, notification, progress, ({ on }) => on.includes(event));
}

/** Tells whoever wants to know of it. Whether the pipeline has recovered is asked only if somebody wants to know that. */
export async function notifyAccepted(
  pipeline: Pipeline,
  rule: Rule,
  value: number,
  progress: Progress,
): Promise<void> {
  const targets = pipeline.steps.notify ?? [];
  const before = targets.some(({ on }) => on.includes('recovered')) ? await previousOutcome(pipeline) : null;
  const recovered = before === 'rejected' || before === 'failed';
  const event = recovered ? 'recovered' : 'accepted';
  const { modelPackage } = progress.report;
  const message = [
    `The model is accepted: ${describeRule(rule, value)}.`,
    ...(modelPackage
      ? [`It is version ${modelPackage.version} of ${modelPackage.group} (${modelPackage.approvalStatus}).`]
      : []),
    ...(recovered ? [`The run before it was ${before}.`] : []),
  ].join(' ');
  const notification = compose(pipeline, progress, { event, code: null, message });
  await tellTargets(
    pipeline,
    notification,
    progress,
    ({ on }) => on.includes('accepted') || on.includes(event),
  );
}

function compose(
  pipeline: Pipeline,
  { report }: Progress,
  said: { event: NotificationEvent; code: string | null; message: string },
): Notification {
  const { workflowId, runId } = workflowInfo();
  return {
    ...said,
    deduplicationKey: runId,
    pipeline: pipeline.name,
    executionMode: pipeline.executionMode,
    workflowId,
    runId,
    metric: report.metric,
    modelPackage: report.modelPackage,
  };
}

/**
 * Tells each target by an activity of its own: one that does not answer is no reason to tell the others again. What fails here
 * is logged and never changes how the run ends; a run that is cancelled meanwhile doesn't wait for a receiver.
 */
async function tellTargets(
  pipeline: Pipeline,
  notification: Notification,
  progress: Progress,
  wants: (target: NotifyTarget) => boolean,
): Promise<void> {
  const targets = (pipeline.steps.notify ?? []).filter(wants);
  if (targets.length === 0) return;
  const summary = notification.code ?? notification.event;
  const activity = shortActivities[notification.code === null ? 'notifyAccepted' : 'notifyFailure'];
  const tell = (target: NotifyTarget, index: number) =>
    activity.executeWithOptions({ activityId: index === 0 ? 'notify' : `notify-${index + 1}`, summary }, [
      { target, notification },
    ]);
  try {
    await progress.step('notify', { engine: null, jobName: null }, async () => {
      const told = await Promise.allSettled(targets.map(tell));
      for (const result of told) {
        const isDelivered = result.status === 'fulfilled';
        if (isDelivered || !isCanceled(result.reason))
          tellNotification(progress.report, notification.event, isDelivered);
      }
      const failed = told.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    });
  } catch (error) {
    log.warn('not everybody could be notified', { error });
  }
}

async function previousOutcome({ name }: Pipeline) {
  try {
    return await shortActivities.previousOutcome.executeWithOptions(
      { activityId: 'previous-outcome', summary: 'how did the last run end?' },
      [{ pipeline: name }],
    );
  } catch (error) {
    log.warn('how the last run ended is not known', { error });
    return null;
  }
}
