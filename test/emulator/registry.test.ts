import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { ask, askRightly, model, modelPackage, processingJob, trainingJob } from './client.ts';

let emulator: TestEmulator;
beforeEach(async () => (emulator = await openEmulator()));
afterEach(() => emulator.close());

/** What AWS answers to what it does not refuse. */
async function call(operation: string, input: unknown): Promise<Record<string, unknown>> {
  const { status, body } = await askRightly(emulator.endpoint, operation, input);
  expect([status, body.__type]).toEqual([200, undefined]);
  return body;
}
const refusal = async (operation: string, input: unknown) => {
  const { status, body } = await ask(emulator.endpoint, operation, input);
  expect(status).toBe(400);
  return body.__type;
};
const makeGroup = (ModelPackageGroupName = 'abalone') =>
  call('CreateModelPackageGroup', { ModelPackageGroupName });
const register = async (more = {}) =>
  (await call('CreateModelPackage', modelPackage(more))).ModelPackageArn as string;
const arn = (rest: string) => `arn:aws:sagemaker:eu-west-1:123456789012:${rest}`;

describe('model packages', () => {
  beforeEach(() => makeGroup());

  it('get increasing versions, which are never given again', async () => {
    expect([await register(), await register()]).toEqual([
      arn('model-package/abalone/1'),
      arn('model-package/abalone/2'),
    ]);
    await call('DeleteModelPackage', { ModelPackageName: arn('model-package/abalone/2') });
    expect(await register()).toBe(arn('model-package/abalone/3'));
  });

  it('are made once for a client token, whatever the order of the keys', async () => {
    const first = await register({ ClientToken: 'run-1', CustomerMetadataProperties: { a: '1', b: '2' } });
    expect(await register({ CustomerMetadataProperties: { b: '2', a: '1' }, ClientToken: 'run-1' })).toBe(
      first,
    );
    expect(await refusal('CreateModelPackage', modelPackage({ ClientToken: 'run-1' }))).toBe(
      'ConflictException',
    );
    expect(await register({ ClientToken: 'run-2' })).toBe(arn('model-package/abalone/2'));
  });

  it('wait for an approval until they get one', async () => {
    const ModelPackageName = await register({ CustomerMetadataProperties: { kept: '1', gone: '2' } });
    expect(await call('DescribeModelPackage', { ModelPackageName })).toMatchObject({
      ModelPackageGroupName: 'abalone',
      ModelPackageVersion: 1,
      ModelPackageStatus: 'Completed',
      ModelApprovalStatus: 'PendingManualApproval',
    });
    await call('UpdateModelPackage', {
      ModelPackageArn: ModelPackageName,
      ModelApprovalStatus: 'Approved',
      ApprovalDescription: 'looked at',
      CustomerMetadataProperties: { added: '3' },
      CustomerMetadataPropertiesToRemove: ['gone'],
    });
    expect(await call('DescribeModelPackage', { ModelPackageName })).toMatchObject({
      ModelApprovalStatus: 'Approved',
      ApprovalDescription: 'looked at',
      CustomerMetadataProperties: { kept: '1', added: '3' },
    });
    const approved = { ModelPackageGroupName: 'abalone', ModelApprovalStatus: 'Approved' };
    expect((await call('ListModelPackages', approved)).ModelPackageSummaryList).toHaveLength(1);
  });

  it('of no group have a name of their own, and are listed apart', async () => {
    await register();
    const own = modelPackage({ ModelPackageGroupName: undefined, ModelPackageName: 'single' });
    expect(await call('CreateModelPackage', own)).toEqual({ ModelPackageArn: arn('model-package/single') });
    expect(await refusal('CreateModelPackage', own)).toBe('ConflictException');
    const countOf = async (input: object) =>
      ((await call('ListModelPackages', input)).ModelPackageSummaryList as unknown[]).length;
    expect([
      await countOf({}),
      await countOf({ ModelPackageType: 'Versioned' }),
      await countOf({ ModelPackageType: 'Both' }),
    ]).toEqual([1, 1, 2]);
  });

  it('keep their group from being deleted', async () => {
    const ModelPackageName = await register();
    const group = { ModelPackageGroupName: 'abalone' };
    expect(await refusal('DeleteModelPackageGroup', group)).toBe('ConflictException');
    await call('DeleteModelPackage', { ModelPackageName });
    await call('DeleteModelPackageGroup', group);
    expect(await refusal('DescribeModelPackageGroup', group)).toBe('ValidationException');
  });

  it('are of groups that are listed', async () => {
    await makeGroup('shells');
    const { ModelPackageGroupSummaryList: groups } = await call('ListModelPackageGroups', {
      SortBy: 'Name',
      SortOrder: 'Descending',
    });
    expect(groups).toMatchObject([
      { ModelPackageGroupName: 'shells', ModelPackageGroupArn: arn('model-package-group/shells') },
      { ModelPackageGroupName: 'abalone', ModelPackageGroupStatus: 'Completed' },
    ]);
    expect(await call('ListModelPackageGroups', { NameContains: 'shell' })).toMatchObject({
      ModelPackageGroupSummaryList: [{ ModelPackageGroupName: 'shells' }],
    });
  });

  it('can be what a model is made from', async () => {
    const ModelPackageName = await register();
    await call('CreateModel', model('m', { PrimaryContainer: { ModelPackageName } }));
    const missing = model('n', { PrimaryContainer: { ModelPackageName: arn('model-package/abalone/9') } });
    expect(await refusal('CreateModel', missing)).toBe('ValidationException');
  });
});

describe('models', () => {
  it('can be made anew when they were deleted', async () => {
    await call('CreateModel', model('m'));
    expect(await call('DescribeModel', { ModelName: 'm' })).toMatchObject({
      ModelName: 'm',
      EnableNetworkIsolation: false,
    });
    await call('DeleteModel', { ModelName: 'm' });
    expect(await refusal('DescribeModel', { ModelName: 'm' })).toBe('ValidationException');
    await call('CreateModel', model('m'));
  });
});

describe('tags', () => {
  it('of a job are what it was created with, changed by AddTags and DeleteTags', async () => {
    const Tags = [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ];
    const { TrainingJobArn: ResourceArn } = await call('CreateTrainingJob', trainingJob('job-1', { Tags }));
    const tags = async () => (await call('ListTags', { ResourceArn })).Tags;
    expect(await tags()).toEqual(Tags);
    await call('AddTags', { ResourceArn, Tags: [{ Key: 'b', Value: '3' }] });
    await call('DeleteTags', { ResourceArn, TagKeys: ['a'] });
    expect(await tags()).toEqual([{ Key: 'b', Value: '3' }]);
  });

  it('are 50 at most, however they came', async () => {
    const many = (count: number, from = 0) =>
      Array.from({ length: count }, (_, index) => ({ Key: `t${from + index}`, Value: '' }));
    const { TrainingJobArn: ResourceArn } = await call(
      'CreateTrainingJob',
      trainingJob('job-1', { Tags: many(49) }),
    );
    await call('AddTags', { ResourceArn, Tags: many(2, 48) });
    expect(await refusal('AddTags', { ResourceArn, Tags: many(1, 50) })).toBe('ValidationException');
    expect(await refusal('CreateTrainingJob', trainingJob('job-2', { Tags: many(51) }))).toBe(
      'ValidationException',
    );
  });
});

describe('lists', () => {
  beforeEach(async () => {
    for (let index = 0; index < 23; index++) {
      await call('CreateProcessingJob', processingJob(`job-${String(index).padStart(2, '0')}`));
      emulator.advance(10);
    }
  });

  async function pages(input: object): Promise<string[][]> {
    const found: string[][] = [];
    let NextToken: unknown;
    do {
      const page = await call('ListProcessingJobs', { ...input, NextToken });
      found.push(
        (page.ProcessingJobSummaries as { ProcessingJobName: string }[]).map((job) => job.ProcessingJobName),
      );
      ({ NextToken } = page);
    } while (NextToken !== undefined);
    return found;
  }

  it('come in pages of ten, oldest first, each job once', async () => {
    const found = await pages({});
    expect(found.map((page) => page.length)).toEqual([10, 10, 3]);
    expect(found.flat()).toEqual(emulator.emulator.find('*').map(({ name }) => name));
  });

  it('go on where they were, though jobs are added meanwhile', async () => {
    const { NextToken } = await call('ListProcessingJobs', { SortBy: 'Name', MaxResults: 10 });
    await call('CreateProcessingJob', processingJob('a-new-one'));
    const next = await call('ListProcessingJobs', { SortBy: 'Name', MaxResults: 1, NextToken });
    expect(next.ProcessingJobSummaries).toMatchObject([{ ProcessingJobName: 'job-10' }]);
  });

  it.each(['Ascending', 'Descending'])(
    'go on where they were, %s, though jobs that were shown are over or deleted since',
    async (SortOrder) => {
      const question = { StatusEquals: 'Stopping', SortOrder, MaxResults: 3 };
      const names = Array.from({ length: 7 }, (_, index) => `job-${index + 16}`);
      for (const ProcessingJobName of names) await call('StopProcessingJob', { ProcessingJobName });
      const shown = (page: Record<string, unknown>) =>
        (page.ProcessingJobSummaries as { ProcessingJobName: string }[]).map((job) => job.ProcessingJobName);
      const first = await call('ListProcessingJobs', question);
      const [end] = emulator.emulator.find(shown(first).at(-1)!);
      emulator.emulator.reportOf(end!)('Stopped');
      const second = await call('ListProcessingJobs', { ...question, NextToken: first.NextToken });
      emulator.emulator.forget(emulator.emulator.find(shown(second).at(-1)!)[0]!);
      const third = await call('ListProcessingJobs', { ...question, NextToken: second.NextToken });
      const expected = SortOrder === 'Ascending' ? names : names.toReversed();
      expect([first, second, third].flatMap(shown)).toEqual(expected);
    },
  );

  it('filter by name, state and time, and sort', async () => {
    const started = emulator.emulator.clock.now() / 1000 - 230;
    expect(await pages({ NameContains: 'job-1', SortOrder: 'Descending', MaxResults: 3 })).toHaveLength(4);
    expect((await pages({ CreationTimeAfter: started + 195 })).flat()).toEqual([
      'job-20',
      'job-21',
      'job-22',
    ]);
    expect((await pages({ CreationTimeBefore: started + 15, SortOrder: 'Descending' })).flat()).toEqual([
      'job-01',
      'job-00',
    ]);
    await call('StopProcessingJob', { ProcessingJobName: 'job-05' });
    expect((await pages({ StatusEquals: 'Stopping' })).flat()).toEqual(['job-05']);
  });

  it('refuse the token of another question', async () => {
    const { NextToken } = await call('ListProcessingJobs', {});
    expect(await refusal('ListProcessingJobs', { NextToken, NameContains: 'job' })).toBe(
      'ValidationException',
    );
  });
});
