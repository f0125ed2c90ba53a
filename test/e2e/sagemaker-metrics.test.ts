import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { folderPerTest } from '../support/folders.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts';
import { freePort } from '../support/ports.ts';
import { scrape, total } from '../support/scrape.ts';
import { describeS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { writeSmallRoot } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

const spot = { script: 'train.py', spot: { maxWaitSeconds: 86_400 }, hyperparameters: { depth: 3 } };

describeS3('the metrics of a worker with runs in SageMaker', () => {
  let stage: CloudStage;
  let port: number;
  let receiver: OtlpReceiver;
  beforeAll(async () => {
    stage = await openCloudStage('sagemaker-metrics', { speed: 200 });
    await writeSmallRoot(stage.folder);
    port = await freePort();
    receiver = await startOtlpReceiver();
    const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/traces` };
    await stage.startWorker({ SLUICE_METRICS_PORT: `${port}`, ...traces });
  });
  beforeEach(() => useAwsSettings(stage.awsEnv));
  afterAll(async () => {
    await stage.close();
    await receiver.close();
  });

  it('count calls and throttles of AWS, each attempt, and what is billed', async () => {
    stage.emulator.emulator.setScript(await smallScript(6, { runningSeconds: 1000 }));
    stage.emulator.fault({ fault: 'throttle', operation: 'CreateProcessingJob', times: 2 });
    const run = await stage.client.workflow.start('trainingPipeline', {
      ...{ taskQueue: 'sluice', workflowId: 'metered-1' },
      args: [{ pipeline: smallPipeline({}, { train: spot }), executionMode: 'sagemaker' }],
    });
    await run.result();
    const samples = await scrape(port);
    const calls = (labels: Record<string, string>) => total(samples, 'sluice_aws_calls_total', labels);
    const create = { service: 'SageMaker', operation: 'CreateProcessingJob' };
    expect(calls({ ...create, result: 'Throttled' })).toBe(2);
    expect(calls({ ...create, result: 'ok' })).toBe(2);
    for (const { operation } of stage.emulator.requests('CreateTrainingJob'))
      expect(calls({ operation, result: 'ok' })).toBe(1);
    expect(calls({ service: 'SageMaker' })).toBe(stage.emulator.requests().length - 1);
    expect(calls({ service: 'STS', operation: 'GetCallerIdentity', result: 'ok' })).toBe(1);
    expect(calls({ service: 'S3', operation: 'PutObject', result: 'ok' })).toBeGreaterThan(1);
    expect(total(samples, 'sluice_aws_call_seconds_count', create)).toBe(4);
    const billed = total(samples, 'sluice_billable_seconds_total', { pipeline: 'small', step: 'train' });
    expect(billed).toBeGreaterThan(100);
    expect(total(samples, 'sluice_training_seconds_total')).toBeGreaterThan(billed);
    expect(total(samples, 'sluice_runs_total', { mode: 'sagemaker', outcome: 'accepted' })).toBe(1);
  });

  it('come with traces that have the calls of each activity, those of S3 left out', async () => {
    const { spans } = receiver;
    await until(() => spans.some(({ name }) => name === 'run small'));
    const create = spans.filter(({ name }) => name === 'SageMaker CreateTrainingJob');
    const activity = spans.find(({ spanId }) => spanId === create[0]?.parentSpanId);
    const step = spans.find(({ spanId }) => spanId === activity?.parentSpanId);
    expect([create.length, activity?.name, step?.name]).toEqual([1, 'activity train', 'step train']);
    const throttled = spans.filter(({ status }) => status.message === 'Throttled');
    expect(throttled.map(({ name }) => name)).toEqual(Array(2).fill('SageMaker CreateProcessingJob'));
    expect(spans.filter(({ name }) => name.startsWith('S3'))).toEqual([]);
    expect(receiver.requests[0]?.path).toBe('/traces');
  });

  it('count what AWS refuses', async () => {
    const code = 'AccessDeniedException';
    stage.emulator.fault({ fault: 'error', operation: 'CreateTrainingJob', code, times: 1 });
    const run = await stage.client.workflow.start('trainingPipeline', {
      ...{ taskQueue: 'sluice', workflowId: 'metered-2' },
      args: [{ pipeline: smallPipeline(), executionMode: 'sagemaker' }],
    });
    await expect(run.result()).rejects.toThrow();
    const samples = await scrape(port);
    expect(total(samples, 'sluice_aws_calls_total', { result: 'AccessDenied' })).toBe(1);
    expect(total(samples, 'sluice_runs_total', { outcome: 'failed', code: 'AccessDenied' })).toBe(1);
  });
});
