import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createActivities } from '../../src/activities/index.ts';
import type { Cloud, Dependencies } from '../../src/activities/dependencies.ts';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import { createBudget } from '../../src/engines/sagemaker/budget.ts';
import { createClock } from '../../src/engines/sagemaker/clock.ts';
import { createSageMakerEngine } from '../../src/engines/sagemaker/engine.ts';
import { jobs } from '../engines/sagemaker/stand.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { folderPerTest } from '../support/folders.ts';
import { startTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import type { WatchInput } from '../support/watch-workflow.ts';

withoutAwsSettings(folderPerTest());

/** Of SageMaker's time and of the engine's: an ordinary job of the emulator takes five minutes, here three seconds. */
const speed = 100;
const session = {
  region: 'us-east-1',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/Jobs',
  bucket: 'bucket',
  prefix: 'sluice',
};

let temporal: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let emulator: TestEmulator;
let taskQueue: string;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  temporal = await startTemporal();
  const workflowsPath = fileURLToPath(new URL('../support/watch-workflow.ts', import.meta.url));
  bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
});
afterAll(() => temporal.teardown());
beforeEach(async () => {
  emulator = await openEmulator({ speed });
  useAwsSettings(emulator.env);
  taskQueue = `test-${randomUUID()}`;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await emulator.close();
});

/** A worker with an engine that has seen nothing. @returns what ends it, its jobs going on. */
async function startWorker(): Promise<() => Promise<void>> {
  const clock = createClock(speed);
  const engine = createSageMakerEngine({
    api: createSageMakerApi(session.region),
    logs: { lastEvents: () => Promise.resolve({ events: [], cutOff: null }), pages: () => never() },
    budget: createBudget(clock),
    clock,
  });
  const cloud = () => ({ engine }) as Cloud;
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    workflowBundle: bundle,
    taskQueue,
    activities: createActivities({ engines: {}, cloud } as unknown as Dependencies),
    maxHeartbeatThrottleInterval: '100ms',
    shutdownForceTime: '2s',
  });
  const ended = worker.run();
  const stop = async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  };
  stops.push(stop);
  return stop;
}

const never = (): never => {
  throw new Error('nobody reads whole logs here');
};

const start = (): Promise<WorkflowHandle> =>
  temporal.client.workflow.start('watch', {
    taskQueue,
    workflowId: `watch-${randomUUID()}`,
    args: [{ name: 'job-1', request: jobs.Training, session } satisfies WatchInput],
  });

const statusOf = () => emulator.transitions('job-1').at(-1)?.status;
const isUnderWay = () => until(() => statusOf() === 'InProgress');
const made = () => emulator.requests('CreateTrainingJob').filter(({ committed }) => committed).length;

describe('a run with a job of SageMaker', () => {
  it('ends with it', async () => {
    await startWorker();
    expect(await (await start()).result()).toBe('job-1');
    expect(statusOf()).toBe('Completed');
    expect(made()).toBe(1);
  });

  it('that is cancelled closes when the job is over, not before', async () => {
    await startWorker();
    emulator.fault({ fault: 'life', life: { runningSeconds: 100_000, stoppingSeconds: 100 } });
    const handle = await start();
    await isUnderWay();
    await handle.cancel();
    const failure = (await handle.result().catch((error: unknown) => error)) as WorkflowFailedError;
    expect(failure.cause?.name).toBe('CancelledFailure');
    expect(statusOf()).toBe('Stopped');
    expect(made()).toBe(1);
  });

  it('whose worker goes is taken over by the next one, with the same job', async () => {
    const stop = await startWorker();
    const runningSeconds = 3000;
    emulator.fault({ fault: 'life', life: { runningSeconds } });
    const handle = await start();
    await isUnderWay();
    await stop();
    expect(statusOf()).toBe('InProgress');
    await startWorker();
    emulator.advance(runningSeconds);
    expect(await handle.result()).toBe('job-1');
    expect(made()).toBe(1);
    expect(emulator.requests('StopTrainingJob')).toEqual([]);
  });

  it('waits for credentials that have expired, and finds its job again', async () => {
    await startWorker();
    emulator.fault({ fault: 'life', life: { runningSeconds: 300 } });
    const handle = await start();
    await isUnderWay();
    emulator.fault({ fault: 'expired-credentials' });
    await until(() => emulator.requests().some(({ error }) => error?.code === 'ExpiredTokenException'));
    emulator.clearFaults();
    expect(await handle.result()).toBe('job-1');
    expect(made()).toBe(1);
  });

  it('fails when somebody stops the job in the console', async () => {
    await startWorker();
    emulator.fault({ fault: 'life', life: { runningSeconds: 100_000 } });
    const handle = await start();
    await isUnderWay();
    await createSageMakerApi(session.region).call('StopTrainingJob', { TrainingJobName: 'job-1' });
    const failure = (await handle.result().catch((error: unknown) => error)) as WorkflowFailedError;
    const cause = failure.cause?.cause as ApplicationFailure;
    expect(cause).toMatchObject({ type: 'JobStopped', message: expect.stringContaining('job-1') });
    expect(made()).toBe(1);
  });
});
