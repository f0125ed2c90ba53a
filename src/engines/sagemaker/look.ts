import { isAwsError } from '../../core/aws-facts.ts';
import { closely } from '../../core/closely.ts';
import type { Call } from './calls.ts';
import type { Clock } from './clock.ts';
import { parseDescription, type Description } from './descriptions.ts';
import { describeRequest, type JobKind } from './requests.ts';

/** Describes a job, once. Null: SageMaker says that there is none, in either of the two ways it has. */
export async function look(
  call: Call,
  kind: JobKind,
  name: string,
  signal?: AbortSignal,
): Promise<Description | null> {
  try {
    return parseDescription(kind, await call(describeRequest(kind, name), { signal }));
  } catch (error) {
    // The service model declares ResourceNotFound; what comes is a ValidationException (botocore's waiters look for it).
    if (isAwsError(error, 'ResourceNotFound', 'Validation')) return null;
    throw error;
  }
}

/** Describes a job, and again a few times before it believes that there is none. */
export const lookClosely = (
  { call, clock }: { call: Call; clock: Clock },
  kind: JobKind,
  name: string,
  signal?: AbortSignal,
): Promise<Description | null> => closely(clock, () => look(call, kind, name, signal), signal);
