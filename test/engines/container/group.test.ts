import { describe, expect, it } from 'vitest';
import type { JobRequest, ModelBody, TransformJob } from '../../../src/core/jobs.ts';
import { planGroup, type GroupSetting, type PlannedContainer } from '../../../src/engines/container/group.ts';
import { processingJob, trainingJob, urlOf, type ContainerParts } from './jobs.ts';

const model: ModelBody = {
  PrimaryContainer: {
    Image: 'server',
    ModelDataUrl: 'file:///model.tar.gz',
    Environment: { OF_MODEL: 'model', BOTH: 'model' },
  },
};

function plan(job: JobRequest, setting: Partial<GroupSetting> = {}): PlannedContainer[] {
  return planGroup({
    name: 'a-job',
    job,
    requestHash: 'hash',
    home: { folder: '/jobs', id: 'a-home', boot: 'a-boot' },
    folder: '/jobs/a-job',
    images: { job: 'image', driver: 'driver-image' },
    inputs: [],
    model: null,
    batch: null,
    ...setting,
  });
}

const withTags = <Job extends JobRequest>(job: Job): Job => ({ ...job, tags: { 'sluice:step': 'prepare' } });
const jsonOf = (container: PlannedContainer | undefined, path: string) =>
  JSON.parse(container?.files[path] ?? 'null') as Record<string, unknown>;

const sharedLabels = {
  'sluice:step': 'prepare',
  'sluice.job': 'a-job',
  'sluice.request': 'hash',
  'sluice.home': '/jobs',
  'sluice.home-id': 'a-home',
  'sluice.boot': 'a-boot',
};

describe('the containers of a processing job', () => {
  const processing = (parts: ContainerParts = {}) =>
    withTags(processingJob(['python3', 'x.py'], { environment: { MINE: 'yes' }, ...parts }));

  it('are one, by the name of the job', () => {
    const [only, ...others] = plan(processing({ outputs: { out: '/out' } }));
    expect(others).toEqual([]);
    expect(only).toEqual({
      role: 'main',
      prefix: '',
      spec: {
        name: 'a-job',
        image: 'image',
        entrypoint: ['python3', 'x.py'],
        command: null,
        environment: { PROCESSING_JOB_NAME: 'a-job', MINE: 'yes' },
        labels: { ...sharedLabels, 'sluice.role': 'main' },
        hostname: 'algo-1',
        network: { kind: 'default' },
        instanceType: 'ml.m5.xlarge',
        options: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
      },
      files: {
        '/opt/ml/config/processingjobconfig.json': expect.any(String) as string,
        '/opt/ml/config/resourceconfig.json': expect.any(String) as string,
      },
      folders: ['/opt/ml/config', '/opt/ml/output', '/opt/ml/processing', '/opt/ml/processing/output/out'],
      inputs: [],
      part: null,
    });
    expect(jsonOf(only, '/opt/ml/config/processingjobconfig.json')).toMatchObject({
      ProcessingJobName: 'a-job',
      AppSpecification: { ContainerEntrypoint: ['python3', 'x.py'], ContainerArguments: null },
    });
  });

  it('leave to the image what the request does not say, as SageMaker does', () => {
    const job = processing();
    const { AppSpecification } = job.body;
    const command = (more: Partial<typeof AppSpecification>) => {
      const specification = { ImageUri: AppSpecification.ImageUri, ...more };
      const { spec } = plan({ ...job, body: { ...job.body, AppSpecification: specification } })[0]!;
      return [spec.entrypoint, spec.command];
    };
    expect(command({})).toEqual([null, null]);
    expect(command({ ContainerArguments: ['--a'] })).toEqual([null, ['--a']]);
    expect(command({ ContainerEntrypoint: ['x'], ContainerArguments: ['--a'] })).toEqual([['x'], ['--a']]);
  });

  it('have no network when isolated', () => {
    expect(plan(processing({ isolated: true }))[0]!.spec.network).toEqual({ kind: 'none' });
    expect(plan(processing({ isolated: false }))[0]!.spec.network).toEqual({ kind: 'default' });
  });

  it('are one a host with several instances, on a network of their own', () => {
    const inputs = ['all', 'shared'].map((name) => ({
      source: `/data/${name}`,
      target: `processing/input/${name}`,
      isFolder: true,
      isSharded: name === 'shared',
    }));
    const hosts = plan(processing({ instanceCount: 3 }), { inputs });
    expect(
      hosts.map(({ spec, role, prefix }) => [spec.name, spec.hostname, spec.network, role, prefix]),
    ).toEqual(
      ['algo-1', 'algo-2', 'algo-3'].map((host) => [
        host === 'algo-1' ? 'a-job' : `a-job.${host}`,
        host,
        { kind: 'own', name: 'sluice-a-job', alias: host },
        'main',
        `${host}: `,
      ]),
    );
    for (const [index, host] of hosts.entries()) {
      expect(host.spec.labels).toEqual({ ...sharedLabels, 'sluice.role': 'main' });
      expect(jsonOf(host, '/opt/ml/config/resourceconfig.json')).toMatchObject({
        current_host: `algo-${index + 1}`,
        hosts: ['algo-1', 'algo-2', 'algo-3'],
      });
      expect(host.inputs.map(({ target, shard }) => [target, shard])).toEqual([
        ['/opt/ml/processing/input/all', { index: 0, count: 1 }],
        ['/opt/ml/processing/input/shared', { index, count: 3 }],
      ]);
    }
  });

  it('cannot set aside what Sluice finds them by', () => {
    const job = { ...processing(), tags: { 'sluice.job': 'another', mine: 'x' } };
    expect(plan(job)[0]!.spec.labels).toMatchObject({ 'sluice.job': 'a-job', mine: 'x' });
  });
});

describe('the containers of a training job', () => {
  const training = (instanceCount = 1) =>
    trainingJob({ folder: '/bench' }, 'true', { instanceCount, channels: { train: '/data' } });

  it('run the command train of an image unless they have an entrypoint', () => {
    const job = training();
    const { TrainingImage } = job.body.AlgorithmSpecification;
    const specification = { TrainingImage, TrainingInputMode: 'File' } as const;
    const command = (more: Partial<TrainingSpecification>) => {
      const AlgorithmSpecification = { ...specification, ...more };
      const { spec } = plan({ ...job, body: { ...job.body, AlgorithmSpecification } })[0]!;
      return [spec.entrypoint, spec.command];
    };
    expect(command({})).toEqual([null, ['train']]);
    expect(command({ ContainerArguments: ['--a'] })).toEqual([null, ['train', '--a']]);
    expect(command({ ContainerEntrypoint: ['x'] })).toEqual([['x'], null]);
    expect(command({ ContainerEntrypoint: ['x'], ContainerArguments: ['--a'] })).toEqual([['x'], ['--a']]);
  });

  it('have the folders and config files of the contract', () => {
    const [only] = plan(training());
    expect(only?.folders).toEqual([
      '/opt/ml/input/config',
      '/opt/ml/input/data',
      '/opt/ml/model',
      '/opt/ml/output/data',
      '/opt/ml/checkpoints',
      '/opt/ml/code',
    ]);
    expect(jsonOf(only, '/opt/ml/input/config/hyperparameters.json')).toEqual({ max_depth: '5' });
    expect(jsonOf(only, '/opt/ml/input/config/inputdataconfig.json')).toMatchObject({
      train: { TrainingInputMode: 'File', S3DistributionType: 'FullyReplicated' },
    });
    expect(only?.spec.environment).toEqual({ TRAINING_JOB_NAME: 'a-job' });
  });

  it('are one a host with several instances', () => {
    const hosts = plan(training(3));
    expect(hosts.map(({ spec }) => spec.name)).toEqual(['a-job', 'a-job.algo-2', 'a-job.algo-3']);
    expect(
      hosts.map((host) => jsonOf(host, '/opt/ml/input/config/resourceconfig.json').current_host),
    ).toEqual(['algo-1', 'algo-2', 'algo-3']);
  });
});

type TrainingSpecification = Extract<JobRequest, { kind: 'Training' }>['body']['AlgorithmSpecification'];

describe('the containers of a transform job', () => {
  const transform = (instanceCount = 1, more: Partial<TransformJob['body']> = {}): TransformJob => ({
    kind: 'Transform',
    body: {
      ModelName: 'm',
      TransformInput: {
        DataSource: { S3DataSource: { S3Uri: urlOf('/batch'), S3DataType: 'S3Prefix' } },
        ContentType: 'text/csv',
        SplitType: 'Line',
      },
      TransformOutput: { S3OutputPath: urlOf('/out'), AssembleWith: 'Line' },
      TransformResources: { InstanceCount: instanceCount, InstanceType: 'ml.m5.xlarge' },
      Environment: { OF_JOB: 'job', BOTH: 'job' },
      ...more,
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: 60, gpus: 'all' },
    tags: { 'sluice:step': 'prepare' },
  });
  const batch = {
    path: '/batch',
    files: ['a', 'b', 'deep/c', 'd'].map((name) => ({ path: `/batch/${name}`, name })),
  };
  const config = (container: PlannedContainer | undefined) =>
    JSON.parse(container?.part?.kind === 'driver' ? container.part.settings : 'null') as Record<
      string,
      unknown
    >;
  const whole = { isSharded: false, shard: { index: 0, count: 1 } };

  it('are a server, and a driver in its network', () => {
    const [server, driver, ...others] = plan(transform(), { model, batch });
    expect(others).toEqual([]);
    expect(server).toEqual({
      role: 'service',
      prefix: 'server: ',
      spec: {
        name: 'a-job.server',
        image: 'image',
        entrypoint: null,
        command: ['serve'],
        environment: {
          SAGEMAKER_BATCH: 'true',
          SAGEMAKER_BATCH_STRATEGY: 'MULTI_RECORD',
          SAGEMAKER_BIND_TO_PORT: '8080',
          SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: '1',
          SAGEMAKER_MAX_PAYLOAD_IN_MB: '6',
          OF_MODEL: 'model',
          OF_JOB: 'job',
          BOTH: 'job',
        },
        labels: { ...sharedLabels, 'sluice.role': 'service' },
        hostname: 'algo-1',
        network: { kind: 'default' },
        instanceType: 'ml.m5.xlarge',
        options: { stopGraceSeconds: 5, maxRuntimeSeconds: 60, gpus: 'all' },
      },
      files: {},
      folders: ['/opt/ml/model', '/opt/ml/output'],
      inputs: [],
      part: { kind: 'server' },
    });
    expect(driver).toEqual({
      role: 'main',
      prefix: 'driver: ',
      spec: {
        name: 'a-job',
        image: 'driver-image',
        entrypoint: ['python3'],
        command: ['-I', '-S', '/sluice/driver/driver.py', '/sluice/driver/config.json'],
        environment: { LANG: 'C.UTF-8', PYTHONUNBUFFERED: '1' },
        labels: { ...sharedLabels, 'sluice.role': 'main' },
        hostname: 'algo-1',
        network: { kind: 'of', container: 'a-job.server' },
        instanceType: 'ml.m5.xlarge',
        options: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
      },
      files: {},
      folders: ['/sluice/output', '/opt/ml/output'],
      inputs: [
        { ...whole, source: '/batch', target: '/sluice/input', isFolder: true },
        { ...whole, source: '/jobs/a-job/driver-algo-1', target: '/sluice/driver', isFolder: true },
      ],
      part: { kind: 'driver', folder: '/jobs/a-job/driver-algo-1', settings: expect.any(String) as string },
    });
    expect(config(driver)).toMatchObject({
      serve: null,
      port: 8080,
      inputs: [
        { path: '/sluice/input/a', name: 'a' },
        { path: '/sluice/input/b', name: 'b' },
        { path: '/sluice/input/deep/c', name: 'deep/c' },
        { path: '/sluice/input/d', name: 'd' },
      ],
      outputDir: '/sluice/output',
      splitType: 'Line',
      startupTimeoutSeconds: 60,
    });
  });

  it('keep the name of a single file', () => {
    const one = { path: '/batch/a', files: [{ path: '/batch/a', name: 'a' }] };
    const driver = plan(transform(), { model, batch: one })[1];
    expect(driver?.inputs[0]).toMatchObject({
      source: '/batch/a',
      target: '/sluice/input/a',
      isFolder: false,
    });
    expect(config(driver).inputs).toEqual([{ path: '/sluice/input/a', name: 'a' }]);
  });

  it('have no network when the model is isolated', () => {
    const isolated = { ...model, EnableNetworkIsolation: true };
    const [server, driver] = plan(transform(), { model: isolated, batch });
    expect(server?.spec.network).toEqual({ kind: 'none' });
    expect(driver?.spec.network).toEqual({ kind: 'of', container: 'a-job.server' });
  });

  it('are a pair a host with several instances, which share the files', () => {
    const containers = plan(transform(3, { BatchStrategy: 'SingleRecord', MaxPayloadInMB: 0 }), {
      model,
      batch,
    });
    expect(containers.map(({ spec, prefix }) => [spec.name, spec.hostname, spec.network, prefix])).toEqual([
      ['a-job.server', 'algo-1', { kind: 'default' }, 'server algo-1: '],
      ['a-job', 'algo-1', { kind: 'of', container: 'a-job.server' }, 'driver algo-1: '],
      ['a-job.algo-2.server', 'algo-2', { kind: 'default' }, 'server algo-2: '],
      ['a-job.algo-2', 'algo-2', { kind: 'of', container: 'a-job.algo-2.server' }, 'driver algo-2: '],
      ['a-job.algo-3.server', 'algo-3', { kind: 'default' }, 'server algo-3: '],
      ['a-job.algo-3', 'algo-3', { kind: 'of', container: 'a-job.algo-3.server' }, 'driver algo-3: '],
    ]);
    const names = containers
      .filter(({ part }) => part?.kind === 'driver')
      .map((driver) => (config(driver).inputs as { name: string }[]).map(({ name }) => name));
    expect(names).toEqual([['a', 'd'], ['b'], ['deep/c']]);
    expect(containers[0]?.spec.environment).toMatchObject({
      SAGEMAKER_BATCH_STRATEGY: 'SINGLE_RECORD',
      SAGEMAKER_MAX_PAYLOAD_IN_MB: '0',
    });
  });
});
