import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CancelledFailure,
  type ApplicationFailure,
  type WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import type { Json } from '../../src/core/expressions.ts';
import type { RunReport } from '../../src/core/run.ts';
import { whyNoAwsClients } from '../support/aws-clients.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { problemsInLedger } from '../support/botocore.ts';
import { bucketName, openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describeS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

type Started = WorkflowHandleWithFirstExecutionRunId;

describeS3('a run in mode "sagemaker"', () => {
  let stage: CloudStage;
  beforeAll(async () => {
    stage = await openCloudStage('sagemaker', { speed: 200 });
    await writeSmallRoot(stage.folder);
    await stage.startWorker();
  });
  beforeEach(async () => {
    useAwsSettings(stage.awsEnv);
    stage.emulator.emulator.setScript(await smallScript(6));
  });
  afterAll(() => stage.close());

  const start = (changes: Record<string, Json> = {}, steps: Record<string, Json | undefined> = {}) =>
    stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `sagemaker-${randomUUID()}`,
      args: [{ pipeline: smallPipeline(changes, steps), executionMode: 'sagemaker' }],
    });
  /** How many things of a run were made, models and jobs: their names end with its id. */
  const made = ({ firstExecutionRunId }: Started, operation: string) =>
    stage.emulator
      .requests(operation)
      .filter(({ committed, name }) => committed && name?.endsWith(firstExecutionRunId.replaceAll('-', '')))
      .length;
  const jobsMade = (run: Started) =>
    made(run, 'CreateProcessingJob') + made(run, 'CreateTrainingJob') + made(run, 'CreateTransformJob');
  const packages = () => stage.emulator.requests('CreateModelPackage').length;
  const failureOf = async (result: Promise<unknown>) => {
    const error = (await result.catch((failure: unknown) => failure)) as WorkflowFailedError;
    return error.cause as ApplicationFailure;
  };
  const sagemaker = (
    operation: Parameters<ReturnType<typeof createSageMakerApi>['call']>[0],
    input: object,
  ) => createSageMakerApi('us-east-1').call(operation, input);

  it('is accepted: one job a step, a model, and a version in its group that says where it comes from', async () => {
    const handle = await start();
    const report = (await handle.result()) as RunReport;
    expect(report).toMatchObject({
      outcome: 'accepted',
      executionMode: 'sagemaker',
      metric: { name: 'metrics.mse', value: 6, threshold: 7 },
      modelPackage: { group: 'small', version: 1, approvalStatus: 'PendingManualApproval' },
    });
    const jobs = report.steps.filter(({ engine }) => engine === 'sagemaker').map(({ name }) => name);
    expect(jobs).toEqual(['preprocess', 'train', 'evaluate', 'transform']);
    expect(jobsMade(handle)).toBe(4);

    const runUri = `s3://${bucketName}/sluice/runs/small/${handle.firstExecutionRunId}`;
    const model = await sagemaker('DescribeModel', { ModelName: report.model });
    expect(model).toMatchObject({
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/SluiceJobs',
      PrimaryContainer: { ModelDataUrl: `${runUri}/model/model.tar.gz` },
    });
    expect(await stage.bucket.find(`${runUri}/model/model.tar.gz`)).toBe('file');
    const { group, version } = report.modelPackage!;
    const arn = `arn:aws:sagemaker:us-east-1:123456789012:model-package/${group}/${version}`;
    expect(await sagemaker('DescribeModelPackage', { ModelPackageName: arn })).toMatchObject({
      ModelApprovalStatus: 'PendingManualApproval',
      ModelMetrics: {
        ModelQuality: { Statistics: { S3Uri: `${runUri}/evaluate/evaluation/evaluation.json` } },
      },
      CustomerMetadataProperties: { 'temporal.run_id': handle.firstExecutionRunId },
    });
  });

  it('whose metric is above the threshold is rejected, and makes no model', async () => {
    stage.emulator.emulator.setScript(await smallScript(8));
    const before = packages();
    const handle = await start();
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({ type: 'QualityGateRejected' });
    expect(failure.details?.[0]).toMatchObject({ value: 8, threshold: 7 });
    expect([jobsMade(handle), made(handle, 'CreateModel')]).toEqual([3, 0]);
    expect(packages()).toBe(before);
  });

  it('fails with the reason of a job that fails', async () => {
    const life = {
      end: 'Failed',
      failureReason: 'AlgorithmError: ValueError: no column, exit code: 1',
    } as const;
    stage.emulator.emulator.setScript(await smallScript(6, life));
    const handle = await start();
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({
      type: 'JobFailed',
      message: expect.stringContaining('ValueError: no column') as string,
    });
    expect(jobsMade(handle)).toBe(1);
  });

  it('that is cancelled stops its job, and closes when it is over', async () => {
    stage.emulator.emulator.setScript(await smallScript(6, { runningSeconds: 100_000 }));
    const handle = await start();
    await until(() => jobsMade(handle) === 1);
    await handle.cancel();
    expect(await failureOf(handle.result())).toBeInstanceOf(CancelledFailure);
    expect(stage.emulator.transitions().at(-1)).toMatchObject({ status: 'Stopped' });
  });

  it('that is reset while its job runs stops that job and makes one of its own, with its own outputs and lineage', async () => {
    const { jobs = [] } = await smallScript(6);
    const long = { job: 'small-train-*', times: 1, life: { runningSeconds: 10_000_000 } };
    stage.emulator.emulator.setScript({ jobs: [long, ...jobs] });
    const handle = await start();
    const phaseOf = (runId: string) =>
      stage.emulator.emulator.find(`small-train-${runId.replaceAll('-', '')}`)[0]?.view.phase;
    await until(() => phaseOf(handle.firstExecutionRunId) === 'Training');
    // Behind the task that asked for the job, so that the new run takes over the step in mid-job.
    await handle.signal('nudge');
    const lastTask = async () => {
      const { events } = await handle.fetchHistory();
      const last = events?.at(-1);
      return last?.workflowTaskCompletedEventAttributes ? last.eventId : null;
    };
    await until(async () => (await lastTask()) !== null);
    await stage.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
      workflowTaskFinishEventId: (await lastTask())!,
      reason: 'a test',
      requestId: randomUUID(),
    });
    const after = stage.client.workflow.getHandle(handle.workflowId);
    const report = (await after.result()) as RunReport;
    const { runId } = await after.describe();
    expect(runId).not.toBe(handle.firstExecutionRunId);
    expect([phaseOf(handle.firstExecutionRunId), phaseOf(runId)]).toEqual(['Stopped', 'Completed']);
    expect(report.outcome).toBe('accepted');
    const { group, version } = report.modelPackage!;
    const arn = `arn:aws:sagemaker:us-east-1:123456789012:model-package/${group}/${version}`;
    // What was done before the reset stays, and is said to be of the run that did it.
    expect(await sagemaker('DescribeModelPackage', { ModelPackageName: arn })).toMatchObject({
      CustomerMetadataProperties: {
        'temporal.run_id': runId,
        'job.preprocess': `small-preprocess-${handle.firstExecutionRunId.replaceAll('-', '')}`,
        'job.train': `small-train-${runId.replaceAll('-', '')}`,
      },
    });
    expect(jobsMade({ firstExecutionRunId: runId } as Started)).toBe(3);
  });

  it('uploads code and data once for the same content', async () => {
    await (await start()).result();
    const keys = await stage.s3.keys(bucketName);
    await (await start()).result();
    const uploaded = (all: readonly string[]) => all.filter((key) => /^sluice\/(code|uploads)\//.test(key));
    expect(uploaded(await stage.s3.keys(bucketName))).toEqual(uploaded(keys));
    const groups = stage.emulator.requests('CreateModelPackageGroup');
    expect(groups.filter(({ committed }) => committed)).toHaveLength(1);
  });

  it.each([
    ['a role of another account', { role: 'arn:aws:iam::210987654321:role/Jobs' }, '210987654321'],
    ['a bucket that does not exist', { bucket: 'nobodys-bucket' }, 'nobodys-bucket'],
    ['a region without an image', { region: 'xx-nowhere-1' }, 'xx-nowhere-1'],
  ])('with %s makes no job', async (_what, session, said) => {
    const handle = await start({ session });
    const failure = await failureOf(handle.result());
    expect(failure.message).toContain(said);
    expect(['InvalidInput', 'Unsupported']).toContain(failure.type);
    expect(jobsMade(handle)).toBe(0);
  });

  it('may have an image of its own, of ECR only', async () => {
    const image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/team/trees:3';
    const train = (own: string) => ({ train: { script: 'train.py', image: own } });
    const handle = await start({}, train(image));
    expect(await handle.result()).toMatchObject({ outcome: 'accepted' });
    const { input } = stage.emulator.requests('CreateTrainingJob').at(-1)!;
    expect(input).toMatchObject({ AlgorithmSpecification: { TrainingImage: image } });

    const other = await start({}, train('docker.io/team/trees:3'));
    expect(await failureOf(other.result())).toMatchObject({
      type: 'Unsupported',
      message: expect.stringContaining('docker.io/team/trees:3') as string,
    });
    expect(jobsMade(other)).toBe(0);
  });

  it('may have a step on this machine, which has its data from S3 and puts its own there', async () => {
    const script = `import json, pathlib
rows = pathlib.Path('/opt/ml/processing/input/test/test.csv').read_text().splitlines()
pathlib.Path('/opt/ml/processing/output/evaluation/evaluation.json').write_text(
    json.dumps({'metrics': {'mse': len(rows)}}))
`;
    await writeFile(join(stage.folder, 'code', 'evaluate.py'), script);
    const handle = await start(
      {},
      { evaluate: { script: 'evaluate.py', report: 'evaluation.json', executionMode: 'local' } },
    );
    const report = (await handle.result()) as RunReport;
    expect(report.metric?.value).toBe(1);
    expect(report.steps.map(({ engine }) => engine).filter((engine) => engine !== null)).toEqual([
      ...['sagemaker', 'sagemaker', 'process', 'sagemaker'],
    ]);
    const uri = `s3://${bucketName}/sluice/runs/small/${handle.firstExecutionRunId}/evaluate/evaluation/evaluation.json`;
    expect(JSON.parse(await stage.bucket.readText(uri, 1000))).toEqual({ metrics: { mse: 1 } });
  });

  it.skipIf(whyNoAwsClients !== undefined)('asks AWS for nothing that botocore would not send', async () => {
    expect(await problemsInLedger(stage.emulator.ledger())).toEqual([]);
  });
});
