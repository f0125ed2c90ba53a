import type { SageMakerApi, SageMakerOperation } from '../../aws/sagemaker.ts';
import { SluiceError } from '../../core/errors.ts';
import type { Budget } from './budget.ts';
import type { Clock } from './clock.ts';
import type { AwsRequest } from './requests.ts';

/** Longer than any storm of throttling should last; then the activity fails, is retried, and comes back. */
const throttlingPatienceMs = 30 * 60_000;
const outageAttempts = 5;
const outagePauseMs = 1000;

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Hears that a request had no answer: SageMaker may have done what it asks for. */
  onLost?: () => void;
}

/**
 * Sends a request within the budget, and again while AWS throttles; a few times when it gives no answer or one of its own
 * errors. All of the requests may be repeated: the name of a job settles what a lost answer hid.
 */
export type Call = (request: AwsRequest, options?: CallOptions) => Promise<Record<string, unknown>>;

export function createCalls(api: SageMakerApi, budget: Budget, clock: Clock): Call {
  return async ({ operation, input }, { signal, onLost } = {}) => {
    const bucket = budget.of(operation);
    const started = clock.now();
    for (let outages = 0; ;) {
      await bucket.take(signal);
      try {
        const answer = await api.call(operation, input, mayBeGivenUp(operation) ? signal : undefined);
        bucket.succeeded();
        return answer;
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        if (error.code === 'Throttled') {
          bucket.throttled();
          if (clock.now() - started > throttlingPatienceMs) throw error;
        } else if (error.code === 'ServiceUnavailable') {
          onLost?.();
          outages += 1;
          if (outages >= outageAttempts) throw error;
          await clock.wait(outagePauseMs * 2 ** (outages - 1) * (0.5 + Math.random()), signal);
        } else {
          throw error;
        }
      }
    }
  };
}

/** A request to create that is given up on its way may still make a job, behind the back of who wants it stopped. */
const mayBeGivenUp = (operation: SageMakerOperation) => !operation.startsWith('Create');
