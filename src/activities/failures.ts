import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { SluiceError, withHint, type ErrorCode } from '../core/errors.ts';

type Activity<Input, Output> = (input: Input) => Promise<Output>;

/** An unknown error that comes so often, each time a new attempt, comes for ever. With the pauses between them: after a minute and a half. */
const mostAttempts = 20;

/** The one border where our errors become Temporal's: code → type, the table → retryable. Anything unknown is retried, for a while. */
export function translateFailures<Input, Output>(activity: Activity<Input, Output>): Activity<Input, Output> {
  return async (input) => {
    try {
      return await activity(input);
    } catch (error) {
      const { cancellationSignal, cancellationDetails, info } = Context.current();
      // An AbortError would be reported as a cancellation even when the activity was paused, reset or shut down. Of a run that was
      // canceled, what broke because of it is no failure.
      if (
        cancellationSignal.aborted &&
        (cancellationDetails?.cancelRequested === true || !(error instanceof SluiceError))
      ) {
        throw cancellationSignal.reason;
      }
      if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error;
      throw toFailure(error instanceof SluiceError ? error : fromSystemError(error, info.attempt));
    }
  };
}

function toFailure(error: SluiceError): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type: error.code,
    message: withHint(error.code, error.message),
    nonRetryable: !error.retryable,
    details: [error.details],
    ...(error.retryAfterMs !== undefined && { nextRetryDelay: error.retryAfterMs }),
    ...(error.cause instanceof Error && { cause: error.cause }),
  });
  // Where in our code a job's failure was noticed helps nobody; it only hides the message in the Web UI.
  if (error.code !== 'JobInternalError') failure.stack = '';
  return failure;
}

const systemCodes: Record<string, ErrorCode> = {
  EACCES: 'AccessDenied',
  EPERM: 'AccessDenied',
  EROFS: 'AccessDenied',
  ENOSPC: 'StorageError',
  EDQUOT: 'StorageError',
  EIO: 'StorageError',
  EMFILE: 'StorageError',
};

function fromSystemError(error: unknown, attempt: number): SluiceError {
  const { code, message } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : systemCodes[code];
  const text = message || String(error);
  if (known !== undefined) return new SluiceError(known, text, { cause: error });
  const isLast = attempt >= mostAttempts;
  return new SluiceError('JobInternalError', isLast ? `${text} (attempt ${attempt}, the last)` : text, {
    cause: error,
    ...(isLast && { details: { attempts: attempt }, retryable: false }),
  });
}
