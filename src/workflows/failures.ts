import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TimeoutFailure,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import { SluiceError, withHint } from '../core/errors.ts';
import { describeRule, type Rule } from '../core/gate.ts';

/**
 * Whether the run was cancelled, whatever its activity says: one that died while it stopped its job fails, and what breaks because
 * it is given up is no failure of the step.
 */
export function isCanceled(error: unknown): boolean {
  if (isCancellation(error)) return true;
  return error instanceof ActivityFailure && CancellationScope.current().consideredCancelled;
}

/** The failure that a run ends with: the step's own, not the wrapper that says an activity failed. */
export function runFailure(error: unknown): unknown {
  if (isCanceled(error)) return isCancellation(error) ? error : new CancelledFailure('The run was canceled');
  if (error instanceof SluiceError) return verdict(error);
  if (!(error instanceof ActivityFailure)) return error;
  const { cause, activityType, activityId } = error;
  if (cause instanceof ApplicationFailure) {
    const failure = ApplicationFailure.create({
      type: cause.type ?? 'JobInternalError',
      message: `${activityId ?? activityType}: ${cause.message}`,
      nonRetryable: true,
      details: cause.details ?? [],
      cause: error,
    });
    failure.stack = cause.stack ?? '';
    return failure;
  }
  const timedOut =
    cause instanceof TimeoutFailure
      ? `no worker finished it in time (${cause.timeoutType})`
      : rootCause(error);
  const message = withHint('ServiceUnavailable', `${activityId ?? activityType}: ${timedOut ?? 'failed'}`);
  return ApplicationFailure.create({ type: 'ServiceUnavailable', message, nonRetryable: true, cause: error });
}

/** A plain error would make the workflow task retry for ever, so our own become Temporal's. */
export function verdict(error: SluiceError): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable(
    withHint(error.code, error.message),
    error.code,
    error.details,
  );
  failure.stack = '';
  return failure;
}

export function rejected(rule: Rule, value: number): ApplicationFailure {
  const message = `The model is rejected: ${describeRule(rule, value)} does not hold`;
  return verdict(new SluiceError('QualityGateRejected', message, { details: { ...rule, value } }));
}

export function undecidable(rule: Rule, reason: string): ApplicationFailure {
  const message = `Whether ${describeRule(rule)} cannot be decided: ${reason}`;
  return verdict(new SluiceError('QualityGateUndecidable', message, { details: { ...rule } }));
}
