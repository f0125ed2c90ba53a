import { describe, expect, it } from 'vitest';
import { createSageMakerApi } from '../../../src/aws/sagemaker.ts';
import { SluiceError } from '../../../src/core/errors.ts';
import { failureOf } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { jobs, kinds, signal, slowNetwork, standPerTest, watch } from './stand.ts';

const stand = standPerTest();
const operations = () => stand.emulator.requests().map(({ operation }) => operation);
/** Jobs that were really made, by name. */
const made = (name = 'job-1') =>
  stand.emulator
    .requests()
    .filter((call) => call.name === name && /^Create.*Job$/.test(call.operation) && call.committed).length;

describe.each(kinds)('a %s job', (kind) => {
  const job = jobs[kind];

  it('is made once and seen to its end', async () => {
    const ref = await stand.engine.ensure('job-1', job, signal());
    expect(ref).toEqual({ engine: 'sagemaker', name: 'job-1', kind, adopted: false });
    expect(await watch(stand, stand.engine, ref)).toMatchObject({
      status: 'succeeded',
      logTail: [],
      remote: {
        status: 'Completed',
        arn: expect.stringContaining('job-1'),
        consoleUrl: expect.stringContaining('job-1'),
      },
    });
    expect(made()).toBe(1);
    expect(stand.logCalls).toBe(0);
  });

  it('is known to be starting without a call when it was just made', async () => {
    const ref = await stand.engine.ensure('job-1', job, signal());
    expect(await stand.engine.describe(ref)).toMatchObject({
      status: 'running',
      phase: 'starting',
      startedAt: null,
    });
    expect(operations()).not.toContain(`Describe${kind}Job`);
  });

  it('is adopted by another worker, whatever became of it', async () => {
    await stand.engine.ensure('job-1', job, signal());
    const other = stand.other();
    const ref = await other.ensure('job-1', job, signal());
    expect((await watch(stand, other, ref)).status).toBe('succeeded');
    const third = stand.other();
    await third.ensure('job-1', job, signal());
    expect((await third.describe(ref)).status).toBe('succeeded');
    expect(made()).toBe(1);
  });

  it('of the same name, made from another request, is not adopted', async () => {
    await stand.engine.ensure('job-1', job, signal());
    const changed = { ...job, tags: { ...job.tags, team: 'other' } };
    const failure = await failureOf(stand.other().ensure('job-1', changed, signal()));
    expect(failure).toMatchObject({ code: 'SpecMismatch', message: expect.stringContaining('job-1') });
    expect(made()).toBe(1);
  });

  it('of the same name that Sluice did not make is not adopted', async () => {
    await createSageMakerApi('us-east-1').call(`Create${kind}Job`, {
      [`${kind}JobName`]: 'job-1',
      ...job.body,
    });
    const failure = await failureOf(stand.engine.ensure('job-1', job, signal()));
    expect(failure).toMatchObject({ code: 'SpecMismatch' });
  });

  it('is stopped, and is over only when SageMaker says so', async () => {
    const ref = await stand.engine.ensure('job-1', job, signal());
    await stand.engine.describe(ref);
    stand.emulator.advance(100);
    await stand.engine.stop(ref);
    expect(await stand.engine.describe(ref)).toMatchObject({ status: 'running', phase: 'stopping' });
    expect((await watch(stand, stand.engine, ref)).status).toBe('stopped');
  });

  it('that is over is stopped without an error', async () => {
    const ref = await stand.engine.ensure('job-1', job, signal());
    expect((await watch(stand, stand.engine, ref)).status).toBe('succeeded');
    await stand.engine.stop(ref);
    await stand.other().stop(ref);
    expect((await stand.other().describe(ref)).status).toBe('succeeded');
  });

  it('that never was is missing, and is stopped without an error', async () => {
    const ref = { engine: 'sagemaker', name: 'job-9', kind };
    await stand.engine.stop(ref);
    expect(await stand.engine.describe(ref)).toEqual({ status: 'missing' });
  });

  it.each(['ValidationException', 'ResourceNotFound'])(
    'may be unknown for a while after it was made, in the words of %s',
    async (code) => {
      const ref = await stand.engine.ensure('job-1', job, signal());
      await stand.engine.describe(ref);
      stand.emulator.fault({ fault: 'error', operation: 'Describe*', code, times: 3 });
      for (let count = 0; count < 3; count += 1) {
        stand.emulator.advance(10);
        expect(await stand.engine.describe(ref)).toMatchObject({ status: 'running', phase: 'starting' });
      }
      expect((await watch(stand, stand.engine, ref)).status).toBe('succeeded');
    },
  );

  it('that vanishes is missing, but not at the first word', async () => {
    const ref = await stand.engine.ensure('job-1', job, signal());
    stand.emulator.advance(90);
    stand.emulator.fault({ fault: 'error', operation: 'Describe*', code: 'ValidationException', times: 3 });
    expect((await stand.engine.describe(ref)).status).toBe('running');
    expect((await stand.engine.describe(ref)).status).toBe('running');
    stand.emulator.fault({ fault: 'vanish' });
    expect(await stand.engine.describe(ref)).toEqual({ status: 'missing' });
  });
});

describe('a request to create a job', () => {
  const job = jobs.Training;

  it.each([
    ['whose answer is lost', { fault: 'lost-response' }],
    ['that is lost', { fault: 'lost-request' }],
    ['that ends in an error of AWS after the job was made', { fault: 'server-error', when: 'after' }],
    ['that ends in an error of AWS', { fault: 'server-error', status: 503 }],
  ] as const)('%s makes one job', async (_what, fault) => {
    stand.emulator.fault({ ...fault, operation: 'Create*Job', times: 2 });
    const ref = await stand.engine.ensure('job-1', job, signal());
    expect((await watch(stand, stand.engine, ref)).status).toBe('succeeded');
    expect(made()).toBe(1);
  });

  it('that AWS never answers is given up in the end, and settled by the next attempt', async () => {
    stand.emulator.fault({ fault: 'lost-response', operation: 'Create*Job', times: 1 });
    stand.emulator.fault({ fault: 'server-error', operation: 'Create*Job', skip: 1, times: 4 });
    const failure = await failureOf(stand.engine.ensure('job-1', job, signal()));
    expect(failure).toMatchObject({ code: 'ServiceUnavailable', retryable: true });
    await stand.engine.ensure('job-1', job, signal());
    expect(made()).toBe(1);
  });

  it('waits for as long as AWS throttles, and makes one job', async () => {
    stand.emulator.fault({ fault: 'throttle', operation: 'Create*Job', times: 30 });
    const begun = stand.emulator.emulator.clock.now();
    await stand.engine.ensure('job-1', job, signal());
    expect(made()).toBe(1);
    // The slower, the longer it lasts: at the end one call in ten seconds.
    expect(stand.emulator.emulator.clock.now() - begun).toBeGreaterThan(150_000);
  });

  it('is refused with what AWS says, and nothing is left to stop', async () => {
    const wrong = { ...job, body: { ...job.body, RoleArn: undefined } } as typeof job;
    const failure = await failureOf(stand.engine.ensure('job-1', wrong, signal()));
    expect(failure).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/CreateTrainingJob job-1: ValidationException: .*[rR]ole/),
    });
    const calls = operations().length;
    const ref = { engine: 'sagemaker', name: 'job-1', kind: 'Training' } as const;
    await stand.engine.stop(ref);
    expect(await stand.engine.describe(ref)).toEqual({ status: 'missing' });
    expect(operations()).toHaveLength(calls);
  });

  it('above a quota says which', async () => {
    stand.emulator.fault({ fault: 'quota' });
    expect(await failureOf(stand.engine.ensure('job-1', job, signal()))).toMatchObject({
      code: 'QuotaExceeded',
      message: expect.stringContaining('ResourceLimitExceeded'),
    });
    expect(made()).toBe(0);
  });

  it('above a quota that the same job has filled, made by a worker that died, adopts it', async () => {
    await stand.engine.ensure('job-1', job, signal());
    stand.emulator.fault({ fault: 'quota' });
    const other = stand.other();
    const ref = await other.ensure('job-1', job, signal());
    expect((await watch(stand, other, ref)).status).toBe('succeeded');
  });

  it.each([
    ['a quota', { fault: 'quota' }],
    ['a refusal', { fault: 'error', operation: 'CreateTrainingJob', code: 'ValidationException' }],
  ] as const)(
    'whose answer was lost before %s is looked for until it must be there',
    async (_what, fault) => {
      stand.emulator.fault({ fault: 'lost-response', operation: 'CreateTrainingJob', times: 1 });
      stand.emulator.fault({ ...fault, skip: 1 });
      const notYet = { fault: 'error', code: 'ValidationException' } as const;
      stand.emulator.fault({ ...notYet, operation: 'DescribeTrainingJob', times: 7 });
      const ref = await stand.engine.ensure('job-1', job, signal());
      expect(ref.adopted).toBe(true);
      expect((await watch(stand, stand.engine, ref)).status).toBe('succeeded');
      expect(made()).toBe(1);
    },
  );

  it('whose answer was lost is looked for by the next attempt, too', async () => {
    stand.emulator.fault({ fault: 'lost-response', operation: 'CreateTrainingJob', times: 1 });
    stand.emulator.fault({ fault: 'server-error', operation: 'CreateTrainingJob', skip: 1, times: 4 });
    await failureOf(stand.engine.ensure('job-1', job, signal()));
    stand.emulator.fault({ fault: 'quota' });
    const notYet = { fault: 'error', code: 'ValidationException' } as const;
    stand.emulator.fault({ ...notYet, operation: 'DescribeTrainingJob', times: 7 });
    expect((await stand.engine.ensure('job-1', job, signal())).adopted).toBe(true);
  });

  it.each([
    ['a quota', { fault: 'quota' }],
    ['a refusal', { fault: 'error', operation: 'CreateTrainingJob', code: 'ValidationException' }],
    ['its name, which is taken', undefined],
  ] as const)(
    'of a worker that died before it heard the answer is looked for until it must be there, before %s is believed',
    async (_what, refused) => {
      stand.emulator.fault({ fault: 'not-yet', seconds: 55, times: 1 });
      await stand.engine.ensure('job-1', job, signal(), undefined, true);
      if (refused) stand.emulator.fault(refused);
      const other = stand.other();
      const ref = await other.ensure('job-1', job, signal());
      expect(ref.adopted).toBe(true);
      expect((await watch(stand, other, ref)).status).toBe('succeeded');
      expect(made()).toBe(1);
    },
  );

  it('of a worker that died is stopped when it appears, by another that knows nothing of it', async () => {
    stand.emulator.fault({ fault: 'not-yet', seconds: 55, times: 1 });
    const ref = await stand.engine.ensure('job-1', job, signal(), undefined, true);
    const other = stand.other();
    await other.stop(ref);
    expect((await watch(stand, other, ref)).status).toBe('stopped');
  });

  it('that nobody made before is refused without waiting for what cannot appear', async () => {
    stand.emulator.fault({ fault: 'quota' });
    const begun = stand.emulator.emulator.clock.now();
    const failure = await failureOf(stand.engine.ensure('job-1', job, signal(), undefined, true));
    expect(failure).toMatchObject({ code: 'QuotaExceeded' });
    expect(stand.emulator.emulator.clock.now() - begun).toBeLessThan(10_000);
  });

  it.each(['ResourceNotFound', 'ValidationException'])(
    'finds the job whose tags come later, in the words of %s',
    async (code) => {
      await stand.engine.ensure('job-1', job, signal());
      stand.emulator.fault({ fault: 'error', operation: 'ListTags', code, times: 8 });
      expect((await stand.other().ensure('job-1', job, signal())).adopted).toBe(true);
    },
  );

  it('with expired credentials fails for now, and the next attempt adopts', async () => {
    await stand.engine.ensure('job-1', job, signal());
    stand.emulator.fault({ fault: 'expired-credentials' });
    const ref = { engine: 'sagemaker', name: 'job-1', kind: 'Training' } as const;
    const attempts = [
      () => stand.other().ensure('job-1', job, signal()),
      () => stand.other().describe(ref),
      () => stand.engine.stop(ref),
    ];
    for (const attempt of attempts)
      expect(await failureOf(attempt())).toMatchObject({ code: 'CredentialsExpired', retryable: true });
    stand.emulator.clearFaults();
    const other = stand.other();
    expect((await watch(stand, other, await other.ensure('job-1', job, signal()))).status).toBe('succeeded');
    expect(made()).toBe(1);
  });

  it('is not sent for a run that is cancelled while it waits for its turn', async () => {
    stand.emulator.fault({ fault: 'throttle', operation: 'Create*Job' });
    const controller = new AbortController();
    const cancelled = new SluiceError('JobStopped', 'cancelled');
    const ensuring = stand.engine.ensure('job-1', job, controller.signal);
    controller.abort(cancelled);
    expect(await failureOf(ensuring)).toBe(cancelled);
    stand.emulator.clearFaults();
    expect(made()).toBe(0);
  });
});

describe('a run that is cancelled while its job is made', () => {
  const job = jobs.Training;

  it('finds the job whose answer was lost, and stops it', async () => {
    stand.emulator.fault({ fault: 'lost-response', operation: 'CreateTrainingJob' });
    const controller = new AbortController();
    const ensuring = failureOf(stand.engine.ensure('job-1', job, controller.signal));
    await until(() => made() === 1);
    controller.abort(new Error('cancelled'));
    await ensuring;
    // The job cannot be seen yet.
    const notYet = { fault: 'error', code: 'ValidationException', times: 4 } as const;
    stand.emulator.fault({ ...notYet, operation: 'StopTrainingJob' });
    stand.emulator.fault({ ...notYet, operation: 'DescribeTrainingJob' });
    const ref = { engine: 'sagemaker', name: 'job-1', kind: 'Training' } as const;
    await stand.engine.stop(ref);
    expect((await watch(stand, stand.engine, ref)).status).toBe('stopped');
    expect(made()).toBe(1);
  });

  it('waits for the answer, so that the job is there to be stopped', async () => {
    const network = slowNetwork();
    const engine = stand.other(network);
    const controller = new AbortController();
    const ensuring = failureOf(engine.ensure('job-1', job, controller.signal));
    await until(() => network.held === 1);
    controller.abort(new Error('cancelled'));
    // Whoever does not wait has asked for the stop by now.
    setTimeout(() => network.letThrough(), 200);
    expect((await ensuring).message).toBe('cancelled');
    const ref = { engine: 'sagemaker', name: 'job-1', kind: 'Training' } as const;
    await engine.stop(ref);
    await until(() => made() === 1);
    expect((await watch(stand, engine, ref)).status).toBe('stopped');
  });
});
