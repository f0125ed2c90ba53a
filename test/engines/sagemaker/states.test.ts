import { describe, expect, it } from 'vitest';
import type { JobFailureCode } from '../../../src/core/jobs.ts';
import { createdJob, parseDescription } from '../../../src/engines/sagemaker/descriptions.ts';
import type { JobKind } from '../../../src/engines/sagemaker/requests.ts';
import { jobState } from '../../../src/engines/sagemaker/states.ts';

const kinds = ['Processing', 'Training', 'Transform'] as const;
const start = new Date('2026-11-25T10:00:00Z');
const end = new Date('2026-11-25T10:30:00Z');
const limit = 3600;

const arnOf = (kind: JobKind) => `arn:aws:sagemaker:eu-west-1:123456789012:${kind.toLowerCase()}-job/job-1`;

/** An answer of Describe, with what the test says of it; a field without a prefix gets that of the kind. */
function describeAnswer(kind: JobKind, status: string, more: Record<string, unknown> = {}) {
  return {
    [`${kind}JobName`]: 'job-1',
    [`${kind}JobArn`]: arnOf(kind),
    [`${kind}JobStatus`]: status,
    CreationTime: new Date('2026-11-25T09:55:00Z'),
    [`${kind}StartTime`]: start,
    [`${kind}EndTime`]: end,
    SomethingNew: { of: ['AWS'] },
    ...more,
  };
}
const stateOf = (
  kind: JobKind,
  status: string,
  more?: Record<string, unknown>,
  maxSeconds: number | null = limit,
) => jobState(kind, parseDescription(kind, describeAnswer(kind, status, more)), maxSeconds);

describe('a job that SageMaker says is', () => {
  it.each(kinds.flatMap((kind) => ['InProgress', 'Stopping'].map((status) => [kind, status] as const)))(
    '%s %s goes on',
    (kind, status) => {
      expect(stateOf(kind, status)).toMatchObject({ status: 'running', startedAt: start.toISOString() });
    },
  );

  it.each(kinds)('%s Completed has succeeded', (kind) => {
    expect(
      stateOf(kind, 'Completed', kind === 'Training' ? { SecondaryStatus: 'Completed' } : {}),
    ).toMatchObject({
      status: 'succeeded',
      startedAt: start.toISOString(),
      endedAt: end.toISOString(),
    });
  });

  it.each(kinds)('%s Stopped was stopped, which is never a success', (kind) => {
    expect(stateOf(kind, 'Stopped', kind === 'Training' ? { SecondaryStatus: 'Stopped' } : {}).status).toBe(
      'stopped',
    );
  });

  it.each(kinds.flatMap((kind) => ['Deleting', 'Levitating', ''].map((status) => [kind, status] as const)))(
    '%s in the unknown state "%s" is not over',
    (kind, status) => {
      expect(stateOf(kind, status).status).toBe('running');
    },
  );
});

const secondary: [status: string, secondary: string, expected: string, code?: JobFailureCode][] = [
  ...[
    ...['Starting', 'Pending', 'LaunchingMLInstances', 'PreparingTrainingStack', 'Downloading'],
    ...['DownloadingTrainingImage', 'Training', 'Interrupted', 'Uploading', 'Updating', 'Restarting'],
    ...['Stopping', 'Completed', 'Failed', 'Stopped', 'MaxRuntimeExceeded', 'MaxWaitTimeExceeded'],
    ...['Levitating', ''],
  ].map((name): [string, string, string] => ['InProgress', name, 'running']),
  ['Stopping', 'Stopping', 'running'],
  ['Stopping', 'MaxRuntimeExceeded', 'running'],
  ['Completed', 'Completed', 'succeeded'],
  ['Completed', 'Levitating', 'succeeded'],
  ['Completed', 'MaxRuntimeExceeded', 'failed', 'JobTimedOut'],
  ['Completed', 'MaxWaitTimeExceeded', 'failed', 'JobInterrupted'],
  ['Completed', 'Stopped', 'stopped'],
  ['Stopped', 'Stopped', 'stopped'],
  ['Stopped', 'Levitating', 'stopped'],
  ['Stopped', 'MaxRuntimeExceeded', 'failed', 'JobTimedOut'],
  ['Stopped', 'MaxWaitTimeExceeded', 'failed', 'JobInterrupted'],
  ['Failed', 'Failed', 'failed', 'JobFailed'],
  ['Failed', 'Levitating', 'failed', 'JobFailed'],
];

describe('a training job', () => {
  it.each(secondary)('of status %s and secondary status "%s" is %s %s', (status, name, expected, code) => {
    const state = stateOf('Training', status, { SecondaryStatus: name });
    expect(state).toMatchObject({ status: expected, ...(code && { code }) });
    expect(state).toMatchObject({ remote: { status, secondaryStatus: name } });
  });

  it.each([
    ['Starting', 'starting'],
    ['LaunchingMLInstances', 'launching ml instances'],
    ['DownloadingTrainingImage', 'downloading training image'],
    ['Interrupted', 'interrupted, waiting for spot instances'],
    ['Levitating', 'levitating'],
  ])('in secondary status %s says "%s"', (name, phase) => {
    expect(stateOf('Training', 'InProgress', { SecondaryStatus: name })).toMatchObject({ phase });
  });

  it('says what it costs, all instances together', () => {
    const state = stateOf('Training', 'Completed', {
      SecondaryStatus: 'Completed',
      BillableTimeInSeconds: 100,
      TrainingTimeInSeconds: 400,
      ResourceConfig: { InstanceCount: 3 },
    });
    expect(state).toMatchObject({ remote: { billableSeconds: 300, trainingSeconds: 1200 } });
  });
});

describe('a processing or transform job that was stopped', () => {
  it.each(['Processing', 'Transform'] as const)('at the end of its run time has timed out: %s', (kind) => {
    expect(stateOf(kind, 'Stopped', {}, 1800)).toMatchObject({ status: 'failed', code: 'JobTimedOut' });
    expect(stateOf(kind, 'Stopped', {}, 1801).status).toBe('stopped');
    expect(stateOf(kind, 'Stopped', {}, null).status).toBe('stopped');
  });

  it('before it started was stopped', () => {
    expect(stateOf('Processing', 'Stopped', { ProcessingStartTime: undefined }, 1)).toEqual({
      status: 'stopped',
      startedAt: '2026-11-25T09:55:00.000Z',
      endedAt: end.toISOString(),
      logTail: [],
      remote: expect.anything(),
    });
  });
});

const reasons: [reason: string, code: JobFailureCode, exitCode: number | null][] = [
  ['AlgorithmError: ExecuteUserScriptError:\nKeyError: rings, exit code: 7', 'JobFailed', 7],
  ['AlgorithmError: See job logs for more information', 'JobFailed', null],
  ['AlgorithmError: the script said CapacityError: nothing left', 'JobFailed', null],
  ['ClientError: Data download failed: Access Denied', 'JobFailed', null],
  [
    'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.',
    'CapacityUnavailable',
    null,
  ],
  ['InternalServerError: We encountered an internal error. Please try again.', 'JobInternalError', null],
  ['SomethingNewError: that AWS invented', 'JobFailed', null],
  ['no prefix at all', 'JobFailed', null],
  ['', 'JobFailed', null],
];

describe('why a job failed', () => {
  it.each(reasons)('is told by the first word: "%s" is %s', (reason, code, exitCode) => {
    for (const kind of kinds) {
      const state = stateOf(kind, 'Failed', { FailureReason: reason });
      const words = reason === '' ? 'SageMaker gives no reason' : reason;
      expect(state).toMatchObject({ status: 'failed', code, exitCode, reason: words });
    }
  });

  it('may not be told at all', () => {
    expect(stateOf('Transform', 'Failed')).toMatchObject({
      code: 'JobFailed',
      reason: 'SageMaker gives no reason',
    });
  });
});

describe('what a job said', () => {
  it('is told with the reason of its failure', () => {
    const FailureReason = 'AlgorithmError: See job logs for more information';
    expect(stateOf('Processing', 'Failed', { FailureReason, ExitMessage: 'no rows left' })).toMatchObject({
      reason: `${FailureReason} (no rows left)`,
    });
    expect(stateOf('Processing', 'Failed', { FailureReason, ExitMessage: FailureReason })).toMatchObject({
      reason: FailureReason,
    });
  });

  it('at its end is its exit message', () => {
    expect(stateOf('Processing', 'Completed', { ExitMessage: '4177 rows' })).toMatchObject({
      exitMessage: '4177 rows',
    });
    expect(stateOf('Processing', 'Completed')).toMatchObject({ exitMessage: null });
  });
});

describe('a job that was just made', () => {
  it.each(kinds)('is starting: %s', (kind) => {
    const job = createdJob(kind, { [`${kind}JobArn`]: arnOf(kind) }, start);
    expect(jobState(kind, job, limit)).toMatchObject({
      status: 'running',
      phase: 'starting',
      startedAt: null,
      remote: { arn: arnOf(kind), status: 'InProgress', consoleUrl: expect.stringContaining('job-1') },
    });
  });
});

describe('an answer that is none', () => {
  it('is tried again', () => {
    expect(() => parseDescription('Training', { TrainingJobStatus: 7 })).toThrow(
      expect.objectContaining({ code: 'ServiceUnavailable' }),
    );
  });
});
