import { describe, expect, it } from 'vitest';
import { belowOptMl, configFiles, jobEnvironment, jobInputs, jobOutputs } from '../../src/engines/opt-ml.ts';
import { processingJob, trainingJob } from './process/fixtures.ts';

const parsed = (files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [path, JSON.parse(text) as unknown]));

const resourceConfig = {
  current_host: 'algo-1',
  current_instance_type: 'ml.m5.xlarge',
  current_group_name: 'homogeneousCluster',
  hosts: ['algo-1'],
  instance_groups: [
    { instance_group_name: 'homogeneousCluster', instance_type: 'ml.m5.xlarge', hosts: ['algo-1'] },
  ],
  network_interface_name: 'eth0',
};

describe('the files of a training job', () => {
  const job = trainingJob(['train'], '/out/', { train: '/data/train', validation: '/data/v.csv' });
  job.body.InputDataConfig[0]!.ContentType = 'text/csv';

  it('are SageMaker’s', () => {
    const channel = {
      TrainingInputMode: 'File',
      S3DistributionType: 'FullyReplicated',
      RecordWrapperType: 'None',
    };
    expect(parsed(configFiles('job-1', job))).toEqual({
      'input/config/hyperparameters.json': { max_depth: '5' },
      'input/config/inputdataconfig.json': {
        train: { ...channel, ContentType: 'text/csv' },
        validation: channel,
      },
      'input/config/resourceconfig.json': resourceConfig,
    });
  });

  it('come with channels, archives and the name of the job', () => {
    expect(jobInputs(job).map(({ name, folder }) => [name, folder])).toEqual([
      ['train', 'input/data/train'],
      ['validation', 'input/data/validation'],
    ]);
    expect(jobOutputs('job-1', job)).toEqual([
      { kind: 'archive', folder: 'model', uri: 'file:///out/job-1/output/model.tar.gz' },
      { kind: 'optional-archive', folder: 'output/data', uri: 'file:///out/job-1/output/output.tar.gz' },
    ]);
    expect(jobEnvironment('job-1', job)).toEqual({ TRAINING_JOB_NAME: 'job-1' });
  });
});

describe('the files of a processing job', () => {
  const job = processingJob(['python3', 'x.py'], { inputs: { data: '/data' }, outputs: { out: '/out/' } });

  it('are SageMaker’s', () => {
    const { AppSpecification, ...rest } = job.body;
    expect(parsed(configFiles('job-2', job))).toEqual({
      'config/resourceconfig.json': resourceConfig,
      'config/processingjobconfig.json': {
        ProcessingJobArn: 'arn:aws:sagemaker:local:000000000000:processing-job/job-2',
        ProcessingJobName: 'job-2',
        AppSpecification: { ...AppSpecification, ContainerArguments: null },
        ...rest,
      },
    });
  });

  it('come with inputs and outputs below /opt/ml', () => {
    expect(jobInputs(job)).toEqual([
      { name: 'data', uri: 'file:///data', folder: 'processing/input/data', isSharded: false },
    ]);
    expect(jobOutputs('job-2', job)).toEqual([
      { kind: 'folder', folder: 'processing/output/out', uri: 'file:///out' },
    ]);
  });
});

it.each([
  ['/opt/ml/processing/input', 'processing/input'],
  ['/opt/ml//processing/./input/', 'processing/input'],
  ['/opt/ml', null],
  ['/opt/mlx/a', null],
  ['opt/ml/a', null],
  ['/opt/ml/../ml/a', null],
  ['/etc/passwd', null],
])('finds what is below /opt/ml in %s', (path, expected) => {
  expect(belowOptMl(path)).toBe(expected);
});
