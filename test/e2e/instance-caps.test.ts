import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import type { Json } from '../../src/core/expressions.ts';
import { slotsId, type SlotsState } from '../../src/core/instance-slots.ts';
import type { RunReport } from '../../src/core/run.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import {
  bucketName,
  modelArchive,
  openCloudStage,
  smallScript,
  type CloudStage,
} from '../support/cloud-stage.ts';
import { sluice } from '../support/commands.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { freePort } from '../support/ports.ts';
import { describeS3 } from '../support/s3-server.ts';
import type { Running } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

const caps = { SLUICE_INSTANCE_CAPS: 'ml.p4d.24xlarge=2,ml.g5=1' };

describeS3('instance types that are capped', () => {
  let stage: CloudStage;
  let worker: Running;
  beforeAll(async () => {
    stage = await openCloudStage('caps', { speed: 200 });
    await writeSmallRoot(stage.folder);
    worker = await stage.startWorker(caps);
  });
  beforeEach(async () => {
    useAwsSettings(stage.awsEnv);
    await letTrain({});
  });
  afterAll(() => stage.close());

  /** How the trainings go from now on. */
  const letTrain = async (life: object) => {
    const { jobs = [] } = await smallScript(6);
    const isTraining = (rule: object) => 'job' in rule && rule.job === 'small-train-*';
    stage.emulator.emulator.setScript({
      jobs: jobs.map((rule) => (isTraining(rule) ? { ...rule, life: { ...rule.life, ...life } } : rule)),
    });
  };
  const script = { script: 'train.py' };
  const start = (train: Record<string, Json>, input: Record<string, Json> = {}): Promise<WorkflowHandle> =>
    stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `caps-${randomUUID()}`,
      args: [
        {
          pipeline: smallPipeline({}, { train, transform: undefined }),
          executionMode: 'sagemaker',
          ...input,
        },
      ],
    });
  const report = (run: WorkflowHandle) => run.query<RunReport>('status');
  const training = async (run: WorkflowHandle) =>
    (await report(run)).steps.find(({ name }) => name === 'train')!;
  const slots = (instances: string) =>
    stage.client.workflow.getHandle(
      slotsId('sluice', instances, { region: 'us-east-1', accountId: '123456789012' }),
    );
  const waiting = async (instances: string) =>
    (await slots(instances).query<SlotsState>('status')).waiting.map(({ workflowId }) => workflowId);
  const isTraining = async (run: WorkflowHandle) => {
    const { status, jobName } = await training(run);
    return status === 'running' && stage.emulator.transitions(jobName ?? '').length > 0;
  };
  /** Their trainings, in the order in which SageMaker got them, and how many there were at once. */
  const trainingsOf = async (runs: readonly WorkflowHandle[]) => {
    const names = new Map<string, number>();
    for (const [index, run] of runs.entries()) {
      const { jobName } = await training(run);
      if (jobName !== null) names.set(jobName, index);
    }
    const live = new Set<string>();
    const order: number[] = [];
    let most = 0;
    for (const { name, status } of stage.emulator.transitions()) {
      const index = names.get(name);
      if (index === undefined) continue;
      if (!order.includes(index)) order.push(index);
      if (['InProgress', 'Stopping'].includes(status)) live.add(name);
      else live.delete(name);
      most = Math.max(most, live.size);
    }
    return { order, most };
  };
  /** Ends a training as its script has it. */
  const stop = async (run: WorkflowHandle) => {
    const { jobName } = await training(run);
    await createSageMakerApi('us-east-1').call('StopTrainingJob', { TrainingJobName: jobName });
  };
  /** Ends a training as if it were done. */
  const finish = async (run: WorkflowHandle) => {
    const { jobName } = await training(run);
    const { runId } = await run.describe();
    const uri = `s3://${bucketName}/sluice/runs/small/${runId}/train/${jobName}/output/model.tar.gz`;
    await stage.bucket.write(uri, Readable.from([await modelArchive('model.joblib', 'a model')]));
    await stop(run);
  };

  it('let no more than two of five runs train at once, in turn, whoever is terminated, cancelled or killed meanwhile', async () => {
    const instanceType = 'ml.p4d.24xlarge';
    await letTrain({ runningSeconds: 10_000_000, onStop: 'Completed' });
    const runs: WorkflowHandle[] = [];
    for (const input of [{}, {}, {}, {}, { priority: 1 }]) {
      const run = await start({ ...script, instanceType }, input);
      const place = runs.push(run);
      await until(async () => (place <= 2 ? isTraining(run) : (await training(run)).status === 'waiting'));
    }
    const [terminated, second, canceled, fourth, first] = runs as [
      WorkflowHandle,
      WorkflowHandle,
      WorkflowHandle,
      WorkflowHandle,
      WorkflowHandle,
    ];
    expect(await waiting(instanceType)).toEqual(
      [first, canceled, fourth].map(({ workflowId }) => workflowId),
    );

    // Seen by whoever looks.
    const status = await sluice(['status', fourth.workflowId], { ...stage.env, ...stage.awsEnv });
    expect(status.stdout).toMatch(
      /⧗ train +waiting +\d+ s .*for ml\.p4d\.24xlarge, at most 2 at once: 3 of 3 in line; in use by caps-/,
    );
    const json = await sluice(['status', fourth.workflowId, '--json'], { ...stage.env, ...stage.awsEnv });
    expect((JSON.parse(json.stdout) as RunReport).steps).toContainEqual(
      expect.objectContaining({
        name: 'train',
        status: 'waiting',
        waitsFor: { instances: instanceType, cap: 2, slotsId: slots(instanceType).workflowId },
      }),
    );
    const details = await fourth.query<unknown>('__temporal_workflow_metadata');
    expect(JSON.stringify(details)).toContain('| train | ⧗ waiting for ml.p4d.24xlarge, at most 2 at once |');
    expect(worker.log()).toContain('step waits for instances');

    await worker.kill();
    const metrics = await freePort();
    worker = await stage.startWorker({ ...caps, SLUICE_METRICS_PORT: `${metrics}` });
    await terminated.terminate();
    await canceled.cancel();
    expect(await failureOf(canceled.result())).toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(await training(canceled)).toMatchObject({ status: 'canceled' });
    await until(() => isTraining(first));
    expect(await waiting(instanceType)).toEqual([fourth.workflowId]);
    await finish(second);
    await until(() => isTraining(fourth));
    for (const run of [first, fourth]) await finish(run);

    const outcomes = await Promise.all(
      [second, first, fourth].map((run) => run.result() as Promise<RunReport>),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await trainingsOf(runs)).toEqual({ order: [0, 1, 4, 3], most: 2 });
    const told = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    expect(told).toMatch(
      /^sluice_instance_wait_seconds_count\{(?=.*instances="ml\.p4d\.24xlarge")(?=.*pipeline="small")(?=.*step="train").*\} [1-9]/m,
    );
    // Nobody has or wants any: it is over.
    await slots(instanceType).result();
  });

  it('are given to the next when a job has failed; the cap of a family holds for its types together', async () => {
    await letTrain({ runningSeconds: 10_000_000, onStop: 'Failed', failureReason: 'AlgorithmError: no' });
    const failing = await start({ ...script, instanceType: 'ml.g5.2xlarge' });
    await until(() => isTraining(failing));
    await letTrain({});
    const next = await start({ ...script, instanceType: 'ml.g5.48xlarge' });
    await until(async () => (await training(next)).status === 'waiting');
    await stop(failing);
    expect(await failureOf(failing.result())).toMatchObject({ cause: { type: 'JobFailed' } });
    expect(((await next.result()) as RunReport).outcome).toBe('accepted');
    expect(await trainingsOf([failing, next])).toEqual({ order: [0, 1], most: 1 });
  });

  it('refuse a step that could never have what it needs', async () => {
    const run = await start({ ...script, instanceType: 'ml.p4d.24xlarge', instanceCount: 3 });
    expect(await failureOf(run.result())).toMatchObject({
      cause: {
        type: 'Unsupported',
        message: expect.stringContaining(
          "steps.train: it needs 3 instances of ml.p4d.24xlarge; the worker's SLUICE_INSTANCE_CAPS allows 2 of ml.p4d.24xlarge",
        ),
      },
    });
  });

  it('are nothing to jobs of this machine, whatever instance type they name', async () => {
    const entrypoint = ['sh', '-c', 'echo m >/opt/ml/model/m'];
    const run = await start({ entrypoint, executionMode: 'local', instanceType: 'ml.g5.xlarge' });
    expect(((await run.result()) as RunReport).outcome).toBe('accepted');
    const { events } = await run.fetchHistory();
    const ids = events!.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityId ?? []);
    expect(ids.filter((id) => id.startsWith('train'))).toEqual(['train']);
  });
});
