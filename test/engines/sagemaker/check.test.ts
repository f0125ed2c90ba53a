import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JobRequest, ModelBody } from '../../../src/core/jobs.ts';
import { modelBody } from '../../../src/core/jobs.ts';
import { checkRequest } from '../../../src/engines/sagemaker/check.ts';
import { failureOf } from '../../support/folders.ts';
import { jobOf, jobs } from './stand.ts';

const model = modelBody.parse(
  JSON.parse(readFileSync(new URL('../../core/fixtures/online-createModel.json', import.meta.url), 'utf8')),
);

/** A copy of a request that something is wrong with. */
function changed<Request extends object>(request: Request, change: (copy: Request) => void): Request {
  const copy = structuredClone(request);
  change(copy);
  return copy;
}
const processing = (change: (body: Extract<JobRequest, { kind: 'Processing' }>['body']) => void) =>
  changed(jobs.Processing, (job) => job.kind === 'Processing' && change(job.body));
const training = (change: (body: Extract<JobRequest, { kind: 'Training' }>['body']) => void) =>
  changed(jobs.Training, (job) => job.kind === 'Training' && change(job.body));
const transform = (change: (body: Extract<JobRequest, { kind: 'Transform' }>['body']) => void) =>
  changed(jobs.Transform, (job) => job.kind === 'Transform' && change(job.body));
const variables = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`V${index}`, 'x']));

const hub = 'docker.io/team/trees:3';
const here = 'file:///data/abalone';

const refused: [string, JobRequest, ModelBody | undefined, string, RegExp][] = [
  [
    'a processing image that is not of ECR',
    processing((body) => (body.AppSpecification.ImageUri = hub)),
    undefined,
    'Unsupported',
    /images of Amazon ECR.*docker\.io\/team\/trees:3/,
  ],
  [
    'a training image that is not of ECR',
    training((body) => (body.AlgorithmSpecification.TrainingImage = 'sluice/sklearn:1.2-1')),
    undefined,
    'Unsupported',
    /images of Amazon ECR.*sluice\/sklearn:1\.2-1/,
  ],
  [
    'a serving image that is not of ECR',
    jobs.Transform,
    changed(model, ({ PrimaryContainer }) => (PrimaryContainer.Image = hub)),
    'Unsupported',
    /images of Amazon ECR/,
  ],
  [
    'a processing input that is not on S3',
    processing((body) => (body.ProcessingInputs[1]!.S3Input.S3Uri = here)),
    undefined,
    'Unsupported',
    /S3 only.*file:\/\/\/data\/abalone/,
  ],
  [
    'a processing output that is not on S3',
    processing((body) => (body.ProcessingOutputConfig.Outputs[1]!.S3Output.S3Uri = here)),
    undefined,
    'Unsupported',
    /S3 only/,
  ],
  [
    'a channel that is not on S3',
    training((body) => (body.InputDataConfig[1]!.DataSource.S3DataSource.S3Uri = here)),
    undefined,
    'Unsupported',
    /S3 only/,
  ],
  [
    'a model that would not be on S3',
    training((body) => (body.OutputDataConfig.S3OutputPath = here)),
    undefined,
    'Unsupported',
    /S3 only/,
  ],
  [
    'a batch that is not on S3',
    transform((body) => (body.TransformInput.DataSource.S3DataSource.S3Uri = here)),
    model,
    'Unsupported',
    /S3 only/,
  ],
  [
    'predictions that would not be on S3',
    transform((body) => (body.TransformOutput.S3OutputPath = here)),
    model,
    'Unsupported',
    /S3 only/,
  ],
  [
    'a processing job without a role',
    processing((body) => delete body.RoleArn),
    undefined,
    'InvalidInput',
    /session\.role or SLUICE_ROLE/,
  ],
  [
    'a training job without a role',
    training((body) => delete body.RoleArn),
    undefined,
    'InvalidInput',
    /session\.role or SLUICE_ROLE/,
  ],
  [
    'a transform job of 17 variables',
    transform((body) => (body.Environment = variables(17))),
    model,
    'Unsupported',
    /at most 16 environment variables/,
  ],
];

describe('before anything runs', () => {
  it.each(refused)('%s is refused', async (_what, job, itsModel, code, message) => {
    const failure = await failureOf(Promise.resolve().then(() => checkRequest(job, itsModel)));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each(['preprocess', 'train', 'evaluate', 'transform'] as const)(
    'what the plan asks for is taken: %s',
    (step) => {
      expect(() => checkRequest(jobOf(step), step === 'transform' ? model : undefined)).not.toThrow();
    },
  );

  it('sixteen variables of a transform job are taken', () => {
    expect(() =>
      checkRequest(
        transform((body) => (body.Environment = variables(16))),
        model,
      ),
    ).not.toThrow();
  });

  it.each([
    '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/trees',
    '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/team/trees@sha256:0a',
  ])('an image of any partition is taken: %s', (image) => {
    const job = training((body) => (body.AlgorithmSpecification.TrainingImage = image));
    expect(() => checkRequest(job)).not.toThrow();
  });
});
