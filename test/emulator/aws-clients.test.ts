import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeAwsClients, runAwsClient, type Ended } from '../support/aws-clients.ts';
import { validateWithBotocore } from '../support/botocore.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { model, modelPackage, processingJob, trainingJob, transformJob } from './client.ts';

const program = fileURLToPath(new URL('programs/with_boto3.py', import.meta.url));
const job = trainingJob('boto-1', { Tags: [{ Key: 'owner', Value: 'me' }] });
/** A request that Sluice makes, by its file below `test`. */
const golden = (path: string) =>
  JSON.parse(readFileSync(new URL(`../${path}.json`, import.meta.url), 'utf8')) as object;
const arn = (rest: string) => `arn:aws:sagemaker:us-east-1:123456789012:${rest}`;

let emulator: TestEmulator;
beforeEach(async () => (emulator = await openEmulator({ speed: 200 })));
afterEach(() => emulator.close());

describeAwsClients('boto3', () => {
  it('creates, waits, lists and registers, and knows the errors', { timeout: 120_000 }, async () => {
    const { exitCode, stdout, stderr } = await runAwsClient(
      'python',
      ['-I', program, JSON.stringify(job)],
      emulator,
    );
    expect([exitCode, stderr]).toEqual([0, '']);
    const facts = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, unknown]);
    expect(Object.fromEntries(facts)).toEqual({
      account: '123456789012',
      arn: arn('training-job/boto-1'),
      again: ['ResourceInUse', 'ResourceInUse', 400],
      missing: ['ClientError', 'ValidationException', 400],
      status: 'Completed',
      year: new Date(emulator.emulator.clock.now()).getUTCFullYear(),
      phases: ['Starting', 'Downloading', 'Training', 'Uploading', 'Completed'],
      stop: ['ClientError', 'ValidationException', 400],
      tags: [{ Key: 'owner', Value: 'me' }],
      pages: [10, 10, 5],
      packages: [arn('model-package/abalone/1'), arn('model-package/abalone/2')],
      same: [arn('model-package/abalone/3'), arn('model-package/abalone/3')],
      conflict: ['ConflictException', 'ConflictException', 400],
      approval: 'Approved',
    });
  });
});

describeAwsClients('the AWS CLI', () => {
  const sagemaker = (...args: string[]): Promise<Ended> =>
    runAwsClient('aws', ['sagemaker', ...args], emulator);
  const create = (name: string) =>
    sagemaker('create-processing-job', '--cli-input-json', JSON.stringify(processingJob(name)));

  it('creates, describes, lists and stops', { timeout: 120_000 }, async () => {
    // By a clock that stands still: the job runs until it is stopped, however long the command takes to start.
    await emulator.close();
    emulator = await openEmulator();
    expect(JSON.parse((await create('cli-1')).stdout)).toEqual({
      ProcessingJobArn: arn('processing-job/cli-1'),
    });
    const named = ['--processing-job-name', 'cli-1'];
    expect((await sagemaker('stop-processing-job', ...named)).exitCode).toBe(0);
    emulator.advance(3600);
    expect((await sagemaker('wait', 'processing-job-completed-or-stopped', ...named)).exitCode).toBe(0);
    const query = ['--query', 'ProcessingJobStatus', '--output', 'text'];
    expect((await sagemaker('describe-processing-job', ...named, ...query)).stdout).toBe('Stopped\n');
    const count = ['--query', 'length(ProcessingJobSummaries)'];
    expect((await sagemaker('list-processing-jobs', ...count)).stdout).toBe('1\n');
  });

  it('tells what is refused, in the words of AWS', { timeout: 120_000 }, async () => {
    await create('cli-1');
    const taken = await create('cli-1');
    expect(taken.exitCode).not.toBe(0);
    expect(taken.stderr).toMatch(
      /An error occurred \(ResourceInUse\) when calling the CreateProcessingJob operation: Job name must be unique/,
    );
    const underscore = await create('cli_1');
    expect(underscore.stderr).toMatch(
      /\(ValidationException\).*: 1 validation error detected: Value 'cli_1' at 'processingJobName'/,
    );
  });
});

describeAwsClients('validateWithBotocore', () => {
  it('has nothing against what the emulator takes', async () => {
    const problems = await validateWithBotocore([
      { operation: 'CreateTrainingJob', input: job },
      { operation: 'CreateProcessingJob', input: processingJob('p') },
      { operation: 'CreateTransformJob', input: transformJob('t') },
      { operation: 'CreateModel', input: model('m') },
      { operation: 'CreateModelPackage', input: modelPackage() },
    ]);
    expect(problems).toEqual([]);
  });

  it('has nothing against the requests with every setting', async () => {
    const problems = await validateWithBotocore([
      ...['preprocess', 'train', 'evaluate', 'transform'].map(
        (step) => golden(`engines/sagemaker/fixtures/create-${step}`) as { operation: string; input: object },
      ),
      { operation: 'CreateModel', input: { ModelName: 'm', ...golden('core/fixtures/online-createModel') } },
      { operation: 'CreateModelPackageGroup', input: golden('registry/fixtures/create-group') },
      { operation: 'CreateModelPackage', input: golden('registry/fixtures/create-package') },
    ]);
    expect(problems).toEqual([]);
  });

  it.each([
    ['an unknown member', { Enviroment: {} }, 'Unknown parameter in input: "Enviroment"'],
    ['a missing one', { RoleArn: undefined }, 'Missing required parameter in input: "RoleArn"'],
    ['a wrong type', { StoppingCondition: { MaxRuntimeInSeconds: '1' } }, 'Invalid type'],
    ['a name that is too long', { TrainingJobName: 'x'.repeat(64) }, '64 is more than 63'],
    ['a name that does not match', { TrainingJobName: 'a_b' }, "'a_b' does not match"],
    [
      'an unknown instance type',
      { ResourceConfig: { InstanceType: 'ml.x', InstanceCount: 1, VolumeSizeInGB: 1 } },
      "'ml.x' is none of the enum",
    ],
  ])('finds %s', async (_what, more, expected) => {
    const problems = await validateWithBotocore([
      { operation: 'CreateTrainingJob', input: trainingJob('job-1', more) },
    ]);
    expect(problems.join('\n')).toContain(expected);
  });

  it('fails when there is nothing to validate', async () => {
    await expect(validateWithBotocore([])).rejects.toThrow('nothing to validate');
  });
});
