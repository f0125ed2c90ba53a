import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Cloud } from '../../src/activities/dependencies.ts';
import { createActivities } from '../../src/activities/index.ts';
import {
  instanceSlotsType,
  newSlots,
  slotSignals,
  type Claim,
  type SlotsState,
} from '../../src/core/instance-slots.ts';
import { createFakeEngine, endless, type FakeEngine } from '../support/fake-engine.ts';
import { startTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { makeDependencies, makeRoot } from '../support/world.ts';

let temporal: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let world: Awaited<ReturnType<typeof makeRoot>>;
let engine: FakeEngine;
let taskQueue: string;
let stopWorker: () => Promise<void>;

beforeAll(async () => {
  // So few events a history: a long life is over soon.
  temporal = await startTemporal('limit.historyCount.suggestContinueAsNew=60');
  const workflowsPath = fileURLToPath(new URL('../support/holder-workflow.ts', import.meta.url));
  bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  world = await makeRoot();
});
afterAll(async () => {
  await temporal.teardown();
  await world.remove();
});

beforeEach(async () => {
  engine = createFakeEngine();
  taskQueue = `test-${randomUUID()}`;
  stopWorker = await startWorker();
});
afterEach(() => stopWorker());

async function startWorker(buildId?: string): Promise<() => Promise<void>> {
  const cloud = () => ({ engine }) as unknown as Cloud;
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    workflowBundle: bundle,
    taskQueue,
    activities: createActivities({ ...makeDependencies(world.root, engine), cloud }),
    shutdownForceTime: '2s',
    stickyQueueScheduleToStartTimeout: '1s',
    ...(buildId !== undefined && {
      workerDeploymentOptions: {
        version: { deploymentName: taskQueue, buildId },
        useWorkerVersioning: true,
        defaultVersioningBehavior: 'PINNED',
      },
    }),
  });
  const ended = worker.run();
  return async () => {
    worker.shutdown();
    await ended;
  };
}

const slotsHandle = () => temporal.client.workflow.getHandle(`slots-${taskQueue}`);
const state = () => slotsHandle().query<SlotsState>('status');
const holders = async () => (await state()).holders.map(({ job }) => job);

/** A run that asks for instances; its own name is that of its job. */
async function ask(job: string, more: Partial<Claim> = {}): Promise<WorkflowHandleWithFirstExecutionRunId> {
  const handle = await temporal.client.workflow.start('holder', {
    taskQueue,
    workflowId: `${job}-${taskQueue}`,
  });
  await request(handle, job, more);
  return handle;
}

async function request(
  { workflowId, firstExecutionRunId: runId }: WorkflowHandleWithFirstExecutionRunId,
  job: string,
  more: Partial<Claim> = {},
): Promise<void> {
  const claim: Claim = {
    job,
    kind: 'Training',
    session: {
      region: 'us-east-1',
      accountId: '123456789012',
      roleArn: 'arn:aws:iam::123456789012:role/Jobs',
      bucket: 'b',
      prefix: 'p',
    },
    workflowId,
    runId,
    pipeline: 'small',
    step: 'train',
    instances: 'ml.p4d',
    count: 1,
    cap: 2,
    priority: 3,
    ...more,
  };
  await temporal.client.workflow.signalWithStart(instanceSlotsType, {
    taskQueue,
    workflowId: slotsHandle().workflowId,
    args: [newSlots('ml.p4d', 2)],
    signal: slotSignals.request,
    signalArgs: [claim],
  });
}

const giveBack = (job: string) => slotsHandle().signal(slotSignals.release, job);
/** Ends a run. @returns how often it was told that it may. */
const end = async (handle: WorkflowHandle): Promise<number> => {
  await handle.signal('end');
  return (await handle.result()) as number;
};
/** The same, of one that has been told: the slots are given a little before that is heard of. */
const endTold = async (handle: WorkflowHandle): Promise<number> => {
  await until(async () =>
    ((await handle.fetchHistory()).events ?? []).some(
      ({ workflowExecutionSignaledEventAttributes: heard }) => heard?.signalName === slotSignals.granted,
    ),
  );
  return end(handle);
};

it('tells runs in their turn, and is over when nobody has or wants anything', async () => {
  const runs = new Map<string, WorkflowHandle>();
  for (const job of ['a', 'b']) runs.set(job, await ask(job));
  await until(async () => (await holders()).length === 2);
  for (const job of ['c', 'd']) runs.set(job, await ask(job));
  runs.set('e', await ask('e', { priority: 1 }));
  expect(await state()).toMatchObject({
    holders: [{ job: 'a' }, { job: 'b' }],
    waiting: [{ job: 'e' }, { job: 'c' }, { job: 'd' }],
  });
  const details = await slotsHandle().query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(JSON.stringify(details)).toContain('2 of 2 in use, 3 waiting');
  await giveBack('a');
  await until(async () => (await holders()).join() === 'b,e');
  // It no longer wants any.
  await giveBack('c');
  await giveBack('b');
  await until(async () => (await holders()).join() === 'e,d');
  for (const job of ['e', 'd']) await giveBack(job);
  await slotsHandle().result();
  const told = await Promise.all([...runs].map(async ([job, run]) => [job, await end(run)]));
  expect(Object.fromEntries(told)).toEqual({ a: 1, b: 1, c: 0, d: 1, e: 1 });
});

it('stops the job of a run that was terminated before it gives its instances to the next', async () => {
  engine.behave('train', { lasts: endless, stopTakes: 3000 });
  const request = {
    kind: 'Transform',
    body: { TransformResources: { InstanceCount: 1 } },
    tags: { 'sluice:step': 'train' },
  };
  await engine.ensure(
    'a',
    request as unknown as Parameters<FakeEngine['ensure']>[1],
    new AbortController().signal,
  );
  const [a, , c] = [await ask('a'), await ask('b'), await ask('c')];
  await until(async () => (await holders()).length === 2);
  await a.terminate();
  await until(async () => (await holders()).includes('c'));
  expect(engine.stateOf('a')).toBe('stopped');
  expect(await holders()).toEqual(['b', 'c']);
  expect(await endTold(c)).toBe(1);
});

it('passes over a run that was terminated while it waited', async () => {
  const [, , c, d] = [await ask('a'), await ask('b'), await ask('c'), await ask('d')];
  await c.terminate();
  await giveBack('a');
  await until(async () => (await holders()).join() === 'b,d');
  expect((await state()).waiting).toEqual([]);
  expect(await endTold(d)).toBe(1);
});

it('keeps what it knows when its worker dies and when its history has become long', async () => {
  const [, , c] = [await ask('a'), await ask('b'), await ask('c')];
  const { runId } = await slotsHandle().describe();
  for (let time = 0; time < 60; time++) await request(c, 'c');
  await until(async () => (await slotsHandle().describe()).runId !== runId);
  await stopWorker();
  stopWorker = await startWorker();
  expect(await state()).toMatchObject({ holders: [{ job: 'a' }, { job: 'b' }], waiting: [{ job: 'c' }] });
  await giveBack('b');
  await until(async () => (await holders()).join() === 'a,c');
  expect(await endTold(c)).toBe(1);
});

it('goes on with the newest version of the worker, so that an old one can end', async () => {
  const makeCurrent = async (buildId: string) => {
    const request = {
      namespace: 'default',
      deploymentName: taskQueue,
      buildId,
      ignoreMissingTaskQueues: true,
    };
    const set = () => temporal.client.workflowService.setWorkerDeploymentCurrentVersion(request);
    await until(() =>
      set().then(
        () => true,
        () => false,
      ),
    );
  };
  const versionOf = async (handle: WorkflowHandle) =>
    (await handle.describe()).raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
  await stopWorker();
  const stopOld = await startWorker('v1');
  await makeCurrent('v1');
  const [a, b, c] = [await ask('a'), await ask('b'), await ask('c')];
  await until(async () => (await holders()).length === 2);
  expect(await versionOf(slotsHandle())).toBe('v1');

  stopWorker = await startWorker('v2');
  await makeCurrent('v2');
  const again = async () => {
    await request(c, 'c');
    return (await versionOf(slotsHandle())) === 'v2';
  };
  await until(again);
  expect(await state()).toMatchObject({ holders: [{ job: 'a' }, { job: 'b' }], waiting: [{ job: 'c' }] });
  await giveBack('a');
  await until(async () => (await holders()).join() === 'b,c');
  // Runs end on theirs.
  expect(await versionOf(a)).toBe('v1');
  expect(await Promise.all([a, b, c].map(endTold))).toEqual([1, 1, 1]);
  await stopOld();
  for (const job of ['b', 'c']) await giveBack(job);
  await slotsHandle().result();
});

it('takes no notice of what is no request', async () => {
  await ask('a');
  await slotsHandle().signal(slotSignals.request, { job: 'b' });
  await slotsHandle().signal(slotSignals.release);
  expect(await holders()).toEqual(['a']);
  await giveBack('a');
  await slotsHandle().result();
});
