import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobKinds, type JobKind } from '../../src/emulator/arn.ts';
import type { Life } from '../../src/emulator/script.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { ask, askRightly, jobs, model } from './client.ts';

let emulator: TestEmulator;
beforeEach(async () => {
  emulator = await openEmulator();
  await ask(emulator.endpoint, 'CreateModel', model('model'));
});
afterEach(() => emulator.close());

const call = (operation: string, input: unknown) => askRightly(emulator.endpoint, operation, input);
const createJob = (kind: JobKind, name: string, more = {}) =>
  call(`Create${kind}Job`, jobs[kind](name, more));
const stopJob = (kind: JobKind, name: string) => call(`Stop${kind}Job`, { [`${kind}JobName`]: name });
const describeJob = async (kind: JobKind, name: string) =>
  (await call(`Describe${kind}Job`, { [`${kind}JobName`]: name })).body;
const statusOf = async (kind: JobKind, name: string) => (await describeJob(kind, name))[`${kind}JobStatus`];
/** The next jobs of that name go so. */
const live = (name: string, life: Life) => emulator.emulator.setScript({ jobs: [{ job: name, life }] });
const phases = (name: string) => emulator.transitions(name).map(({ secondaryStatus }) => secondaryStatus);

describe.each(jobKinds)('a %s job', (kind) => {
  it('is in progress when it is created, and completed when its time has come', async () => {
    const { status, body } = await createJob(kind, 'job-1');
    const type = `${kind.toLowerCase()}-job`;
    expect([status, body]).toEqual([
      200,
      { [`${kind}JobArn`]: `arn:aws:sagemaker:eu-west-1:123456789012:${type}/job-1` },
    ]);
    expect(await statusOf(kind, 'job-1')).toBe('InProgress');
    emulator.advance(3600);
    expect(await statusOf(kind, 'job-1')).toBe('Completed');
    expect(phases('job-1')).toEqual(['Downloading', 'Training', 'Uploading', 'Completed']);
  });

  it('has the times of its life, in seconds since 1970', async () => {
    const start = emulator.emulator.clock.now() / 1000;
    await createJob(kind, 'job-1');
    emulator.advance(3600);
    const found = await describeJob(kind, 'job-1');
    expect(found.CreationTime).toBeCloseTo(start, 1);
    expect(found[`${kind}StartTime`]).toBeCloseTo(start + 60, 1);
    expect(found[`${kind}EndTime`]).toBeCloseTo(start + 60 + 20 + 180 + 15, 1);
  });

  it('keeps its name for ever', async () => {
    await createJob(kind, 'job-1');
    for (const when of ['while it runs', 'when it is over']) {
      const { status, body } = await createJob(kind, 'job-1');
      expect([status, body.__type], when).toEqual([400, 'ResourceInUse']);
      expect(body.Message).toMatch(/already exists \(arn:aws:sagemaker:.*job-1\)$/);
      emulator.advance(3600);
    }
    const elsewhere = await ask(emulator.endpoint, `Describe${kind}Job`, { [`${kind}JobName`]: 'job-2' });
    expect([elsewhere.status, elsewhere.body.__type]).toEqual([400, 'ValidationException']);
  });

  it('is stopping after a stop, and stopped a while later', async () => {
    await createJob(kind, 'job-1');
    emulator.advance(100);
    expect((await stopJob(kind, 'job-1')).status).toBe(200);
    expect(await statusOf(kind, 'job-1')).toBe('Stopping');
    expect((await stopJob(kind, 'job-1')).status).toBe(200);
    emulator.advance(20);
    expect(await statusOf(kind, 'job-1')).toBe('Stopped');
    expect(phases('job-1')).toEqual(['Downloading', 'Training', 'Stopping', 'Stopped']);
  });

  it('cannot be stopped when it is over', async () => {
    await createJob(kind, 'job-1');
    emulator.advance(3600);
    const { status, body } = await stopJob(kind, 'job-1');
    expect([status, body.__type]).toEqual([400, 'ValidationException']);
    expect(body.message).toContain('is in status Completed');
  });

  it('fails as the script says', async () => {
    live('job-*', { end: 'Failed', failAfter: 'Downloading', failureReason: 'ClientError: no such bucket' });
    await createJob(kind, 'job-1');
    emulator.advance(3600);
    const found = await describeJob(kind, 'job-1');
    expect(found).toMatchObject({
      [`${kind}JobStatus`]: 'Failed',
      FailureReason: 'ClientError: no such bucket',
    });
    expect(phases('job-1')).toEqual(['Downloading', 'Failed']);
  });

  it('may complete although it was asked to stop', async () => {
    live('*', { onStop: 'Completed' });
    await createJob(kind, 'job-1');
    await stopJob(kind, 'job-1');
    emulator.advance(3600);
    expect(await statusOf(kind, 'job-1')).toBe('Completed');
  });
});

describe('a training job', () => {
  it('shows its secondary statuses and how long each took', async () => {
    live('*', { pendingSeconds: 30 });
    await createJob('Training', 'job-1');
    emulator.advance(3600);
    const { SecondaryStatus, SecondaryStatusTransitions } = await describeJob('Training', 'job-1');
    const stays = SecondaryStatusTransitions as { Status: string; StartTime: number; EndTime: number }[];
    expect(SecondaryStatus).toBe('Completed');
    expect(stays.map(({ Status }) => Status)).toEqual([
      ...['Starting', 'Pending', 'Downloading', 'Training', 'Uploading', 'Completed'],
    ]);
    const durations = stays.map(({ StartTime, EndTime }) => Math.round(EndTime - StartTime));
    expect(durations).toEqual([60, 30, 20, 180, 15, 0]);
  });

  it('is stopped at its maximum run time', async () => {
    await createJob('Training', 'job-1', { StoppingCondition: { MaxRuntimeInSeconds: 100 } });
    emulator.advance(60 + 100);
    expect(await describeJob('Training', 'job-1')).toMatchObject({ TrainingJobStatus: 'Stopping' });
    emulator.advance(20);
    expect(await describeJob('Training', 'job-1')).toMatchObject({
      TrainingJobStatus: 'Stopped',
      SecondaryStatus: 'MaxRuntimeExceeded',
      TrainingTimeInSeconds: 120,
      BillableTimeInSeconds: 120,
    });
  });

  const spot = {
    EnableManagedSpotTraining: true,
    StoppingCondition: { MaxRuntimeInSeconds: 1000, MaxWaitTimeInSeconds: 2000 },
  };
  const checkpoints = { CheckpointConfig: { S3Uri: 's3://bucket/checkpoints' } };

  it.each([
    ['goes on from its checkpoints', checkpoints, 20 + 100 + 20 + 80 + 15],
    ['starts anew without checkpoints', {}, 20 + 100 + 20 + 180 + 15],
  ])(
    '%s when its spot instances are taken away, and is not billed meanwhile',
    async (_what, more, seconds) => {
      live('*', { interruptions: [100] });
      await createJob('Training', 'job-1', { ...spot, ...more });
      emulator.advance(3600);
      expect(phases('job-1')).toEqual([
        ...[
          'Downloading',
          'Training',
          'Interrupted',
          'Starting',
          'Downloading',
          'Training',
          'Uploading',
          'Completed',
        ],
      ]);
      const { TrainingTimeInSeconds, BillableTimeInSeconds } = await describeJob('Training', 'job-1');
      expect([TrainingTimeInSeconds, BillableTimeInSeconds]).toEqual([seconds, Math.ceil(seconds * 0.3)]);
    },
  );

  it('is restarted after an interruption where the script says so', async () => {
    live('*', { interruptions: [100], afterInterruption: 'Restarting' });
    await createJob('Training', 'job-1', spot);
    emulator.advance(3600);
    expect(phases('job-1').slice(2, 5)).toEqual(['Interrupted', 'Restarting', 'Downloading']);
    expect(await statusOf('Training', 'job-1')).toBe('Completed');
  });

  it.each([
    ['while it waits for instances', { pendingSeconds: 5000 }, ['Pending', 'MaxWaitTimeExceeded']],
    [
      'while it trains',
      { runningSeconds: 999, interruptions: [970] },
      [
        'Downloading',
        'Training',
        'Interrupted',
        'Starting',
        'Downloading',
        'Training',
        'Stopping',
        'MaxWaitTimeExceeded',
      ],
    ],
  ])('is stopped at its maximum wait %s', async (_when, life, expected) => {
    live('*', life);
    await createJob('Training', 'job-1', {
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 1500, MaxWaitTimeInSeconds: 1500 },
    });
    emulator.advance(10_000);
    expect(phases('job-1')).toEqual(expected);
    expect(await statusOf('Training', 'job-1')).toBe('Stopped');
  });

  it('is retried after an internal error as often as its RetryStrategy says', async () => {
    live('*', { end: 'Failed', failureReason: 'InternalServerError: again' });
    await createJob('Training', 'job-1', { RetryStrategy: { MaximumRetryAttempts: 1 } });
    emulator.advance(3600);
    expect(phases('job-1')).toEqual([
      'Downloading',
      'Training',
      'Starting',
      'Downloading',
      'Training',
      'Failed',
    ]);
  });
});

it.each(['Processing', 'Training'] as const)(
  'a %s job can be deleted when it is over, and its name is free again',
  async (kind) => {
    await createJob(kind, 'job-1');
    const name = { [`${kind}JobName`]: 'job-1' };
    expect((await call(`Delete${kind}Job`, name)).body.__type).toBe('ResourceInUse');
    emulator.advance(3600);
    expect((await call(`Delete${kind}Job`, name)).status).toBe(200);
    expect((await call(`Describe${kind}Job`, name)).status).toBe(400);
    expect((await createJob(kind, 'job-1')).status).toBe(200);
  },
);
