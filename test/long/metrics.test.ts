import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { statusQuery } from '../../src/core/run.ts';
import { namedMetrics } from '../deploy/observing.ts';
import { sluice } from '../support/commands.ts';
import { freePort } from '../support/ports.ts';
import { scrape, total } from '../support/scrape.ts';
import { uniqueSeconds } from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';

/** A training that is over at once. */
const quick = { train: { entrypoint: ['sh', '-c', 'echo m >/opt/ml/model/m'] } };

describe('the metrics of a worker', () => {
  let stage: TrainingStage;
  let port: number;
  let worker: Running;
  beforeAll(async () => {
    stage = await openTrainingStage('metrics');
    port = await freePort();
  });
  afterAll(() => stage.close());
  /** Each counts from the beginning. */
  const startWorker = () => stage.startWorker({ SLUICE_METRICS_PORT: `${port}` });
  beforeEach(async () => {
    worker = await startWorker();
    return () => worker.kill();
  });

  const metric = async (name: string, labels?: Record<string, string>) =>
    total(await scrape(port), name, labels);
  const runs = (labels?: Record<string, string>) => metric('sluice_runs_total', labels);
  const steps = (labels: Record<string, string>) => metric('sluice_step_seconds_count', labels);

  it('tell of an accepted run what it was', async () => {
    const run = await stage.startTraining('held', 600);
    await stage.expectAccepted(run);
    const labels = { pipeline: 'small', mode: 'local' };
    expect(await runs({ ...labels, outcome: 'accepted', code: '' })).toBe(1);
    for (const step of ['preprocess', 'train', 'evaluate'])
      expect(await steps({ pipeline: 'small', step, engine: 'process', status: 'succeeded' })).toBe(1);
    expect(await metric('sluice_jobs_started_total', { engine: 'process', how: 'created' })).toBe(3);
    const gate = { ...labels, metric: 'metrics.mse', comparison: 'lessThanOrEqualTo' };
    expect(await metric('sluice_gate_value', gate)).toBe(6);
    expect(await metric('sluice_gate_threshold', gate)).toBe(7);
    expect(await metric('sluice_gate_time_seconds', gate)).toBeGreaterThan(Date.now() / 1000 - 600);
    expect(await metric('sluice_worker_start_time_seconds', { roles: 'main,local' })).toBeGreaterThan(1e9);
    // The SDK's own, at the same place.
    expect(await metric('temporal_workflow_completed_total')).toBe(1);
  });

  it('tell of runs that do not pass why', async () => {
    const deaf = await startReceiver(404);
    const failed = await stage.start('failing', uniqueSeconds(600), { notify: [{ webhook: deaf.url }] });
    await expect(failed.result()).rejects.toThrow();
    await deaf.close();
    const condition = { metric: 'metrics.mse', lessThanOrEqualTo: -0.5 };
    const run = await stage.start('failing', uniqueSeconds(600), { ...quick, condition });
    await expect(run.result()).rejects.toThrow();
    expect(await runs({ outcome: 'failed', code: 'JobFailed' })).toBe(1);
    expect(await steps({ step: 'train', status: 'failed' })).toBe(1);
    expect(await runs({ outcome: 'rejected', code: 'QualityGateRejected' })).toBe(1);
    expect(await metric('sluice_gate_threshold')).toBe(0);
    expect(await metric('sluice_gate_threshold_below_zero')).toBe(0.5);
    expect(await metric('sluice_notifications_total', { event: 'failed', result: 'failed' })).toBe(1);
  });

  it('do not count twice what another worker has counted: not in mid-run, not by a query of a run that is over', async () => {
    const run = await stage.startTraining('held', 600);
    expect(await steps({ step: 'preprocess' })).toBe(1);
    await worker.kill();
    worker = await startWorker();
    await stage.expectAccepted(run);
    expect(await steps({ step: 'preprocess' })).toBe(0);
    expect(await steps({ step: 'train' })).toBe(1);
    expect(await metric('sluice_jobs_started_total', { how: 'adopted' })).toBe(1);
    expect(await runs()).toBe(1);

    await worker.kill();
    worker = await startWorker();
    expect(await run.handle.query(statusQuery)).toMatchObject({ outcome: 'accepted' });
    expect(await runs()).toBe(0);
    expect(await steps({})).toBe(0);
    expect(await metric('sluice_gate_time_seconds')).toBe(0);
  });

  it('show how long jobs wait where they do', async () => {
    await worker.kill();
    worker = await stage.startWorker({ SLUICE_METRICS_PORT: `${port}`, SLUICE_LOCAL_SLOTS: '1' });
    const first = await stage.startTraining('held', 600);
    const waiting = await stage.start('held', uniqueSeconds(600));
    await until(async () => (await metric('sluice_queue_backlog', { type: 'activity' })) === 1);
    await until(async () => (await metric('sluice_queue_backlog_age_seconds', { type: 'activity' })) > 0);
    await waiting.terminate();
    await stage.expectAccepted(first);
  });

  it('show runs that wait for a host, and that there is none', async () => {
    await worker.kill();
    // The server remembers the workers of other queues for a while.
    const taskQueue = 'alone';
    worker = await stage.startWorker({
      SLUICE_METRICS_PORT: `${port}`,
      SLUICE_QUEUES: 'main',
      SLUICE_TASK_QUEUE: taskQueue,
    });
    const waiting = await stage.client.workflow.start('trainingPipeline', {
      ...{ taskQueue, workflowId: 'waiting' },
      args: [{ pipeline: stage.root.pipeline('held', uniqueSeconds(600)) }],
    });
    const told = async (name: string, queue: string) =>
      (await scrape(port)).find(
        ({ name: own, labels }) => own === name && labels.queue === queue && labels.type === 'activity',
      )?.value;
    await until(async () => (await told('sluice_queue_backlog', 'alone-local')) === 1);
    expect(await told('sluice_queue_workers', 'alone-local')).toBe(0);
    await until(async () => (await told('sluice_queue_workers', 'alone')) === 1);
    await waiting.terminate();
  });

  it('of the SDK have the names that dashboard and alert rules have', async () => {
    await stage.expectAccepted(await stage.startTraining('held', 600));
    const unknown = await stage.client.workflow.start('noSuchType', {
      ...{ taskQueue: 'sluice', workflowId: 'unknown' },
    });
    const wanted = namedMetrics().filter((name) => name.startsWith('temporal_'));
    const missing = async () => {
      const told = new Set((await scrape(port)).map(({ name }) => name));
      return wanted.filter((name) => !told.has(name));
    };
    // What only a server that is gone makes.
    await until(async () => (await missing()).every((name) => name.includes('request_failure')));
    expect(
      await metric('temporal_workflow_task_execution_failed_total', { workflow_type: 'noSuchType' }),
    ).toBeGreaterThan(0);
    await unknown.terminate();
    const startServer = await stage.endServer('kill');
    await until(async () => (await missing()).length === 0);
    await startServer();
    expect(wanted.length).toBeGreaterThan(5);
  });

  it('cannot be told at a port that is taken: the next worker ends, and says so', async () => {
    const { code, stderr } = await sluice(['worker'], { ...stage.env, SLUICE_METRICS_PORT: `${port}` });
    expect(stderr).toContain(`error: SLUICE_METRICS_PORT: 127.0.0.1:${port} cannot be had (`);
    expect(code).toBe(2);
  });
});
