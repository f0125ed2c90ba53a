import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure, type ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dependencies } from '../../src/activities/dependencies.ts';
import { createActivities } from '../../src/activities/index.ts';
import { SluiceError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/expressions.ts';
import type { JobRequest, TransformJob } from '../../src/core/jobs.ts';
import { searchAttributes, type RunReport } from '../../src/core/run.ts';
import { hostQueue, hostsQueue, jobsQueue } from '../../src/core/task-queues.ts';
import { createFileRegistry } from '../../src/registry/file-registry.ts';
import { createFakeEngine, endless, type FakeEngine } from '../support/fake-engine.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { startTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { makeDependencies, makeRoot, startReceiver } from '../support/world.ts';

let temporal: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let engine: FakeEngine;
let world: Awaited<ReturnType<typeof makeRoot>>;
let stopWorkers: () => Promise<void>;
let taskQueue: string;

beforeAll(async () => {
  temporal = await startTemporal();
  const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
  bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
});
afterAll(() => temporal.teardown());

beforeEach(async () => {
  engine = createFakeEngine();
  engine.behave('evaluate', { report: '{"metrics":{"mse":6}}' });
  world = await makeRoot();
  taskQueue = `test-${randomUUID()}`;
  stopWorkers = await startWorkers();
});
afterEach(async () => {
  await stopWorkers();
  await world.remove();
});

async function startWorkers(registered = true, changes: Partial<Dependencies> = {}) {
  const activities = createActivities({ ...makeDependencies(world.root, engine, registered), ...changes });
  const common = {
    connection: temporal.nativeConnection,
    activities,
    maxHeartbeatThrottleInterval: '100ms',
    shutdownForceTime: '2s',
  } as const;
  const workers = await Promise.all([
    Worker.create({ ...common, workflowBundle: bundle, taskQueue }),
    ...[hostsQueue(taskQueue), hostQueue(taskQueue, 'here'), jobsQueue(taskQueue, 'here')].map((queue) =>
      Worker.create({ ...common, taskQueue: queue }),
    ),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  return async () => {
    workers.forEach((worker) => worker.shutdown());
    await running;
  };
}

function write(name: string, content: string, bytes = content.length): string {
  writeFileSync(join(world.root, name), content);
  truncateSync(join(world.root, name), bytes);
  return name;
}

function link(name: string, target: string): string {
  symlinkSync(target, join(world.root, name));
  return name;
}

type Input = Record<string, unknown>;

function start(input: Input): Promise<WorkflowHandle> {
  return temporal.client.workflow.start('trainingPipeline', {
    taskQueue,
    workflowId: `run-${randomUUID()}`,
    args: [input],
  });
}

async function run(pipeline: Json, more: Input = {}): Promise<RunReport> {
  const handle = await start({ pipeline, ...more });
  return (await handle.result()) as RunReport;
}

async function failureOf(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause as ApplicationFailure;
}

async function scheduledIn(handle: WorkflowHandle) {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
}

const statuses = (report: RunReport) =>
  Object.fromEntries(report.steps.map(({ name, status }) => [name, status]));
type EventId = NonNullable<
  NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number]['eventId']
>;
const isTransform = (request: JobRequest): request is TransformJob => request.kind === 'Transform';
const query = (handle: WorkflowHandle) => handle.query<RunReport>('status');

describe('a run whose pipeline file cannot be used', () => {
  it.each<[string, string | (() => string), string]>([
    ['has 50 MB', () => write('big.json', '', 50_000_000), '"big.json" has 50000000 bytes; at most 262144'],
    ['is no JSON', () => write('bad.json', '{\n  "name": }\n'), '"bad.json" cannot be read: '],
    ['is empty', () => write('empty.json', ''), '"empty.json" cannot be read: '],
    ['is not there', 'nowhere.json', 'nowhere.json'],
    ['is a folder', 'code', '"code" is a folder'],
    ['lies outside of the root', '../pipeline.json', '../pipeline.json'],
    ['is named by an absolute path', '/etc/hostname', '/etc/hostname'],
    ['is a link that leaves the root', () => link('leaving.json', '/etc/hostname'), 'leaving.json'],
    ['has a key that nobody knows', () => write('keys.json', '{"stepz":{}}'), 'stepz'],
  ])('is InvalidInput and starts no job when the file %s', async (_, make, message) => {
    const handle = await start({ pipeline: typeof make === 'string' ? make : make() });
    const failure = await failureOf(handle);
    expect(failure.type).toBe('InvalidInput');
    expect(failure.message).toContain(message);
    expect(engine.starts).toEqual([]);
  });
});

describe('a run that is accepted', () => {
  it('goes through every step, in order, and registers a version', async () => {
    const handle = await start({ pipeline: smallPipeline() });
    const report = (await handle.result()) as RunReport;
    expect(report.outcome).toBe('accepted');
    expect(report.metric).toEqual({
      name: 'metrics.mse',
      value: 6,
      comparison: 'lessThanOrEqualTo',
      threshold: 7,
    });
    expect(statuses(report)).toEqual({
      preprocess: 'succeeded',
      train: 'succeeded',
      evaluate: 'succeeded',
      condition: 'succeeded',
      createModel: 'succeeded',
      transform: 'succeeded',
      register: 'succeeded',
      notify: 'skipped',
    });
    expect(report.modelPackage).toEqual({
      group: 'small',
      version: 1,
      approvalStatus: 'PendingManualApproval',
    });
    expect(report.transform?.records).toBe(3);
    const scheduled = await scheduledIn(handle);
    const ids = scheduled.map(({ activityId }) => activityId).filter((id) => id !== 'hash-input');
    expect(ids).toEqual([
      'prepare',
      'preprocess',
      'train',
      'evaluate',
      'condition',
      'createModel',
      'transform',
      'register',
    ]);
    expect(scheduled.map(({ activityType }) => activityType?.name)).toEqual(
      expect.arrayContaining([
        'preprocess',
        'train',
        'evaluate',
        'createModel',
        'transform',
        'registerModel',
      ]),
    );
    expect(engine.starts).toHaveLength(4);
    // What the jobs have cost is not lost with an hour in which AWS throttles, or the credentials are expired, nor with the days that
    // a machine is away for.
    const patience = scheduled.map(
      ({ scheduleToCloseTimeout, startToCloseTimeout }) =>
        [Number(scheduleToCloseTimeout?.seconds), Number(startToCloseTimeout?.seconds)] as const,
    );
    for (const [inAll, ofOne] of patience) {
      expect(inAll === 0 || inAll >= 30 * 86_400).toBe(true);
      expect(ofOne).toBeGreaterThanOrEqual(2 * 3600);
    }
  });

  it('goes on without a hash of the input data when there is none to be had, and says so', async () => {
    await stopWorkers();
    const hash = () => Promise.reject(new SluiceError('AccessDenied', 'data.csv may not be read'));
    const { storage } = makeDependencies(world.root, engine);
    stopWorkers = await startWorkers(true, { storage: { ...storage, hash } });
    const report = await run(smallPipeline());
    expect(report.outcome).toBe('accepted');
    expect(report.notes).toEqual([
      'The lineage has no hash of the input data: hash-input: data.csv may not be read',
    ]);
    const [version] = await createFileRegistry(join(world.root, '.sluice', 'registry')).list();
    expect(version?.lineage.data).toBeNull();
  });

  it('is found by its search attributes and tells its state in the current details', async () => {
    const handle = await start({ pipeline: smallPipeline() });
    await handle.result();
    const { typedSearchAttributes } = await handle.describe();
    const found = typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    expect(Object.fromEntries(found)).toMatchObject({
      [searchAttributes.pipeline]: 'small',
      [searchAttributes.executionMode]: 'local',
      [searchAttributes.outcome]: 'accepted',
      [searchAttributes.metricValue]: 6,
    });
    const details = await handle.query<string>('__temporal_workflow_metadata');
    expect(JSON.stringify(details)).toContain('| evaluate | ✓ succeeded | process |');
  });

  it('keeps the lineage of the model: data, code, image, parameters, jobs', async () => {
    const pipeline = smallPipeline(
      { parameters: { depth: { type: 'Integer', default: 3 } } },
      {
        train: { script: 'train.py', hyperparameters: { depth: { Get: 'Parameters.depth' } } },
      },
    );
    await run(pipeline, { parameters: { depth: 5 } });
    const [version] = await createFileRegistry(join(world.root, '.sluice', 'registry')).list();
    expect(version).toMatchObject({
      pipeline: 'small',
      group: 'small',
      version: 1,
      lineage: { parameters: { depth: 5 }, executionMode: 'local' },
    });
    expect(version?.lineage.data).toMatchObject({
      bytes: 8,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(Object.keys(version?.lineage.jobs ?? {})).toEqual([
      'preprocess',
      'train',
      'evaluate',
      'createModel',
      'transform',
    ]);
  });

  it('runs only the steps that the file has', async () => {
    const report = await run(smallPipeline({}, { transform: undefined, register: undefined }));
    expect(report.outcome).toBe('accepted');
    expect(statuses(report)).toMatchObject({
      createModel: 'succeeded',
      transform: 'skipped',
      register: 'skipped',
    });
    expect(engine.starts).toHaveLength(3);
  });

  it('reads the pipeline from a path below the root', async () => {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${world.root}/pipeline.json`, JSON.stringify(smallPipeline()));
    expect((await run('pipeline.json')).outcome).toBe('accepted');
  });

  it('runs without search attributes where they are not registered', async () => {
    await stopWorkers();
    stopWorkers = await startWorkers(false);
    const handle = await start({ pipeline: smallPipeline() });
    await handle.result();
    const found = (await handle.describe()).typedSearchAttributes.getAll().map(({ key }) => key.name);
    expect(found).not.toContain(searchAttributes.pipeline);
  });
});

describe('those who want to know of accepted runs', () => {
  /** A pipeline of a name of its own, since the runs of a name are what is looked back at. */
  const named = (notify: Json) => {
    const pipeline = smallPipeline({}, { notify });
    return { ...pipeline, name: `small-${randomUUID().slice(0, 8)}` };
  };
  /** What was told, once the outcome of each run is in Temporal's list. */
  async function runAll(pipeline: { name: string }, ...metrics: number[]): Promise<RunReport[]> {
    const reports: RunReport[] = [];
    for (const [index, mse] of metrics.entries()) {
      engine.behave('evaluate', { report: `{"metrics":{"mse":${mse}}}` });
      const handle = await start({ pipeline });
      await handle.result().catch(() => undefined);
      reports.push(await query(handle));
      const closed = `${searchAttributes.pipeline}="${pipeline.name}" AND ExecutionStatus!="Running"`;
      await until(async () => (await temporal.client.workflow.count(closed)).count > index);
    }
    return reports;
  }

  it('are told of them, and of the first one after one that was not, each target as it wants', async () => {
    const [all, recoveries, failures] = await Promise.all([
      startReceiver(),
      startReceiver(),
      startReceiver(),
    ]);
    const pipeline = named([
      { webhook: all.url, on: ['accepted', 'rejected'] },
      {
        webhook: recoveries.url,
        on: ['recovered'],
        text: '{pipeline} is {event}: {value} {comparison} {threshold}',
      },
      { webhook: failures.url },
    ]);
    const reports = await runAll(pipeline, 6, 8, 5, 4);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['accepted', 'rejected', 'accepted', 'accepted']);
    const events = (receiver: typeof all) => receiver.deliveries.map(({ body }) => body.event);
    expect(events(all)).toEqual(['accepted', 'rejected', 'recovered', 'accepted']);
    expect(events(recoveries)).toEqual(['recovered']);
    expect(events(failures)).toEqual(['rejected']);
    expect(recoveries.deliveries[0]!.body).toMatchObject({
      text: `${pipeline.name} is recovered: 5 ≤ 7`,
      code: null,
      message: expect.stringMatching(
        /^The model is accepted: metrics.mse 5 ≤ 7\. .* The run before it was rejected\.$/,
      ),
    });
    await Promise.all([all, recoveries, failures].map((receiver) => receiver.close()));
  });

  it('change nothing about the run if they cannot be told', async () => {
    const receiver = await startReceiver(404);
    const [report] = await runAll(named([{ webhook: receiver.url, on: ['accepted'] }]), 6);
    expect(report).toMatchObject({ outcome: 'accepted', modelPackage: { version: 1 } });
    expect(statuses(report!)).toMatchObject({ notify: 'failed', register: 'succeeded' });
    await receiver.close();
  });

  it('are told of an accepted run where nobody knows of earlier ones', async () => {
    await stopWorkers();
    stopWorkers = await startWorkers(false);
    const receiver = await startReceiver();
    const pipeline = named([{ webhook: receiver.url, on: ['accepted', 'recovered'] }]);
    expect(await run(pipeline)).toMatchObject({ outcome: 'accepted' });
    expect(receiver.deliveries.map(({ body }) => body.event)).toEqual(['accepted']);
    await receiver.close();
  });
});

describe('a run that is not accepted', () => {
  it('notifies and fails with the metric, the value and the threshold when it is rejected', async () => {
    const receiver = await startReceiver();
    engine.behave('evaluate', { report: '{"metrics":{"mse":8}}' });
    const handle = await start({ pipeline: smallPipeline({}, { notify: [{ webhook: receiver.url }] }) });
    const failure = await failureOf(handle);
    expect(failure.type).toBe('QualityGateRejected');
    expect(failure.message).toContain('metrics.mse 8 ≤ 7 does not hold');
    expect(failure.details?.[0]).toEqual({
      metric: 'metrics.mse',
      comparison: 'lessThanOrEqualTo',
      threshold: 7,
      value: 8,
    });
    expect((await scheduledIn(handle)).at(-1)).toMatchObject({
      activityId: 'notify',
      activityType: { name: 'notifyFailure' },
    });
    expect(receiver.deliveries).toHaveLength(1);
    expect(receiver.deliveries[0]?.body).toMatchObject({
      event: 'rejected',
      code: 'QualityGateRejected',
      pipeline: 'small',
      metric: { value: 8 },
      url: `http://ui.example/namespaces/default/workflows/${handle.workflowId}/${String(receiver.deliveries[0]!.body.runId)}`,
    });
    expect(await query(handle)).toMatchObject({
      outcome: 'rejected',
      failure: { code: 'QualityGateRejected' },
    });
    expect(statuses(await query(handle))).toMatchObject({ notify: 'succeeded', createModel: 'skipped' });
    await receiver.close();
  });

  it('completes as rejected where the file says so', async () => {
    engine.behave('evaluate', { report: '{"metrics":{"mse":8}}' });
    const condition = { metric: 'metrics.mse', lessThanOrEqualTo: 7, onRejected: 'complete' };
    expect((await run(smallPipeline({}, { condition }))).outcome).toBe('rejected');
    expect(engine.starts).toHaveLength(3);
  });

  it.each([
    ['a metric that is no number', '{"metrics":{"mse":"6"}}', 'not a finite number'],
    ['a metric that is NaN', '{"metrics":{"mse":NaN}}', 'not JSON'],
    ['a report without it', '{"metrics":{}}', 'has no "mse"'],
    ['no report at all', undefined, 'does not exist'],
  ])('stays closed for %s', async (_, report, reason) => {
    engine.behave('evaluate', report === undefined ? {} : { report });
    const handle = await start({ pipeline: smallPipeline() });
    const failure = await failureOf(handle);
    expect(failure.type).toBe('QualityGateUndecidable');
    expect(failure.message).toContain(reason);
    expect((await query(handle)).outcome).toBe('failed');
    expect(engine.starts).toHaveLength(3);
  });

  it.each(['preprocess', 'train', 'evaluate', 'transform'])(
    'notifies and fails with the own error of %s',
    async (step) => {
      const receiver = await startReceiver();
      engine.behave(step, { ends: 'failed' });
      const handle = await start({ pipeline: smallPipeline({}, { notify: [{ webhook: receiver.url }] }) });
      const failure = await failureOf(handle);
      expect(failure.type).toBe('JobFailed');
      expect(failure.message).toContain(`${step}: small-${step}-`);
      expect(failure.message).toContain('the last line of the log');
      expect(receiver.deliveries).toHaveLength(1);
      expect(statuses(await query(handle))).toMatchObject({ [step]: 'failed', notify: 'succeeded' });
      await receiver.close();
    },
  );

  it('takes a job that somebody stopped for a failure, never for a success', async () => {
    engine.behave('train', { ends: 'stopped' });
    expect((await failureOf(await start({ pipeline: smallPipeline() }))).type).toBe('JobStopped');
  });

  it('leaves a job alone that has the name, and is of another request', async () => {
    engine.behave('train', { lasts: endless });
    const { ensure } = engine;
    engine.ensure = async (name, request, ...rest) => {
      // Somebody else's, just before.
      if (name.includes('-train-'))
        await ensure(name, { ...request, tags: { 'sluice:step': 'train' } }, ...rest);
      return ensure(name, request, ...rest);
    };
    const handle = await start({ pipeline: smallPipeline() });
    expect((await failureOf(handle)).type).toBe('SpecMismatch');
    const name = engine.starts.find((one) => one.includes('-train-')) ?? '';
    expect(engine.stateOf(name)).toBe('running');
    const scheduled = await scheduledIn(handle);
    expect(scheduled.map(({ activityType }) => activityType?.name)).not.toContain('stopJob');
  });

  it('ends when the outputs of a job could not be stored: the job is over, another attempt would not help', async () => {
    engine.behave('train', { ends: 'failed', code: 'StorageError' });
    const handle = await start({ pipeline: smallPipeline() });
    expect((await failureOf(handle)).type).toBe('StorageError');
  });

  it('notifies also when what the pipeline names is not there', async () => {
    const receiver = await startReceiver();
    const steps = { transform: { input: 'no.csv' }, notify: [{ webhook: receiver.url }] };
    expect((await failureOf(await start({ pipeline: smallPipeline({}, steps) }))).type).toBe('InvalidInput');
    expect(receiver.deliveries).toHaveLength(1);
    await receiver.close();
  });

  it('is found by search attributes even if it was not prepared', async () => {
    const handle = await start({ pipeline: smallPipeline({}, { transform: { input: 'no.csv' } }) });
    await failureOf(handle);
    const found = (await handle.describe()).typedSearchAttributes.getAll();
    expect(Object.fromEntries(found.map(({ key, value }) => [key.name, value]))).toMatchObject({
      [searchAttributes.pipeline]: 'small',
      [searchAttributes.outcome]: 'failed',
    });
  });

  it('does not begin if a target has a secret that the worker lacks', async () => {
    const notify = [{ webhook: { Env: 'SLUICE_TEST_NO_SUCH_VARIABLE' } }];
    const failure = await failureOf(await start({ pipeline: smallPipeline({}, { notify }) }));
    expect(failure.type).toBe('InvalidInput');
    expect(failure.message).toContain(
      'steps.notify[0]: The worker has no environment variable SLUICE_TEST_NO_SUCH_VARIABLE',
    );
    expect(engine.starts).toEqual([]);
  });

  it('is not hidden by a notification that fails', async () => {
    const receiver = await startReceiver(404);
    engine.behave('train', { ends: 'failed' });
    const handle = await start({ pipeline: smallPipeline({}, { notify: [{ webhook: receiver.url }] }) });
    expect((await failureOf(handle)).type).toBe('JobFailed');
    expect(statuses(await query(handle))).toMatchObject({ notify: 'failed' });
    await receiver.close();
  });

  it('tells a target once, however often another one must be tried again', async () => {
    const [busy, receiver] = await Promise.all([startReceiver(503), startReceiver()]);
    engine.behave('train', { ends: 'failed' });
    try {
      const notify = [{ webhook: busy.url }, { webhook: receiver.url }];
      const handle = await start({ pipeline: smallPipeline({}, { notify }) });
      await until(() => busy.deliveries.length >= 3);
      await handle.cancel();
      expect((await failureOf(handle)).type).toBe('JobFailed');
      expect(receiver.deliveries).toHaveLength(1);
    } finally {
      await Promise.all([busy.close(), receiver.close()]);
    }
  });
});

describe('a job that fails for want of machines', () => {
  const train = { script: 'train.py', jobRetries: { capacity: 2, delaySeconds: 0 } };

  it('is followed by another one, under a name and with outputs of its own', async () => {
    engine.behave('train', { firstFail: 2, code: 'CapacityUnavailable' });
    const handle = await start({ pipeline: smallPipeline({}, { train }) });
    const report = (await handle.result()) as RunReport;
    expect(report.outcome).toBe('accepted');
    const names = engine.starts.filter((name) => name.includes('-train-'));
    expect(names).toEqual([names[0], `${names[0]}-2`, `${names[0]}-3`]);
    expect(report.steps.find(({ name }) => name === 'train')?.jobName).toBe(names[2]);
  });

  it('is asked for again where the quota was used up, each time after the pause that the file says', async () => {
    engine.behave('train', { firstRefused: 2 });
    const quota = { script: 'train.py', jobRetries: { quota: 2, delaySeconds: 2 } };
    const handle = await start({ pipeline: smallPipeline({}, { train: quota }) });
    expect(((await handle.result()) as RunReport).outcome).toBe('accepted');
    expect(engine.starts.filter((name) => name.includes('-train-'))).toEqual([
      expect.stringMatching(/-train-\w+-3$/),
    ]);
    const { events } = await handle.fetchHistory();
    const waits = (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
      timer ? [Number(timer.startToFireTimeout?.seconds)] : [],
    );
    expect(waits).toEqual([2, 2]);
  });

  it('is followed by no more than the file allows', async () => {
    engine.behave('train', { ends: 'failed', code: 'CapacityUnavailable' });
    const failure = await failureOf(await start({ pipeline: smallPipeline({}, { train }) }));
    expect(failure.type).toBe('CapacityUnavailable');
    expect(engine.starts.filter((name) => name.includes('-train-'))).toHaveLength(3);
  });

  it.each(['JobFailed', 'JobTimedOut', 'JobInternalError'] as const)(
    'is one thing, %s another',
    async (code) => {
      engine.behave('train', { ends: 'failed', code });
      const failure = await failureOf(await start({ pipeline: smallPipeline({}, { train }) }));
      expect(failure.type).toBe(code);
      expect(engine.starts.filter((name) => name.includes('-train-'))).toHaveLength(1);
    },
  );

  it('leaves nothing of its outputs to the steps that follow', async () => {
    engine.behave('preprocess', { firstFail: 1, code: 'JobInternalError' });
    const preprocess = {
      script: 'preprocess.py',
      input: 'data.csv',
      outputs: ['train', 'test'],
      jobRetries: { internal: 1, delaySeconds: 0 },
    };
    const report = await run(smallPipeline({}, { preprocess }));
    expect(report.outcome).toBe('accepted');
    const job = engine.jobs.get(engine.starts.find((name) => name.includes('-train-')) ?? '');
    expect(JSON.stringify(job?.request.body)).toContain('/preprocess-2/train');
  });
});

describe('bad input', () => {
  it.each<[string, Input, string]>([
    ['no object', [] as never, 'The workflow input'],
    ['an unknown key', { pipeline: smallPipeline(), mode: 'local' }, 'mode: is not a known key'],
    ['a misspelt step', { pipeline: smallPipeline({}, { trian: {} }) }, 'steps.trian: is not a known key'],
    ['a mode that does not exist', { pipeline: smallPipeline(), executionMode: 'cloud' }, 'executionMode'],
    ['a mode without an engine', { pipeline: smallPipeline(), executionMode: 'sagemaker' }, 'no cloud'],
    [
      'an unknown parameter',
      { pipeline: smallPipeline(), parameters: { x: 1 } },
      'parameters.x: is not declared',
    ],
    [
      'a script that is not there',
      { pipeline: smallPipeline({}, { train: { script: 'no.py' } }) },
      'steps.train.script: there is no file "no.py"',
    ],
    [
      'an input that is not there',
      { pipeline: smallPipeline({}, { transform: { input: 'no.csv' } }) },
      'steps.transform.input: "no.csv" does not exist',
    ],
    [
      'a path that leaves the root',
      { pipeline: smallPipeline({ code: '../code' }) },
      'code: "../code" leaves',
    ],
    ['an absolute path', { pipeline: smallPipeline({ code: '/etc' }) }, 'code: "/etc" is absolute'],
    ['a file that is not there', { pipeline: 'no.json' }, 'pipeline: "no.json" does not exist'],
    [
      'more instances than the engine has',
      { pipeline: smallPipeline({}, { train: { script: 'train.py', instanceCount: 2 } }) },
      'one instance',
    ],
  ])('%s ends the run before any job', async (_, input, message) => {
    const failure = await failureOf(await start(input));
    expect(failure.message).toContain(message);
    expect(['InvalidInput', 'Unsupported']).toContain(failure.type);
    expect(engine.starts).toEqual([]);
  });
});

describe('a run that is cancelled', () => {
  it('closes only when its job is over', async () => {
    engine.behave('train', { lasts: endless, stopTakes: 500 });
    const handle = await start({ pipeline: smallPipeline() });
    await until(() => engine.starts.length === 2);
    const asked = Date.now();
    await handle.cancel();
    await handle.cancel();
    const error = (await handle.result().catch((reason: unknown) => reason)) as WorkflowFailedError;
    expect(error.cause).toBeInstanceOf(CancelledFailure);
    expect(Date.now() - asked).toBeGreaterThanOrEqual(500);
    expect(engine.stateOf(engine.starts[1]!)).toBe('stopped');
    expect(await query(handle)).toMatchObject({ outcome: 'canceled' });
    expect(statuses(await query(handle))).toMatchObject({ train: 'canceled', evaluate: 'skipped' });
  });

  it('starts nothing when it is cancelled before the first step', async () => {
    await stopWorkers();
    const handle = await start({ pipeline: smallPipeline() });
    await handle.cancel();
    stopWorkers = await startWorkers();
    const error = (await handle.result().catch((reason: unknown) => reason)) as WorkflowFailedError;
    expect(error.cause).toBeInstanceOf(CancelledFailure);
    expect(engine.starts).toEqual([]);
  });

  it('does not wait for its model to be made', async () => {
    await stopWorkers();
    let making = false;
    stopWorkers = await startWorkers(true, {
      repackModel: (_model, _session, signal) =>
        new Promise((_resolve, reject) => {
          making = true;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    const handle = await start({ pipeline: smallPipeline() });
    await until(() => making);
    await handle.cancel();
    const error = (await handle.result().catch((reason: unknown) => reason)) as WorkflowFailedError;
    expect(error.cause).toBeInstanceOf(CancelledFailure);
    expect(statuses(await query(handle))).toMatchObject({ createModel: 'canceled', transform: 'skipped' });
  });

  it('does not wait for a receiver that takes no notification', async () => {
    const receiver = await startReceiver(503);
    engine.behave('train', { ends: 'failed' });
    const handle = await start({ pipeline: smallPipeline({}, { notify: [{ webhook: receiver.url }] }) });
    await until(() => receiver.deliveries.length > 0);
    await handle.cancel();
    expect((await failureOf(handle)).type).toBe('JobFailed');
    await receiver.close();
  });

  it('does not notify: nothing has failed', async () => {
    const receiver = await startReceiver();
    engine.behave('preprocess', { lasts: endless });
    const handle = await start({ pipeline: smallPipeline({}, { notify: [{ webhook: receiver.url }] }) });
    await until(() => engine.starts.length === 1);
    await handle.cancel();
    await handle.result().catch(() => undefined);
    expect(receiver.deliveries).toEqual([]);
    await receiver.close();
  });
});

describe('a run that is closed behind the back of its activity', () => {
  it('has its job stopped when it is terminated', async () => {
    engine.behave('train', { lasts: endless });
    const handle = await start({ pipeline: smallPipeline() });
    await until(() => engine.starts.length === 2);
    await handle.terminate('test');
    await until(() => engine.stateOf(engine.starts[1]!) === 'stopped');
  });

  const reset = async (handle: WorkflowHandle, choose: (tasks: EventId[]) => EventId) => {
    const { events } = await handle.fetchHistory();
    const tasks = (events ?? []).flatMap((event) =>
      event.workflowTaskCompletedEventAttributes ? [event.eventId!] : [],
    );
    await temporal.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: handle.workflowId },
      workflowTaskFinishEventId: choose(tasks),
      requestId: randomUUID(),
      reason: 'test',
    });
  };

  /** How a run ends that is reset to just before its transform. */
  const afterResetBeforeTransform = async (handle: WorkflowHandle) => {
    const { events } = await handle.fetchHistory();
    const job = (events ?? []).find(
      (event) => event.activityTaskScheduledEventAttributes?.activityId === 'transform',
    );
    // The task that asks for the transform comes just before.
    await reset(handle, (tasks) => tasks.filter((task) => task.lessThan(job!.eventId!)).at(-1)!);
    return (await temporal.client.workflow.getHandle(handle.workflowId).result()) as RunReport;
  };

  it('goes on with its model when it is reset after that was made', async () => {
    engine.behave('transform', { ends: 'failed' });
    const handle = await start({ pipeline: smallPipeline() });
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    engine.behave('transform', {});
    const report = await afterResetBeforeTransform(handle);
    expect(report.outcome).toBe('accepted');
    const transforms = [...engine.jobs.values()].map(({ request }) => request).filter(isTransform);
    expect(transforms).toHaveLength(2);
    expect(transforms[1]!.body.ModelName).toBe(transforms[0]!.body.ModelName);
    expect(report.model).toBe(transforms[0]!.body.ModelName);
  });

  it('goes on when it is reset after a job that failed was stopped and another one tried', async () => {
    engine.behave('train', { firstFail: 1, code: 'CapacityUnavailable' });
    engine.behave('transform', { ends: 'failed' });
    const train = { script: 'train.py', jobRetries: { capacity: 1, delaySeconds: 1 } };
    const handle = await start({ pipeline: smallPipeline({}, { train }) });
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    engine.behave('transform', {});
    const report = await afterResetBeforeTransform(handle);
    expect(report.outcome).toBe('accepted');
    // The job that trained it is that of the run before.
    const trained = report.steps.find(({ name }) => name === 'train')!.jobName;
    expect(engine.starts).toContain(trained);
  });

  it('has its job stopped when it is reset, and the new run starts its own', async () => {
    engine.behave('train', { lasts: endless });
    const handle = await start({ pipeline: smallPipeline() });
    await until(() => engine.starts.length === 2);
    engine.behave('train', {});
    await reset(handle, (tasks) => tasks[0]!);
    await until(() => engine.stateOf(engine.starts[1]!) === 'stopped');
    await temporal.client.workflow.getHandle(handle.workflowId).result();
    expect(new Set(engine.starts).size).toBe(engine.starts.length);
    expect(engine.starts.filter((name) => name.startsWith('small-train-'))).toHaveLength(2);
  });

  it('has its job stopped when a reset takes the step over in mid-job, which has a job of the new run', async () => {
    engine.behave('train', { lasts: endless, stopTakes: 300 });
    const handle = await start({ pipeline: smallPipeline() });
    await until(() => engine.starts.length === 2);
    // Anything that happens while the job runs makes a task behind the one that asked for the job.
    await handle.signal('nudge');
    const isAfterTheJob = async () => {
      const { events = [] } = await handle.fetchHistory();
      return Boolean(events!.at(-1)!.workflowTaskCompletedEventAttributes);
    };
    await until(isAfterTheJob);
    engine.behave('train', {});
    await reset(handle, (tasks) => tasks.at(-1)!);
    const after = temporal.client.workflow.getHandle(handle.workflowId);
    const report = (await after.result()) as RunReport;
    const { runId } = await after.describe();
    const [old, own] = engine.starts.filter((name) => name.startsWith('small-train-'));
    expect(engine.stateOf(old!)).toBe('stopped');
    expect(own).toBe(`small-train-${runId.replaceAll('-', '')}`);
    expect(engine.jobs.get(own!)!.request.tags['sluice:run-id']).toBe(runId);
    expect(engine.jobs.get(own!)!.startedAt).toBeGreaterThanOrEqual(
      engine.jobs.get(old!)!.stopAskedAt! + 300,
    );
    expect(report.outcome).toBe('accepted');
    expect(report.steps.find(({ name }) => name === 'train')).toMatchObject({ jobName: own });
  });
});

it('leaves the job to the next worker at shutdown, which adopts it', async () => {
  engine.behave('train', { lasts: endless });
  const handle = await start({ pipeline: smallPipeline() });
  await until(() => engine.starts.length === 2);
  await stopWorkers();
  expect(engine.stateOf(engine.starts[1]!)).toBe('running');
  stopWorkers = await startWorkers();
  engine.finish(engine.starts[1]!);
  expect(((await handle.result()) as RunReport).outcome).toBe('accepted');
  expect(engine.starts).toHaveLength(4);
});
