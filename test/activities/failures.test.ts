import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { translateFailures } from '../../src/activities/failures.ts';
import { toSluiceError } from '../../src/aws/errors.ts';
import { SluiceError } from '../../src/core/errors.ts';

type Info = ConstructorParameters<typeof MockActivityEnvironment>[0];

type Cancellation = ConstructorParameters<typeof ActivityCancellationDetails>[0];

/** What the activity ends with that throws the error. */
async function endOf(error: unknown, { info, cancel }: { info?: Info; cancel?: Cancellation } = {}) {
  const environment = new MockActivityEnvironment(info);
  if (cancel) environment.cancel('CANCELLED', new ActivityCancellationDetails(cancel));
  const activity = translateFailures(() => Promise.reject(error as Error));
  return environment.run(activity, undefined).then(
    () => undefined,
    (failure: unknown) => failure,
  );
}

describe('an activity that was asked to end', () => {
  const broken = new SluiceError('EngineUnavailable', 'the connection was given up');

  it('is canceled if its run was, whatever broke on the way', async () => {
    expect(await endOf(broken, { cancel: { cancelRequested: true } })).toBeInstanceOf(CancelledFailure);
    expect(await endOf(new Error('aborted'), { cancel: { cancelRequested: true } })).toBeInstanceOf(
      CancelledFailure,
    );
  });

  it('is tried again if only its worker ends', async () => {
    const failure = await endOf(broken, { cancel: { workerShutdown: true } });
    expect(failure).toMatchObject({ type: 'EngineUnavailable', nonRetryable: false });
  });
});

describe('an error that says how long to wait', () => {
  it('is tried again after that time, whatever the retry policy has', async () => {
    const thrown = Object.assign(new Error('it is expired'), {
      name: 'ExpiredTokenException',
      $metadata: {},
    });
    const expired = toSluiceError(thrown, 'GetCallerIdentity');
    expect(await endOf(expired)).toMatchObject({
      type: 'CredentialsExpired',
      nonRetryable: false,
      nextRetryDelay: 20_000,
    });
    expect(await endOf(new SluiceError('Throttled', 'AWS takes no more calls'))).toMatchObject({
      nonRetryable: false,
      nextRetryDelay: undefined,
    });
  });
});

describe('an error that is none of ours', () => {
  it('is tried again some times, and no more', async () => {
    const bug = new TypeError('x is not a function');
    const first = await endOf(bug, { info: { attempt: 1 } });
    expect(first).toBeInstanceOf(ApplicationFailure);
    expect(first).toMatchObject({ type: 'JobInternalError', nonRetryable: false });
    const last = await endOf(bug, { info: { attempt: 20 } });
    expect(last).toMatchObject({ type: 'JobInternalError', nonRetryable: true });
    expect((last as Error).message).toMatch(/^x is not a function \(attempt 20, the last\)/);
  });
});
