import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { WorkflowFailedError, WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { retrainingType, retrainSignal, type RetrainingState } from '../../src/core/retraining.ts';
import { startTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const taskQueue = 'retraining';
let temporal: TestWorkflowEnvironment;
let worker: Worker;
let ended: Promise<void>;
beforeAll(async () => {
  // So few events a history: a long life is over soon.
  temporal = await startTemporal('limit.historyCount.suggestContinueAsNew=60');
  const workflowsPath = fileURLToPath(new URL('../support/retraining-workflows.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  worker = await Worker.create({
    connection: temporal.nativeConnection,
    workflowBundle,
    taskQueue,
    stickyQueueScheduleToStartTimeout: '1s',
  });
  ended = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await ended;
  await temporal.teardown();
});

let id: string;
beforeEach(() => {
  id = `retrain-${randomUUID()}`;
});

const collector = () => temporal.client.workflow.getHandle(id);
const state = () => collector().query<RetrainingState>('status');

function ask(reason: string, minimumIntervalSeconds = 3600): Promise<WorkflowHandle> {
  return temporal.client.workflow.signalWithStart(retrainingType, {
    taskQueue,
    workflowId: id,
    signal: retrainSignal,
    signalArgs: [{ reason, minimumIntervalSeconds, run: { pipeline: 'p' } }],
  });
}

/** Runs that are open, or that were, as the list has them: it is a little behind. */
async function runs(): Promise<{ workflowId: string; isOpen: boolean }[]> {
  const found = [];
  const query = `WorkflowType="trainingPipeline" AND WorkflowId STARTS_WITH "${id}-"`;
  for await (const { workflowId, status } of temporal.client.workflow.list({ query }))
    found.push({ workflowId, isOpen: status.name === 'RUNNING' });
  return found;
}

/** The runs of a collector have one id. Unlike a list, what the server says of it is never behind. */
const latestRun = () => temporal.client.workflow.getHandle(`${id}-run`);
const endRun = () => latestRun().signal('end');
const hasOpenRun = () =>
  latestRun()
    .describe()
    .then(
      ({ status }) => status.name === 'RUNNING',
      (error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      },
    );

async function failureOf(handle: WorkflowHandle): Promise<unknown> {
  const error: unknown = await handle.result().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

it('refuses a request that was given as its input, and can be asked then', async () => {
  const input = { reason: 'drift', run: { pipeline: 'p' } };
  const start = { taskQueue, workflowId: id, args: [input], workflowExecutionTimeout: '20s' as const };
  expect(await failureOf(await temporal.client.workflow.start(retrainingType, start))).toMatchObject({
    type: 'InvalidInput',
    message: expect.stringContaining('reason: is not a known key'),
  });
  const handle = await ask('drift', 0);
  await until(hasOpenRun);
  await endRun();
  expect(await handle.result()).toMatchObject({ runs: [{ outcome: 'accepted' }] });
});

it('follows the latest minimum interval while something waits for it', async () => {
  // Alive for long, so that it is not over before more is asked.
  const handle = await ask('drift');
  await until(hasOpenRun);
  await endRun();
  await until(async () => (await state()).runs.length === 1);
  await ask('data', 3600);
  await until(async () => (await state()).waiting !== null);
  await ask('more data', 1);
  await until(hasOpenRun);
  await endRun();
  await until(async () => (await state()).runs.length === 2);
  expect(await state()).toMatchObject({ runs: [{}, { reasons: ['data', 'more data'] }] });
  await handle.terminate();
});

it('goes on as a new run when an alarm has filled its history, whether nothing or something waits', async () => {
  const first = await ask('drift');
  await until(hasOpenRun);
  await endRun();
  await until(async () => (await state()).runs.length === 1);
  const runIds = new Set([(await collector().describe()).runId]);
  const flap = async (reason: string) => {
    await ask(reason);
    // Each with a workflow task of its own.
    await state();
    runIds.add((await collector().describe()).runId);
  };
  for (let time = 0; time < 50; time++) await flap('drift');
  const inQuiet = runIds.size;
  expect(inQuiet).toBeGreaterThan(1);
  for (let time = 0; time < 50; time++) await flap('data');
  expect(runIds.size).toBeGreaterThan(inQuiet);
  expect(await state()).toMatchObject({
    duplicates: 99,
    waiting: { reasons: ['data'] },
    runs: [{ reasons: ['drift'] }],
  });
  for (const runId of [...runIds].slice(0, -1)) {
    const { historyLength } = await temporal.client.workflow.getHandle(id, runId).describe();
    expect(historyLength).toBeLessThan(100);
  }
  expect(await runs()).toHaveLength(1);
  await temporal.client.workflow.getHandle(first.workflowId).terminate();
});

it('starts no run beside the one of a collector that was terminated', async () => {
  await ask('drift');
  await until(hasOpenRun);
  await collector().terminate();
  const handle = await ask('drift', 0);
  await ask('data', 0);
  await until(async () => (await state()).waiting?.reasons.length === 2);
  await until(async () => (await runs()).filter(({ isOpen }) => isOpen).length === 1);
  await endRun();
  await until(async () => (await state()).open !== null);
  await until(hasOpenRun);
  await until(async () => (await runs()).length === 2);
  await endRun();
  expect(await handle.result()).toMatchObject({ runs: [{ reasons: ['drift', 'data'] }] });
});
