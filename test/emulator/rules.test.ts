import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { ask, model, modelPackage, processingJob, trainingJob, transformJob } from './client.ts';

let emulator: TestEmulator;
beforeAll(async () => {
  emulator = await openEmulator();
  for (const [operation, input] of [
    ['CreateModel', model('model')],
    ['CreateModelPackageGroup', { ModelPackageGroupName: 'abalone' }],
    ['CreateTrainingJob', trainingJob('taken')],
  ] as const)
    expect((await ask(emulator.endpoint, operation, input)).status).toBe(200);
});
afterAll(() => emulator.close());

interface Rule {
  what: string;
  operation: string;
  input: unknown;
  code: string;
  message: string | RegExp;
  /** Where the rule, or the message, was found. */
  source: string;
}

const shapes = 'botocore, sagemaker 2017-07-24, service-2.json';
const failed = 'failed to satisfy constraint: Member must';
const invalid = 'ValidationException';
const training = (what: string, more: object, message: string | RegExp, source: string): Rule => ({
  ...{
    what,
    operation: 'CreateTrainingJob',
    input: trainingJob('job-1', more),
    code: invalid,
    message,
    source,
  },
});
const processing = (what: string, more: object, message: string | RegExp, source: string): Rule => ({
  ...{
    what,
    operation: 'CreateProcessingJob',
    input: processingJob('job-1', more),
    code: invalid,
    message,
    source,
  },
});
const transform = (what: string, more: object, message: string | RegExp, source: string): Rule => ({
  ...{
    what,
    operation: 'CreateTransformJob',
    input: transformJob('job-1', more),
    code: invalid,
    message,
    source,
  },
});
const s3Input = (InputName: string, LocalPath = '/opt/ml/processing/x') => ({
  InputName,
  S3Input: { S3Uri: 's3://bucket/x', LocalPath, S3DataType: 'S3Prefix', S3InputMode: 'File' },
});
const channel = (ChannelName: string) => ({
  ChannelName,
  DataSource: { S3DataSource: { S3Uri: 's3://bucket/x', S3DataType: 'S3Prefix' } },
});
const tags = (...keys: string[]) => ({ Tags: keys.map((Key) => ({ Key, Value: '' })) });

const names: Rule[] = ['with_underscore', '-leading', 'trailing-', 'ümlaut', ''].map((name) =>
  training(
    `the name "${name}"`,
    { TrainingJobName: name },
    /at 'trainingJobName' failed to satisfy/,
    `${shapes}, TrainingJobName`,
  ),
);

const shapesBroken: Rule[] = [
  training(
    'a name of 64 characters',
    { TrainingJobName: 'x'.repeat(64) },
    /^2 validation errors detected: Value 'x{64}' at 'trainingJobName' failed to satisfy constraint: Member must have length less than or equal to 63; /,
    'aws-samples/sagemaker-ml-workflow-with-apache-airflow#3',
  ),
  training(
    'no role',
    { RoleArn: undefined },
    `1 validation error detected: Value null at 'roleArn' ${failed} not be null`,
    shapes,
  ),
  training(
    'a null role, which is none',
    { RoleArn: null },
    `1 validation error detected: Value null at 'roleArn' ${failed} not be null`,
    shapes,
  ),
  training(
    'a role that is none',
    { RoleArn: 'arn:aws:iam::1:role/too-short-an-account' },
    /at 'roleArn' .* regular expression pattern: arn:aws/,
    shapes,
  ),
  training(
    'an unknown input mode',
    { AlgorithmSpecification: { TrainingImage: 'x', TrainingInputMode: 'Pipette' } },
    `Value 'Pipette' at 'algorithmSpecification.trainingInputMode' ${failed} satisfy enum value set: [Pipe, File, FastFile]`,
    shapes,
  ),
  training(
    'a hyperparameter of 2,501 characters',
    { HyperParameters: { x: 'y'.repeat(2501) } },
    "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal " +
      'to 2500, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*]',
    'aws-samples/amazon-sagemaker-pytorch-detectron2#10',
  ),
  training(
    '101 hyperparameters',
    { HyperParameters: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}`, '1'])) },
    `at 'hyperParameters' ${failed} have length less than or equal to 100`,
    'aws/sagemaker-python-sdk#6016',
  ),
  training(
    'a variable whose name begins with a digit',
    { Environment: { '1': 'x' } },
    /^1 validation error detected: Value '\{1=x\}' at 'environment' failed to satisfy constraint: Map keys must satisfy constraint: \[/,
    shapes,
  ),
  training(
    'a channel whose name has a blank',
    { InputDataConfig: [channel('train'), channel('a b')] },
    /Value 'a b' at 'inputDataConfig\.2\.member\.channelName' failed/,
    shapes,
  ),
  training(
    '21 channels',
    { InputDataConfig: Array.from({ length: 21 }, (_, index) => channel(`c${index}`)) },
    `at 'inputDataConfig' ${failed} have length less than or equal to 20`,
    shapes,
  ),
  training(
    'no instance',
    { ResourceConfig: { InstanceType: 'ml.m5.xlarge', InstanceCount: -1, VolumeSizeInGB: 1 } },
    `Value '-1' at 'resourceConfig.instanceCount' ${failed} have value greater than or equal to 0`,
    shapes,
  ),
  training(
    'an instance type that AWS has not',
    { ResourceConfig: { InstanceType: 'ml.m5.xxl', InstanceCount: 1, VolumeSizeInGB: 1 } },
    /Value 'ml\.m5\.xxl' at 'resourceConfig\.instanceType' .* enum value set: \[/,
    shapes,
  ),
  processing(
    'eleven inputs',
    { ProcessingInputs: Array.from({ length: 11 }, (_, index) => s3Input(`i${index}`)) },
    `at 'processingInputs' ${failed} have length less than or equal to 10`,
    shapes,
  ),
  processing(
    'a run time above nine days',
    { StoppingCondition: { MaxRuntimeInSeconds: 777_601 } },
    `at 'stoppingCondition.maxRuntimeInSeconds' ${failed} have value less than or equal to 777600`,
    shapes,
  ),
  transform(
    '17 variables',
    { Environment: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`V${index}`, ''])) },
    `at 'environment' ${failed} have length less than or equal to 16`,
    shapes,
  ),
  training(
    'a parameter that there is not',
    { HyperParamters: {}, ResourceConfig: { InstanceType: 'ml.m5.xlarge', InstanceCount: 1, VolumeSize: 1 } },
    'Unknown parameters in input: "resourceConfig.volumeSize", "hyperParamters"',
    'botocore refuses it before it is sent; AWS is not known to',
  ),
  {
    ...training(
      'a number in quotes',
      { StoppingCondition: { MaxRuntimeInSeconds: '60' } },
      /can not be converted to integer/,
      'awsJson 1.1',
    ),
    code: 'SerializationException',
  },
  {
    ...training('a list for a map', { HyperParameters: [] }, /can not be converted to map/, 'awsJson 1.1'),
    code: 'SerializationException',
  },
  {
    ...training('no JSON', {}, /not a JSON object/, 'awsJson 1.1'),
    input: '{',
    code: 'SerializationException',
  },
];

const apiReference = 'API reference';
const beyondShapes: Rule[] = [
  training(
    'an image and an algorithm',
    { AlgorithmSpecification: { TrainingImage: 'x', AlgorithmName: 'y', TrainingInputMode: 'File' } },
    /Exactly one of TrainingImage and AlgorithmName/,
    `${apiReference}, AlgorithmSpecification`,
  ),
  training(
    'neither image nor algorithm',
    { AlgorithmSpecification: { TrainingInputMode: 'File' } },
    /Exactly one of TrainingImage and AlgorithmName/,
    `${apiReference}, AlgorithmSpecification`,
  ),
  training(
    'no resources',
    { ResourceConfig: undefined },
    /ResourceConfig must be specified/,
    `${apiReference}, CreateTrainingJob`,
  ),
  training(
    'no stopping condition',
    { StoppingCondition: undefined },
    /StoppingCondition must be specified/,
    `${apiReference}, CreateTrainingJob`,
  ),
  training(
    '29 days',
    { StoppingCondition: { MaxRuntimeInSeconds: 29 * 86_400 } },
    /28 days/,
    `${apiReference}, StoppingCondition`,
  ),
  training(
    'spot without a longest wait',
    { EnableManagedSpotTraining: true },
    /^Invalid MaxWaitTimeInSeconds/,
    `${apiReference}, StoppingCondition`,
  ),
  training(
    'spot with a longest wait below the run time',
    {
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 100, MaxWaitTimeInSeconds: 99 },
    },
    /^Invalid MaxWaitTimeInSeconds/,
    `${apiReference}, StoppingCondition`,
  ),
  training(
    'a longest wait without spot',
    { StoppingCondition: { MaxRuntimeInSeconds: 100, MaxWaitTimeInSeconds: 200 } },
    /unless EnableManagedSpotTraining/,
    `${apiReference}, StoppingCondition`,
  ),
  training(
    'a channel twice',
    { InputDataConfig: [channel('train'), channel('train')] },
    /'train' is used more than once/,
    'each channel is a folder',
  ),
  training('a tag twice', tags('a', 'a'), /Duplicate tag keys/, `${apiReference}, Tag`),
  training(
    "a tag of AWS's own",
    tags('aws:created'),
    /aws: prefixed tag keys/,
    'AWS General Reference, tag naming',
  ),
  processing(
    'an input twice',
    { ProcessingInputs: [s3Input('x'), s3Input('x')] },
    /'x' is used more than once/,
    `${apiReference}, ProcessingInput`,
  ),
  processing(
    'an input without a source',
    { ProcessingInputs: [{ InputName: 'x' }] },
    /Exactly one of S3Input and DatasetDefinition/,
    `${apiReference}, ProcessingInput`,
  ),
  processing(
    'an input elsewhere',
    { ProcessingInputs: [s3Input('x', '/data')] },
    /begin with \/opt\/ml\/processing/,
    'developer guide, processing containers',
  ),
  transform(
    '200 MB in flight',
    { MaxConcurrentTransforms: 20, MaxPayloadInMB: 10 },
    /100 MB \(it is 200\)/,
    `${apiReference}, MaxPayloadInMB`,
  ),
  transform(
    'a payload of 101 MB',
    { MaxPayloadInMB: 101 },
    /greater than 100/,
    `${apiReference}, MaxPayloadInMB`,
  ),
  transform(
    'a model that there is not',
    { ModelName: 'none' },
    'Could not find model "arn:aws:sagemaker:eu-west-1:123456789012:model/none".',
    'aws/sagemaker-python-sdk, wording of DescribeModel',
  ),
  {
    what: 'a model that exists',
    operation: 'CreateModel',
    input: model('model'),
    code: invalid,
    message: 'Cannot create already existing model "arn:aws:sagemaker:eu-west-1:123456789012:model/model".',
    source: 'astronomer/astronomer-providers#1055',
  },
  {
    what: 'a model without a container',
    operation: 'CreateModel',
    input: model('m', { PrimaryContainer: undefined }),
    code: invalid,
    message: /Exactly one of PrimaryContainer and Containers/,
    source: `${apiReference}, CreateModel`,
  },
  {
    what: 'a model without an image',
    operation: 'CreateModel',
    input: model('m', { PrimaryContainer: { ModelDataUrl: 's3://b/m.tar.gz' } }),
    code: invalid,
    message: /needs Image or ModelPackageName/,
    source: `${apiReference}, ContainerDefinition`,
  },
  {
    what: 'a group that exists',
    operation: 'CreateModelPackageGroup',
    input: { ModelPackageGroupName: 'abalone' },
    code: invalid,
    message: /^Model Package Group already exists/,
    source: 'programs that look for these words',
  },
  {
    what: 'a package of a group that there is not',
    operation: 'CreateModelPackage',
    input: modelPackage({ ModelPackageGroupName: 'none' }),
    code: invalid,
    message: /model-package-group\/none does not exist/,
    source: 'aws/sagemaker-python-sdk makes the group first',
  },
  {
    what: 'a package with both names',
    operation: 'CreateModelPackage',
    input: modelPackage({ ModelPackageName: 'x' }),
    code: invalid,
    message: /^Both ModelPackageName and ModelPackageGroupName are provided/,
    source: 'getmoto/moto#7165',
  },
  {
    what: 'a package with no name',
    operation: 'CreateModelPackage',
    input: modelPackage({ ModelPackageGroupName: undefined }),
    code: invalid,
    message: 'Missing ARN.',
    source: 'getmoto/moto#7165',
  },
  {
    what: 'a package of a group with tags',
    operation: 'CreateModelPackage',
    input: modelPackage(tags('a')),
    code: invalid,
    message: /Tags cannot be specified/,
    source: `${apiReference}, CreateModelPackage, Tags`,
  },
  {
    what: 'tags of nothing',
    operation: 'ListTags',
    input: { ResourceArn: 'arn:aws:sagemaker:eu-west-1:123456789012:model/none' },
    code: invalid,
    message: /Could not find resource/,
    source: 'words are ours',
  },
  {
    what: 'a token that is none',
    operation: 'ListModels',
    input: { NextToken: 'abc' },
    code: invalid,
    message: /Invalid NextToken/,
    source: 'words are ours',
  },
  {
    what: 'a page of 101',
    operation: 'ListModels',
    input: { MaxResults: 101 },
    code: invalid,
    message: /less than or equal to 100/,
    source: shapes,
  },
  {
    what: 'a name that is taken',
    operation: 'CreateTrainingJob',
    input: trainingJob('taken'),
    code: 'ResourceInUse',
    message:
      'Training job names must be unique within an AWS account and region, and a training job with this name already exists (arn:aws:sagemaker:eu-west-1:123456789012:training-job/taken)',
    source: 'SuperCowPowers/workbench#384',
  },
  {
    what: 'a job that there is not',
    operation: 'DescribeProcessingJob',
    input: { ProcessingJobName: 'none' },
    code: invalid,
    message: /^Could not find requested job with name: none/,
    source: 'botocore, waiters-2.json',
  },
];

describe('the emulator refuses', () => {
  it.each([...names, ...shapesBroken, ...beyondShapes])(
    '$what ($operation; $source)',
    async ({ operation, input, code, message }) => {
      const { status, body } = await ask(emulator.endpoint, operation, input);
      expect([status, body.__type]).toEqual([400, code]);
      const said = body.message ?? body.Message;
      if (typeof message === 'string') expect(said).toContain(message);
      else expect(said).toMatch(message);
    },
  );

  it('nothing of what is right', async () => {
    for (const [index, input] of [
      trainingJob('right-1', { HyperParameters: { x: 'y'.repeat(2500) }, Environment: { _A1: 'ä\n"' } }),
      trainingJob(`${'r'.repeat(62)}1`, {
        EnableManagedSpotTraining: true,
        StoppingCondition: { MaxRuntimeInSeconds: 9, MaxWaitTimeInSeconds: 9 },
      }),
      trainingJob('1', {
        InputDataConfig: undefined,
        Tags: [{ Key: 'sluice:request-hash', Value: 'a+b=c@d/e.f:g_h-i' }],
      }),
    ].entries())
      expect((await ask(emulator.endpoint, 'CreateTrainingJob', input)).body, `${index}`).not.toHaveProperty(
        '__type',
      );
    const transformed = transformJob('right', { MaxConcurrentTransforms: 10, MaxPayloadInMB: 10 });
    expect((await ask(emulator.endpoint, 'CreateTransformJob', transformed)).status).toBe(200);
  });

  it('and lists all that is wrong at once', async () => {
    const { body } = await ask(
      emulator.endpoint,
      'CreateTrainingJob',
      trainingJob('a_b', { RoleArn: 'x', OutputDataConfig: {} }),
    );
    expect(body.message).toMatch(
      /^4 validation errors detected: (Value .*? failed to satisfy constraint: .*?(; |$)){4}/,
    );
  });
});
