import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { uniqueSeconds } from '../support/shell-jobs.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { until } from '../support/until.ts';

describe('the trace of a run', () => {
  let stage: TrainingStage;
  let receiver: OtlpReceiver;
  let env: Record<string, string>;
  beforeAll(async () => {
    stage = await openTrainingStage('traces');
    receiver = await startOtlpReceiver();
    env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=a%20key',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    };
  });
  afterAll(async () => {
    await stage.close();
    await receiver.close();
  });

  const traceOf = async (runId: string): Promise<ReceivedSpan[]> => {
    const spans = () => receiver.spans.filter(({ traceId }) => traceId === runId.replaceAll('-', ''));
    await until(() => spans().some(({ name }) => name.startsWith('run ')));
    return spans();
  };
  const named = (spans: ReceivedSpan[], start: string) => spans.filter(({ name }) => name.startsWith(start));
  const runIdOf = (handle: { firstExecutionRunId?: string }) => handle.firstExecutionRunId!;

  it('has the run, its steps and their activities, whichever workers it was on', async () => {
    const first = await stage.startWorker(env);
    const run = await stage.startTraining('held', 600);
    await until(() => receiver.spans.some(({ name }) => name === 'step preprocess'));
    await first.kill();
    const { worker } = await stage.reattach(run.handle);
    await worker.stop();
    const last = await stage.startWorker(env);
    await stage.expectAccepted(run);
    await last.stop();

    const spans = await traceOf(runIdOf(run.handle as never));
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(ids.size).toBe(spans.length);
    const [root] = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    expect(root).toMatchObject({
      name: 'run small',
      attributes: { 'temporal.workflow_id': run.handle.workflowId, 'sluice.outcome': 'accepted' },
      status: {},
    });
    for (const { parentSpanId } of spans.filter((one) => one !== root)) expect(ids).toContain(parentSpanId);
    const steps = named(spans, 'step ').sort((a, b) => (a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1));
    expect(steps.map(({ name }) => name)).toEqual(
      ['preprocess', 'train', 'evaluate', 'condition', 'createModel', 'register'].map(
        (step) => `step ${step}`,
      ),
    );
    const train = steps[1]!;
    expect(train.attributes).toMatchObject({ 'sluice.engine': 'process', 'sluice.status': 'succeeded' });
    // The attempt on the worker that was killed has told nothing.
    const attempts = named(spans, 'activity train').map(({ attributes }) => attributes['temporal.attempt']);
    expect(attempts).toEqual(expect.arrayContaining(['3']));
    expect(attempts).not.toContain('1');
    for (const { startTimeUnixNano, endTimeUnixNano } of steps) {
      expect(BigInt(startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(root!.startTimeUnixNano));
      expect(BigInt(endTimeUnixNano)).toBeLessThanOrEqual(BigInt(root!.endTimeUnixNano));
    }
    expect(receiver.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'x-api-key': 'a key' },
      resource: { 'service.name': 'sluice', 'deployment.environment': 'test' },
    });
  });

  it('says what failed, and why', async () => {
    const worker = await stage.startWorker(env);
    const handle = await stage.start('failing', uniqueSeconds(600));
    await expect(handle.result()).rejects.toThrow();
    await worker.stop();
    const spans = await traceOf(runIdOf(handle as never));
    expect(named(spans, 'run ')[0]!.status).toEqual({ code: 2, message: 'JobFailed' });
    expect(named(spans, 'step train')[0]!.status).toEqual({ code: 2, message: 'failed' });
    expect(named(spans, 'activity train')[0]!.status.message).toMatch(/^JobFailed: .*exit code 3$/);
    expect(named(spans, 'step preprocess')[0]!.status).toEqual({});
  });

  it('is not worth a run: with a receiver that is away it goes on, and the log says so', async () => {
    const worker = await stage.startWorker({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    await stage.expectAccepted(await stage.startTraining('held', 600));
    await until(() => worker.log().includes('traces could not be delivered'));
    const started = Date.now();
    await worker.stop();
    expect(Date.now() - started).toBeLessThan(30_000);
  });
});
