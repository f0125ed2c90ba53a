import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultInput } from '../../src/emulator/faults.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { ask, model, modelPackage, processingJob, signature, trainingJob, transformJob } from './client.ts';

let emulator: TestEmulator;
beforeEach(async () => (emulator = await openEmulator()));
afterEach(() => emulator.close());

const create = (name: string, more = {}) =>
  ask(emulator.endpoint, 'CreateTrainingJob', trainingJob(name, more));
const describeJob = (TrainingJobName: string, headers = {}) =>
  ask(emulator.endpoint, 'DescribeTrainingJob', { TrainingJobName }, headers);
const isThere = (name: string) => emulator.emulator.find(name).length === 1;

describe('a fault on command', () => {
  it.each<[FaultInput, number, string]>([
    [{ fault: 'throttle' }, 400, 'ThrottlingException'],
    [{ fault: 'server-error' }, 500, 'InternalFailure'],
    [{ fault: 'server-error', status: 503 }, 503, 'ServiceUnavailable'],
    [{ fault: 'expired-credentials' }, 403, 'ExpiredTokenException'],
    [{ fault: 'error', code: 'AccessDeniedException', status: 403 }, 403, 'AccessDeniedException'],
    [{ fault: 'quota' }, 400, 'ResourceLimitExceeded'],
  ])('%j refuses a job, and nothing was made', async (fault, status, code) => {
    emulator.fault({ ...fault, times: 1 });
    const refused = await create('job-1');
    expect([refused.status, refused.body.__type, isThere('job-1')]).toEqual([status, code, false]);
    expect(emulator.requests().at(-1)).toMatchObject({ committed: false, faults: [fault.fault], status });
    expect((await create('job-1')).status).toBe(200);
  });

  it.each<[string, FaultInput, boolean]>([
    ['before', { fault: 'lost-request' }, false],
    ['after', { fault: 'lost-response' }, true],
  ])('drops the connection %s the job was made', async (_when, fault, made) => {
    emulator.fault({ ...fault, times: 1 });
    await expect(create('job-1')).rejects.toThrow();
    expect(isThere('job-1')).toBe(made);
    expect(emulator.requests().at(-1)).toMatchObject({ status: null, committed: made });
    expect((await create('job-1')).body.__type).toBe(made ? 'ResourceInUse' : undefined);
  });

  it('fails after the job was made', async () => {
    emulator.fault({ fault: 'server-error', when: 'after' });
    expect((await create('job-1')).status).toBe(500);
    expect(isThere('job-1')).toBe(true);
  });

  it.each<[FaultInput, RegExp]>([
    [{ fault: 'capacity' }, /^CapacityError: /],
    [{ fault: 'internal-failure' }, /^InternalServerError: /],
    [
      { fault: 'life', life: { end: 'Failed', failureReason: 'AlgorithmError: mine' } },
      /^AlgorithmError: mine$/,
    ],
  ])('%j lets the job fail', async (fault, reason) => {
    emulator.fault(fault);
    await create('job-1');
    emulator.advance(3600);
    expect((await describeJob('job-1')).body.FailureReason).toMatch(reason);
  });

  it('shows an older state, or states out of order', async () => {
    await create('job-1');
    emulator.advance(100);
    const phase = async () => (await describeJob('job-1')).body.SecondaryStatus;
    emulator.fault({ fault: 'stale', times: 1 });
    emulator.fault({ fault: 'stale', skip: 1, times: 1, transitions: 2 });
    expect([await phase(), await phase(), await phase()]).toEqual(['Downloading', 'Starting', 'Training']);
    emulator.clearFaults();
    emulator.fault({ fault: 'stale', transitions: 'any' });
    const seen = new Set<unknown>();
    for (let asked = 0; asked < 30; asked++) seen.add(await phase());
    expect([...seen].sort()).toEqual(['Downloading', 'Starting']);
  });

  it('shows the same older states to the same calls, whatever is asked beside them', async () => {
    const phasesOf = async (disturbed: boolean) => {
      const one = await openEmulator({ file: { faults: [{ fault: 'stale', transitions: 'any' }] } });
      try {
        for (const name of ['job-1', 'job-2'])
          await ask(one.endpoint, 'CreateTrainingJob', trainingJob(name));
        one.advance(100);
        const phases: unknown[] = [];
        for (let asked = 0; asked < 20; asked++) {
          if (disturbed) await ask(one.endpoint, 'DescribeTrainingJob', { TrainingJobName: 'job-2' });
          const { body } = await ask(one.endpoint, 'DescribeTrainingJob', { TrainingJobName: 'job-1' });
          phases.push(body.SecondaryStatus);
        }
        return phases;
      } finally {
        await one.close();
      }
    };
    expect(await phasesOf(true)).toEqual(await phasesOf(false));
  });

  it('shows states that no client knows, until the job is over', async () => {
    emulator.fault({ fault: 'unknown-state', status: 'Pondering' });
    await create('job-1');
    expect((await describeJob('job-1')).body).toMatchObject({
      TrainingJobStatus: 'Pondering',
      SecondaryStatus: 'Levitating',
    });
    emulator.advance(3600);
    expect((await describeJob('job-1')).body.TrainingJobStatus).toBe('Completed');
  });

  it('takes the spot instances of a job away', async () => {
    await create('job-1', {
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 1000, MaxWaitTimeInSeconds: 2000 },
    });
    emulator.advance(100);
    emulator.fault({ fault: 'interrupt', times: 1 });
    expect((await describeJob('job-1')).body.SecondaryStatus).toBe('Interrupted');
  });

  it('lets a job vanish', async () => {
    await create('job-1');
    emulator.fault({ fault: 'vanish', times: 1 });
    expect((await describeJob('job-1')).body.__type).toBe('ValidationException');
    emulator.advance(3600);
    expect(emulator.transitions()).toEqual([]);
  });

  const list = async () => (await ask(emulator.endpoint, 'ListTrainingJobs', {})).body.TrainingJobSummaries;
  const tagsOf = (ResourceArn: unknown) => ask(emulator.endpoint, 'ListTags', { ResourceArn });

  it('hides from reads what was just made, whose name is taken and whose work goes on', async () => {
    emulator.fault({ fault: 'not-yet', seconds: 30, times: 1 });
    const { TrainingJobArn } = (await create('job-1')).body;
    for (const operation of ['DescribeTrainingJob', 'StopTrainingJob'])
      expect((await ask(emulator.endpoint, operation, { TrainingJobName: 'job-1' })).body.__type).toBe(
        'ValidationException',
      );
    expect((await tagsOf(TrainingJobArn)).status).toBe(400);
    expect(await list()).toEqual([]);
    expect((await create('job-1')).body.__type).toBe('ResourceInUse');
    emulator.advance(29);
    expect((await describeJob('job-1')).status).toBe(400);
    emulator.advance(2);
    expect((await describeJob('job-1')).status).toBe(200);
    expect((await tagsOf(TrainingJobArn)).status).toBe(200);
    expect(await list()).toHaveLength(1);
    emulator.advance(3600);
    expect((await describeJob('job-1')).body.TrainingJobStatus).toBe('Completed');
  });

  it('hides tags alone, where asked to', async () => {
    emulator.fault({ fault: 'not-yet', seconds: 30, what: 'tags' });
    const { TrainingJobArn } = (await create('job-1')).body;
    expect((await describeJob('job-1')).status).toBe(200);
    expect((await tagsOf(TrainingJobArn)).status).toBe(400);
    emulator.advance(31);
    expect((await tagsOf(TrainingJobArn)).status).toBe(200);
  });

  it('hides models, groups and versions, which can be built on all the same', async () => {
    emulator.fault({ fault: 'not-yet', seconds: 30 });
    const call = (operation: string, input: object) => ask(emulator.endpoint, operation, input);
    const made = [
      await call('CreateModel', model('model')),
      await call('CreateTransformJob', transformJob('transform')),
      await call('CreateModelPackageGroup', { ModelPackageGroupName: 'abalone' }),
      await call('CreateModelPackage', modelPackage({ ClientToken: 'once' })),
    ];
    expect(made.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const reads = async () => {
      const version = made[3]!.body.ModelPackageArn;
      const answers = [
        await call('DescribeModel', { ModelName: 'model' }),
        await call('DescribeTransformJob', { TransformJobName: 'transform' }),
        await call('DescribeModelPackageGroup', { ModelPackageGroupName: 'abalone' }),
        await call('DescribeModelPackage', { ModelPackageName: version }),
      ];
      return answers.map(({ body, status }) => body.__type ?? status);
    };
    expect(new Set(await reads())).toEqual(new Set(['ValidationException']));
    expect((await call('ListModels', {})).body.Models).toEqual([]);
    emulator.advance(31);
    expect(await reads()).toEqual([200, 200, 200, 200]);
    // A request that is repeated makes nothing, and hides nothing.
    await call('CreateModelPackage', modelPackage({ ClientToken: 'once' }));
    expect(await reads()).toEqual([200, 200, 200, 200]);
  });

  it('answers slowly', async () => {
    emulator.fault({ fault: 'slow', seconds: 0.3 });
    const start = performance.now();
    await create('job-1');
    expect(performance.now() - start).toBeGreaterThan(290);
  });

  it('meets only what fits its patterns and its access key', async () => {
    emulator.fault({ fault: 'throttle', operation: 'Describe*', name: 'mine-*', accessKey: 'AKIAOTHER' });
    for (const name of ['mine-1', 'yours-1']) await create(name);
    const asOther = signature('sagemaker', { accessKey: 'AKIAOTHER' });
    const statuses = [
      await describeJob('mine-1'),
      await describeJob('yours-1', asOther),
      await describeJob('mine-1', asOther),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 400]);
  });

  it('meets with its probability, and the same calls of the same seed, whatever their order', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `job-${index}`);
    const refusedOf = async (order: string[], seed: number) => {
      const one = await openEmulator({ file: { seed, faults: [{ fault: 'throttle', probability: 0.3 }] } });
      try {
        const refused: string[] = [];
        for (const name of order)
          if (
            (await ask(one.endpoint, 'DescribeTrainingJob', { TrainingJobName: name })).body.__type ===
            'ThrottlingException'
          )
            refused.push(name);
        return refused.sort();
      } finally {
        await one.close();
      }
    };
    const first = await refusedOf(names, 1);
    expect(first.length).toBeGreaterThan(35);
    expect(first.length).toBeLessThan(85);
    expect(await refusedOf([...names].reverse(), 1)).toEqual(first);
    expect(await refusedOf(names, 2)).not.toEqual(first);
  });

  it('is refused when it is misspelt', () => {
    expect(() => emulator.fault({ fault: 'throttle', operations: '*' } as unknown as FaultInput)).toThrow(
      /operations/,
    );
  });
});

describe('a limit of calls', () => {
  it('throttles what is above it, in each region, until the time has filled the bucket again', async () => {
    emulator.emulator.faults.setLimits([{ operation: 'Create*Job', perSecond: 1, burst: 2 }]);
    const codes = async (names: string[]) => {
      const answers = [];
      for (const name of names) answers.push((await create(name)).body.__type);
      return answers;
    };
    expect(await codes(['a', 'b', 'c'])).toEqual([undefined, undefined, 'ThrottlingException']);
    expect((await ask(emulator.endpoint, 'CreateProcessingJob', processingJob('p'))).body.__type).toBe(
      'ThrottlingException',
    );
    expect((await describeJob('a')).status).toBe(200);
    const there = await ask(
      emulator.endpoint,
      'CreateTrainingJob',
      trainingJob('a'),
      signature('sagemaker', { region: 'us-east-1' }),
    );
    expect(there.status).toBe(200);
    emulator.advance(1);
    expect(await codes(['c', 'd'])).toEqual([undefined, 'ThrottlingException']);
  });
});
