import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogsApi } from '../../src/aws/cloudwatch-logs.ts';
import { createS3 } from '../../src/aws/s3.ts';
import { createSageMakerApi, type SageMakerApi } from '../../src/aws/sagemaker.ts';
import { openMachine } from '../../src/cli/emulator-machine.ts';
import { readConfig } from '../../src/config.ts';
import type { JobKind } from '../../src/emulator/arn.ts';
import { createEngineExecutor } from '../../src/emulator/engine-executor.ts';
import { frameworkImageUri } from '../../src/engines/sagemaker/images.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { packArchive } from '../conformance/archives.ts';
import { doubling } from '../conformance/scripts.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { useAwsSettings } from '../support/aws-env.ts';

const region = 'eu-west-1';
const image = frameworkImageUri({ name: 'sklearn', version: '1.2-1' }, region);
const RoleArn = 'arn:aws:iam::123456789012:role/sluice';
const instances = { InstanceType: 'ml.m5.large', InstanceCount: 1 };
const cluster = { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 30 };

describeS3('jobs that the emulator runs for real', () => {
  const { server, bucket } = s3PerFile();
  const folder = folderPerTest();
  let emulator: TestEmulator;
  let api: SageMakerApi;
  const home = () => join(folder(), '.sluice');

  beforeEach(async () => {
    const config = readConfig({ ...process.env, SLUICE_HOME: home(), SLUICE_LOCAL_ENGINE: 'process' });
    const machine = await openMachine(config, 2);
    emulator = await openEmulator({
      speed: 1,
      executor: (clock, script) => createEngineExecutor(clock, script, machine),
    });
    const { endpoint } = emulator;
    useAwsSettings({ AWS_ENDPOINT_URL_SAGEMAKER: endpoint, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: endpoint });
    api = createSageMakerApi(region);
  });
  afterEach(async () => {
    await emulator.close();
    // Neither a folder nor a process: every supervisor has its job's folder open.
    const left = join(home(), 'emulator');
    expect(existsSync(left) ? readdirSync(left) : []).toEqual([]);
  });

  const put = async (key: string, content: string | Buffer) => {
    const uri = `s3://${bucket()}/${key}`;
    await createS3Storage(createS3(), `s3://${bucket()}`).write(uri, chunk(content));
    return uri;
  };
  const object = (key: string) => join(server().folder, bucket(), key);
  const text = (key: string) => readFileSync(object(key), 'utf8');

  async function create(kind: JobKind, name: string, body: object): Promise<void> {
    await api.call(`Create${kind}Job`, { [`${kind}JobName`]: name, ...body });
  }
  const look = (kind: JobKind, name: string) => api.call(`Describe${kind}Job`, { [`${kind}JobName`]: name });
  async function end(kind: JobKind, name: string): Promise<Record<string, unknown>> {
    const isOver = async () =>
      !['InProgress', 'Stopping'].includes(String((await look(kind, name))[`${kind}JobStatus`]));
    await until(isOver);
    return look(kind, name);
  }
  const phases = (name: string) => emulator.transitions(name).map(({ secondaryStatus }) => secondaryStatus);

  /** A processing job of a shell script, which has an input and an output. */
  const processing = async (script: string, more: object = {}) => ({
    RoleArn,
    AppSpecification: { ImageUri: image, ContainerEntrypoint: ['sh', '-c', script] },
    ProcessingInputs: [
      {
        InputName: 'data',
        S3Input: {
          S3Uri: await put('in/data.csv', '1,2\n'),
          LocalPath: '/opt/ml/processing/input/data',
          S3DataType: 'S3Prefix',
        },
      },
    ],
    ProcessingOutputConfig: {
      Outputs: [
        {
          OutputName: 'out',
          S3Output: {
            S3Uri: `s3://${bucket()}/out`,
            LocalPath: '/opt/ml/processing/output/out',
            S3UploadMode: 'EndOfJob',
          },
        },
      ],
    },
    ProcessingResources: { ClusterConfig: cluster },
    ...more,
  });
  const training = async (script: string, more: object = {}) => ({
    RoleArn,
    AlgorithmSpecification: { TrainingImage: image, TrainingInputMode: 'File' },
    HyperParameters: {
      sagemaker_program: '"train.py"',
      sagemaker_submit_directory: '"/opt/ml/input/data/code/sourcedir.tar.gz"',
      depth: '3',
    },
    InputDataConfig: [
      {
        ChannelName: 'code',
        DataSource: {
          S3DataSource: {
            S3DataType: 'S3Prefix',
            S3Uri: await put('code/sourcedir.tar.gz', await packArchive({ 'train.py': script })),
          },
        },
      },
    ],
    OutputDataConfig: { S3OutputPath: `s3://${bucket()}/models/` },
    ResourceConfig: cluster,
    StoppingCondition: { MaxRuntimeInSeconds: 600 },
    ...more,
  });

  it('a processing job reads from S3, writes to S3 and leaves a message', async () => {
    const script =
      'cp /opt/ml/processing/input/data/data.csv /opt/ml/processing/output/out/copy.csv; printf done >/opt/ml/output/message';
    await create('Processing', 'prepare', await processing(script));
    expect(await end('Processing', 'prepare')).toMatchObject({
      ProcessingJobStatus: 'Completed',
      ExitMessage: 'done',
      ProcessingStartTime: expect.any(Date),
    });
    expect(text('out/copy.csv')).toBe('1,2\n');
    expect(phases('prepare')).toEqual(['Downloading', 'Training', 'Uploading', 'Completed']);
  });

  it('a training job by script mode leaves its model, and a transform job uses it', async () => {
    const script =
      'import os, sys\nos.makedirs("/opt/ml/model/code")\nopen("/opt/ml/model/arguments", "w").write(" ".join(sys.argv[1:]))\n' +
      `open("/opt/ml/model/code/inference.py", "w").write(${JSON.stringify(doubling)})\n`;
    await create('Training', 'train', await training(script));
    const trained = await end('Training', 'train');
    expect(trained).toMatchObject({ TrainingJobStatus: 'Completed', SecondaryStatus: 'Completed' });
    const { S3ModelArtifacts } = trained.ModelArtifacts as { S3ModelArtifacts: string };
    expect(S3ModelArtifacts).toBe(`s3://${bucket()}/models/train/output/model.tar.gz`);
    const archive = gunzipSync(readFileSync(object('models/train/output/model.tar.gz'))).toString('latin1');
    expect(archive).toContain('--depth 3');

    await api.call('CreateModel', {
      ModelName: 'doubler',
      ExecutionRoleArn: RoleArn,
      PrimaryContainer: {
        Image: image,
        ModelDataUrl: S3ModelArtifacts,
        Environment: { SAGEMAKER_PROGRAM: 'inference.py', SAGEMAKER_SUBMIT_DIRECTORY: '/opt/ml/model/code' },
      },
    });
    const S3Uri = await put('batch/numbers.csv', '1\n2\n3\n');
    await create('Transform', 'predict', {
      ModelName: 'doubler',
      TransformInput: {
        DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri } },
        ContentType: 'text/csv',
        SplitType: 'Line',
      },
      TransformOutput: {
        S3OutputPath: `s3://${bucket()}/predictions`,
        Accept: 'text/csv',
        AssembleWith: 'Line',
      },
      TransformResources: instances,
    });
    expect(await end('Transform', 'predict')).toMatchObject({ TransformJobStatus: 'Completed' });
    expect(text('predictions/numbers.csv.out')).toBe('2\n4\n6\n');
  });

  it('a script that fails fails its job, in the words of SageMaker, and nothing is stored', async () => {
    const script = 'import sys\nopen("/opt/ml/output/failure", "w").write("no rows left")\nsys.exit(3)\n';
    await create('Training', 'fails', await training(script));
    expect(await end('Training', 'fails')).toMatchObject({
      TrainingJobStatus: 'Failed',
      FailureReason: 'AlgorithmError: no rows left, exit code: 3',
    });
    const { events } = await createLogsApi(region).lastEvents(
      { group: '/aws/sagemaker/TrainingJobs', prefix: 'fails/' },
      0,
      1,
    );
    expect(events[0]?.message).toBe('train: train.py exited with code 3');
    await create('Processing', 'fails', await processing('echo x >/opt/ml/processing/output/out/x; exit 7'));
    expect(await end('Processing', 'fails')).toMatchObject({
      FailureReason: 'AlgorithmError: , exit code: 7',
    });
    expect([existsSync(object('models')), existsSync(object('out'))]).toEqual([false, false]);
  });

  it.each([
    ['parts', 'in/part-', 'part-1.csv part-2.csv'],
    ['what only begins like a folder', 'in/train', 'a.csv sub/b.csv train-2/c.csv'],
    ['an object and what begins like it', 'in/data.csv', 'data.csv data.csv.bak'],
    ['a folder alone', 'in/train/', 'a.csv sub/b.csv'],
  ])('an input is the beginning of keys: %s', async (_what, prefix, names) => {
    const keys = [
      'part-1.csv',
      'part-2.csv',
      'train/a.csv',
      'train/sub/b.csv',
      'train-2/c.csv',
      'data.csv.bak',
    ];
    for (const key of keys) await put(`in/${key}`, key);
    const script =
      'cd /opt/ml/processing/input/data && find . -type f | sort | tr "\\n" " " > ../../output/out/found';
    const body = await processing(script);
    body.ProcessingInputs[0]!.S3Input.S3Uri = `s3://${bucket()}/${prefix}`;
    await create('Processing', 'prefixes', body);
    expect(await end('Processing', 'prefixes')).toMatchObject({ ProcessingJobStatus: 'Completed' });
    expect(text('out/found').trim().replaceAll('./', '')).toBe(names);
  });

  it('what cannot be read, or run on this machine, is a ClientError', async () => {
    const job = await processing('true');
    job.ProcessingInputs[0]!.S3Input.S3Uri = `s3://${bucket()}/nothing`;
    await create('Processing', 'no-data', job);
    expect((await end('Processing', 'no-data')).FailureReason).toMatch(
      /^ClientError: .*nothing.* does not exist/,
    );
    await create('Processing', 'piped', {
      ...job,
      ProcessingInputs: [
        { ...job.ProcessingInputs[0], S3Input: { ...job.ProcessingInputs[0]!.S3Input, S3InputMode: 'Pipe' } },
      ],
    });
    expect((await end('Processing', 'piped')).FailureReason).toMatch(/^ClientError: [^]*S3InputMode/);
    await create('Processing', 'foreign', {
      ...job,
      AppSpecification: { ImageUri: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1' },
    });
    expect((await end('Processing', 'foreign')).FailureReason).toMatch(/^ClientError: .*mine:1/);
  });

  it('a stop sends SIGTERM, then SIGKILL after the grace, and the job is stopped', async () => {
    const deaf = 'trap "" TERM; touch "$READY"; while :; do sleep 0.1; done';
    const ready = join(folder(), 'ready');
    await create('Processing', 'deaf', await processing(deaf, { Environment: { READY: ready } }));
    await until(() => existsSync(ready));
    await api.call('StopProcessingJob', { ProcessingJobName: 'deaf' });
    expect(await look('Processing', 'deaf')).toMatchObject({ ProcessingJobStatus: 'Stopping' });
    expect(await end('Processing', 'deaf')).toMatchObject({ ProcessingJobStatus: 'Stopped' });
    expect(existsSync(object('out'))).toBe(false);
  });

  it('a stop before anything runs lets nothing run', async () => {
    const ran = join(folder(), 'ran');
    await create(
      'Processing',
      'early',
      await processing('touch "$RAN"; sleep 600', { Environment: { RAN: ran } }),
    );
    await api.call('StopProcessingJob', { ProcessingJobName: 'early' });
    expect(await end('Processing', 'early')).toMatchObject({ ProcessingJobStatus: 'Stopped' });
  });

  it('a job that runs longer than it may is stopped as MaxRuntimeExceeded', async () => {
    const limit = { StoppingCondition: { MaxRuntimeInSeconds: 1 } };
    await create('Training', 'slow', await training('import time\ntime.sleep(600)', limit));
    expect(await end('Training', 'slow')).toMatchObject({
      TrainingJobStatus: 'Stopped',
      SecondaryStatus: 'MaxRuntimeExceeded',
    });
    expect(phases('slow')).toEqual(['Downloading', 'Training', 'Stopping', 'MaxRuntimeExceeded']);
  });

  it('a spot job whose instances are taken away runs again, and ends well', async () => {
    const runs = join(folder(), 'runs');
    const script = `
import time
with open(${JSON.stringify(runs)}, "a+") as file:
    file.write("run\\n")
    file.seek(0)
    first = len(file.readlines()) == 1
if first:
    time.sleep(600)
`;
    await create('Training', 'spot', {
      ...(await training(script)),
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 600, MaxWaitTimeInSeconds: 1200 },
    });
    await until(() => existsSync(runs));
    await until(() => phases('spot').includes('Training'));
    expect(emulator.emulator.find('spot').map((job) => emulator.emulator.executor.interrupt(job))).toEqual([
      true,
    ]);
    expect(await end('Training', 'spot')).toMatchObject({ TrainingJobStatus: 'Completed' });
    expect(readFileSync(runs, 'utf8')).toBe('run\nrun\n');
    expect(phases('spot')).toEqual([
      ...['Downloading', 'Training', 'Interrupted', 'Starting'],
      ...['Downloading', 'Training', 'Uploading', 'Completed'],
    ]);
  });

  it('without capacity nothing runs', async () => {
    emulator.fault({ fault: 'capacity', times: 1 });
    await create('Processing', 'refused', await processing('true'));
    expect((await end('Processing', 'refused')).FailureReason).toMatch(/^CapacityError: /);
    expect(phases('refused')).toEqual(['Failed']);
  });

  it('fails and waits as the script says, whatever the job itself does', async () => {
    emulator.fault({ fault: 'internal-failure', times: 1 });
    await create('Processing', 'broken', await processing('sleep 600'));
    expect((await end('Processing', 'broken')).FailureReason).toMatch(/^InternalServerError: /);
    expect(phases('broken')).toEqual(['Downloading', 'Training', 'Failed']);

    const life = {
      pendingSeconds: 1,
      end: 'Failed',
      failAfter: 'Uploading',
      failureReason: 'ClientError: late',
    } as const;
    emulator.fault({ fault: 'life', life, times: 1 });
    await create('Processing', 'late', await processing('true'));
    expect(await end('Processing', 'late')).toMatchObject({ FailureReason: 'ClientError: late' });
    expect(phases('late')).toEqual(['Pending', 'Downloading', 'Training', 'Uploading', 'Failed']);
  });

  it('a spot job that waits for too long is stopped as MaxWaitTimeExceeded', async () => {
    emulator.fault({ fault: 'life', life: { startingSeconds: 600 }, times: 1 });
    await create('Training', 'waits', {
      ...(await training('')),
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 1, MaxWaitTimeInSeconds: 1 },
    });
    expect(await end('Training', 'waits')).toMatchObject({
      TrainingJobStatus: 'Stopped',
      SecondaryStatus: 'MaxWaitTimeExceeded',
    });
    expect(phases('waits')).toEqual(['Stopping', 'MaxWaitTimeExceeded']);
  });

  it('a job that vanishes, and one that runs when the emulator ends, leave no process', async () => {
    const marks = ['vanished', 'left'].map((name) => join(folder(), name));
    const script = 'trap "rm $MARK; exit 0" TERM; touch "$MARK"; while :; do sleep 0.1; done';
    await create('Processing', 'vanished', await processing(script, { Environment: { MARK: marks[0] } }));
    await create('Processing', 'left', await processing(script, { Environment: { MARK: marks[1] } }));
    await until(() => marks.every((mark) => existsSync(mark)));
    for (const job of emulator.emulator.find('vanished')) emulator.emulator.forget(job);
    await until(() => !existsSync(marks[0]!));
    // The same name is free, and another job.
    await create(
      'Processing',
      'vanished',
      await processing('echo again >/opt/ml/processing/output/out/again'),
    );
    expect(await end('Processing', 'vanished')).toMatchObject({ ProcessingJobStatus: 'Completed' });
    await emulator.close();
    expect(existsSync(marks[1]!)).toBe(false);
  });
});

async function* chunk(content: string | Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.from(content));
}
