import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { RunReport } from '../../src/core/run.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describeS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

/**
 * Ten minutes take twenty seconds. The engine's time runs as fast: the pauses between its calls and the filling of its buckets. The
 * pauses of Temporal between attempts of activities are real ones, so that they see twenty seconds, in which several attempts are
 * used up; that their time-outs are longer than ten minutes is written in workflows/proxies.ts. The SDK tries nothing again by itself.
 */
const speed = 30;
const stormSeconds = 600;

describeS3('ten minutes in which SageMaker throttles every call', () => {
  let stage: CloudStage;
  beforeAll(async () => {
    stage = await openCloudStage('throttling', { speed });
    await writeSmallRoot(stage.folder);
    await stage.startWorker();
  });
  beforeEach(() => useAwsSettings(stage.awsEnv));
  afterAll(() => stage.close());

  const start = (workflowId: string) =>
    stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId,
      args: [{ pipeline: smallPipeline(), executionMode: 'sagemaker' }],
    });
  const now = () => stage.emulator.emulator.clock.now();

  it('fail neither a run whose job they meet nor one that begins in them: one job a step, one version', async () => {
    const short = { startingSeconds: 5, downloadingSeconds: 5, runningSeconds: 10, uploadingSeconds: 5 };
    const { jobs = [] } = await smallScript(6, short);
    // The training of the first ends within them, behind a worker that cannot see it.
    const long = jobs.filter(({ job }) => job === 'small-train-*');
    stage.emulator.emulator.setScript({
      jobs: [
        ...long.map((rule) => ({ ...rule, times: 1, life: { ...rule.life, runningSeconds: 300 } })),
        ...jobs,
      ],
    });
    const inTraining = await start('in-training');
    const training = `small-train-${inTraining.firstExecutionRunId.replaceAll('-', '')}`;
    await until(() => stage.emulator.emulator.find(training)[0]?.view.phase === 'Training');

    stage.emulator.fault({ fault: 'throttle' });
    const began = { at: now(), calls: stage.emulator.requests().length };
    const beginning = await start('beginning');
    await until(() => now() - began.at >= stormSeconds * 1000);
    const inStorm = stage.emulator.requests().slice(began.calls);
    stage.emulator.clearFaults();
    expect(new Set(inStorm.map(({ error }) => error?.code))).toEqual(new Set(['ThrottlingException']));
    expect(new Set(inStorm.map(({ operation }) => operation))).toEqual(
      new Set(['DescribeTrainingJob', 'GetCallerIdentity']),
    );

    for (const run of [inTraining, beginning]) {
      expect((await run.result()) as RunReport).toMatchObject({ outcome: 'accepted' });
      const id = run.firstExecutionRunId.replaceAll('-', '');
      const made = stage.emulator
        .requests()
        .filter(
          ({ operation, name, committed }) =>
            committed && operation.startsWith('Create') && name?.endsWith(id),
        );
      expect(made.map(({ operation }) => operation)).toEqual([
        'CreateProcessingJob',
        'CreateTrainingJob',
        'CreateProcessingJob',
        'CreateModel',
        'CreateTransformJob',
      ]);
    }
    const versions = stage.emulator.requests('CreateModelPackage').filter(({ committed }) => committed);
    expect(versions).toHaveLength(2);
  });
});
