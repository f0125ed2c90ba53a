import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { jobRequest, modelBody, sageMakerName } from '../../src/core/jobs.ts';
import { parsePipeline } from '../../src/core/parse-pipeline.ts';
import * as plan from '../../src/core/plan.ts';
import * as places from '../../src/core/run-places.ts';
import { smallPipeline } from '../support/pipelines.ts';

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

const image = 'sluice/sklearn:1.2-1';
const sources: places.Sources = {
  codeUri: 'file:///root/storage/uploads/c0de',
  inputUri: 'file:///root/examples/abalone/data/abalone.csv',
  batchUri: 'file:///root/examples/abalone/data/batch.csv',
  codeArchiveUri: null,
  images: { preprocess: image, train: image, evaluate: image },
  servingImages: { local: image },
  runUri: 'file:///root/storage/runs/abalone/run-1',
};
const tags = { 'sluice:workflow': 'abalone-1', 'sluice:run': 'run-1' };

const planOf = (file: unknown): places.StepPlan => ({
  pipeline: parsePipeline('the pipeline', file).pipeline,
  sources,
  tags,
  session: null,
  attempts: {},
});
const small = (steps: Record<string, Json | undefined> = {}) => planOf(smallPipeline({}, steps));

function requestsOf(steps: places.StepPlan): Record<string, unknown> {
  const { transform } = steps.pipeline.steps;
  const modelUri = places.modelArtifactUri(sources, 'abalone-train-1');
  return {
    preprocess: plan.preprocessJob(steps),
    train: plan.trainJob(steps),
    evaluate: plan.evaluateJob(steps, modelUri),
    createModel: plan.modelRequest(
      steps,
      'local',
      'file:///root/storage/runs/abalone/run-1/model/model.tar.gz',
    ),
    ...(transform && {
      transform: plan.transformJob(steps, transform, 'file:///root/batch.csv', 'abalone-createmodel-1'),
    }),
  };
}

const names = ['preprocess', 'train', 'evaluate', 'createModel', 'transform'];

describe('the requests of the abalone example', () => {
  const requests = requestsOf(planOf(read('../../examples/abalone/pipeline.json')));

  it.each(names)('%s is the one on file', async (step) => {
    // `vitest --update` writes them anew; look at the difference before you commit it.
    const name = `fixtures/abalone-${step}.json`;
    const style = await resolveConfig(fileURLToPath(new URL(name, import.meta.url)));
    const text = await format(JSON.stringify(requests[step], null, 2), { ...style, parser: 'json' });
    await expect(text).toMatchFileSnapshot(name);
  });

  it.each(names)('%s is what SageMaker takes', (step) => {
    const schema = step === 'createModel' ? modelBody : jobRequest;
    expect(schema.parse(requests[step])).toEqual(requests[step]);
  });
});

describe('the requests of a pipeline with every setting', () => {
  const common = {
    image: 'registry.example.org/own:1',
    environment: { LEVEL: 'high' },
    instanceType: 'ml.c5.large',
    instanceCount: 2,
    maxRuntimeSeconds: 60,
    local: { stopGraceSeconds: 0 },
  };
  const requests = requestsOf(
    small({
      preprocess: {
        ...common,
        volumeSizeGb: 5,
        entrypoint: ['/bin/sh', '-c', 'echo $0; true'],
        arguments: ['--a', '$(reboot)'],
        input: 'data.csv',
        outputs: ['train', 'test', 'extra'],
      },
      train: { ...common, entrypoint: ['/bin/true'], channels: ['test', 'train'], hyperparameters: {} },
      evaluate: { ...common, script: 'a/b.py', inputs: ['extra'], arguments: ['x'], report: 'a/b.json' },
      createModel: { script: 'inference.py', environment: { A: 'b' } },
      transform: {
        input: 'batch',
        contentType: 'application/jsonlines',
        accept: 'application/json',
        splitType: 'Line',
        assembleWith: 'Line',
        strategy: 'SingleRecord',
        maxPayloadMb: 0,
        maxConcurrentTransforms: 4,
        environment: { B: 'c' },
        instanceType: 'ml.c5.large',
        instanceCount: 2,
        maxRuntimeSeconds: 60,
        local: { stopGraceSeconds: 0 },
      },
    }),
  );

  it.each(names)('%s is what SageMaker takes', (step) => {
    const schema = step === 'createModel' ? modelBody : jobRequest;
    expect(schema.parse(requests[step])).toEqual(requests[step]);
  });

  it('carry commands and arguments as they are written, for no shell to read', () => {
    expect(requests.preprocess).toMatchObject({
      body: {
        AppSpecification: {
          ContainerEntrypoint: ['/bin/sh', '-c', 'echo $0; true'],
          ContainerArguments: ['--a', '$(reboot)'],
        },
        ProcessingResources: {
          ClusterConfig: { InstanceCount: 2, InstanceType: 'ml.c5.large', VolumeSizeInGB: 5 },
        },
        StoppingCondition: { MaxRuntimeInSeconds: 60 },
        Environment: { LEVEL: 'high' },
      },
      local: { stopGraceSeconds: 0, maxRuntimeSeconds: 60 },
      tags: { ...tags, 'sluice:step': 'preprocess' },
    });
  });

  it('have no script mode where a command is given', () => {
    expect(requests.train).toMatchObject({
      body: { HyperParameters: {}, AlgorithmSpecification: { ContainerEntrypoint: ['/bin/true'] } },
    });
  });

  it('keep a maxPayloadMb of zero, which lifts the limit', () => {
    expect(requests.transform).toMatchObject({ body: { MaxPayloadInMB: 0, MaxConcurrentTransforms: 4 } });
  });
});

describe('training', () => {
  const channelsOf = (steps: Record<string, Json>) =>
    plan.trainJob(small(steps)).body.InputDataConfig.map(({ ChannelName }) => ChannelName);
  const inputsOf = (steps: Record<string, Json>) =>
    plan.evaluateJob(small(steps), 'file:///m').body.ProcessingInputs.map(({ InputName }) => InputName);
  const preprocess = { script: 'p.py', input: 'data.csv', outputs: ['train', 'validation', 'test'] };
  const train = { script: 't.py' };

  it('never sees the output "test" unless the file says so', () => {
    expect(channelsOf({ preprocess, train })).toEqual(['train', 'validation', 'code']);
    expect(channelsOf({ preprocess, train: { ...train, channels: ['test'] } })).toEqual(['test', 'code']);
  });

  it('leaves to evaluation what it does not read itself', () => {
    expect(inputsOf({ preprocess, train })).toEqual(['code', 'model', 'test']);
    expect(inputsOf({ preprocess, train: { ...train, channels: ['train'] } })).toEqual([
      'code',
      'model',
      'validation',
      'test',
    ]);
  });

  it('gets every hyperparameter as JSON, as the SDK of SageMaker sends them', () => {
    const hyperparameters = { text: 'a "b"\n$(c)', number: '7', float: 0.1, whole: 3, flag: false };
    const { HyperParameters } = plan.trainJob(small({ train: { ...train, hyperparameters } })).body;
    expect(HyperParameters).toEqual({
      text: '"a \\"b\\"\\n$(c)"',
      number: '"7"',
      float: '0.1',
      whole: '3',
      flag: 'false',
      sagemaker_program: '"t.py"',
      sagemaker_submit_directory: '"/opt/ml/input/data/code"',
    });
  });
});

describe('the requests of a pipeline on SageMaker with every setting', () => {
  const roleArn = 'arn:aws:iam::123456789012:role/service-role/Jobs';
  const sklearn = '141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3';
  const own = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/trees:3';
  /** No value is a default, or that of another step: what lands at the wrong place is seen. */
  const online: places.StepPlan = {
    ...planOf(
      smallPipeline(
        {
          executionMode: 'sagemaker',
          tags: { team: 'shellfish' },
          kms: { output: 'alias/outputs', volume: 'alias/volumes' },
          vpc: { subnets: ['subnet-1', 'subnet-2'], securityGroupIds: ['sg-1'], encryptTraffic: true },
        },
        {
          preprocess: {
            script: 'preprocess.py',
            input: 'data.csv',
            outputs: ['train', 'validation', 'test', 'extra'],
            instanceType: 'ml.m5.large',
            instanceCount: 2,
            volumeSizeGb: 50,
            networkIsolation: true,
            dataDistribution: 'ShardedByS3Key',
            environment: { OF: 'preprocess' },
            arguments: ['--fast'],
            maxRuntimeSeconds: 600,
          },
          train: {
            script: 'train.py',
            image: own,
            channels: ['validation', 'train'],
            hyperparameters: { depth: 3, name: 'a b' },
            instanceType: 'ml.c5.2xlarge',
            instanceCount: 3,
            volumeSizeGb: 60,
            networkIsolation: true,
            dataDistribution: 'ShardedByS3Key',
            environment: { OF: 'train' },
            spot: { maxWaitSeconds: 7200 },
            maxRuntimeSeconds: 3600,
            retryAttempts: 2,
            metricDefinitions: [{ name: 'validation:mse', regex: 'mse=([0-9.]+)' }],
          },
          evaluate: {
            entrypoint: ['/bin/evaluate', '--all'],
            arguments: ['--report', 'evaluation.json'],
            report: 'evaluation.json',
            inputs: ['extra', 'test'],
            instanceType: 'ml.r5.large',
            instanceCount: 4,
            volumeSizeGb: 70,
            networkIsolation: true,
            dataDistribution: 'ShardedByS3Key',
            environment: { OF: 'evaluate' },
            maxRuntimeSeconds: 900,
          },
          createModel: {
            script: 'inference.py',
            environment: { OF: 'model' },
            networkIsolation: true,
          },
          transform: {
            input: 'batch.csv',
            contentType: 'application/jsonlines',
            splitType: 'Line',
            accept: 'text/csv',
            assembleWith: 'Line',
            maxPayloadMb: 6,
            maxConcurrentTransforms: 4,
            strategy: 'MultiRecord',
            instanceType: 'ml.c5.xlarge',
            instanceCount: 5,
            environment: { OF: 'transform' },
            maxRuntimeSeconds: 1200,
          },
        },
      ),
    ),
    sources: {
      codeUri: 's3://bucket/sluice/code/c0de/source',
      codeArchiveUri: 's3://bucket/sluice/code/c0de/sourcedir.tar.gz',
      inputUri: 's3://bucket/data/abalone.csv',
      batchUri: 's3://bucket/data/batch.csv',
      images: { preprocess: sklearn, train: own, evaluate: sklearn },
      servingImages: { sagemaker: own },
      runUri: 's3://bucket/sluice/runs/small/run-1',
    },
    session: { region: 'eu-west-1', accountId: '123456789012', roleArn, bucket: 'bucket', prefix: 'sluice' },
    attempts: { preprocess: 2 },
  };
  const { transform } = online.pipeline.steps;
  const artifact = places.modelArtifactUri(online.sources, 'small-train-1');
  const requests: Record<string, unknown> = {
    preprocess: plan.preprocessJob(online),
    train: plan.trainJob(online),
    evaluate: plan.evaluateJob(online, artifact),
    createModel: plan.modelRequest(
      online,
      'sagemaker',
      's3://bucket/sluice/runs/small/run-1/model/model.tar.gz',
    ),
    transform:
      transform && plan.transformJob(online, transform, 's3://bucket/data/batch.csv', 'small-model-1'),
  };

  it.each(names)('%s is the one on file, and what SageMaker takes', async (step) => {
    const name = `fixtures/online-${step}.json`;
    const style = await resolveConfig(fileURLToPath(new URL(name, import.meta.url)));
    const text = await format(JSON.stringify(requests[step], null, 2), { ...style, parser: 'json' });
    await expect(text).toMatchFileSnapshot(name);
    const schema = step === 'createModel' ? modelBody : jobRequest;
    expect(schema.parse(requests[step])).toEqual(requests[step]);
  });

  it('have no checkpoints of spot training where the file wants none', () => {
    const spot = { maxWaitSeconds: 90_000, checkpoints: false };
    const { body } = plan.trainJob(small({ train: { script: 'train.py', spot } }));
    expect(body).toMatchObject({
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxWaitTimeInSeconds: 90_000 },
    });
    expect(body).not.toHaveProperty('CheckpointConfig');
  });
});

describe('where things are', () => {
  it('is below the folder of the run', () => {
    const steps = small();
    const uris = [
      places.reportUri(steps),
      places.modelArtifactUri(sources, 'job'),
      places.transformOutputUri(steps),
      places.outputUri(steps, 'preprocess', 'train'),
    ];
    expect(uris.every((uri) => uri.startsWith(`${sources.runUri}/`))).toBe(true);
    expect(new Set(uris).size).toBe(uris.length);
  });
});

describe('sageMakerName', () => {
  it.each(['a', '0', 'a-b', 'a--b', 'A9', 'a'.repeat(63)])('takes %s', (name) => {
    expect(sageMakerName.safeParse(name).success).toBe(true);
  });

  it.each(['', '-a', 'a-', 'a_b', 'a.b', 'a b', 'ä', 'a\n', 'a/b', '../a', '$(a)', 'a'.repeat(64)])(
    'refuses %j',
    (name) => {
      expect(sageMakerName.safeParse(name).success).toBe(false);
    },
  );
});
