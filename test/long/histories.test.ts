import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { slotsId } from '../../src/core/instance-slots.ts';
import type { RunReport } from '../../src/core/run.ts';
import type { Life } from '../../src/emulator/script.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openCloudStage, smallScript, type CloudStage } from '../support/cloud-stage.ts';
import { folderPerTest } from '../support/folders.ts';
import {
  historiesFolder,
  neutral,
  neutralHost,
  readHistories,
  tracesIn,
  writeHistory,
} from '../support/histories.ts';
import { hasSeenCancellation, hasTimedOut } from '../support/history-events.ts';
import { isOfKind, kindNames, type Kind } from '../support/history-kinds.ts';
import { makeLedgerRoot, openFileLedger } from '../support/ledger.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { describeS3 } from '../support/s3-server.ts';
import {
  makeShellRoot,
  sleepers,
  uniqueSeconds,
  type ShellRoot,
  type trainScripts,
} from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';

withoutAwsSettings(folderPerTest());

/** What `npm run histories` records for test/fixtures/histories: `all`, or kinds. Else it is only shown that they can be recorded. */
const { SLUICE_RECORD_HISTORIES: wanted } = process.env;
const recorded = kindNames.filter((kind) => (wanted ?? 'all') === 'all' || wanted?.split(',').includes(kind));

describeS3('the histories of test/workflows/replay.test.ts', () => {
  let stage: CloudStage;
  let shell: ShellRoot;
  let worker: Running;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let full: Record<string, Json>;
  let folder: string;
  beforeAll(async () => {
    stage = await openCloudStage('histories', { speed: 200 });
    await mkdir(stage.home, { recursive: true });
    await writeFile(join(stage.home, 'host-name'), neutralHost);
    shell = await makeShellRoot(stage.folder);
    full = await makeLedgerRoot(stage.folder, await openFileLedger(join(stage.folder, 'ledger.txt')));
    receiver = await startReceiver();
    worker = await startWorker();
    folder = await mkdtemp(join(tmpdir(), 'sluice-recorded-'));
  });
  beforeEach(async () => {
    useAwsSettings(stage.awsEnv);
    stage.emulator.emulator.setScript(await smallScript(6));
  });
  afterAll(async () => {
    await stage.close();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  const startWorker = () => stage.startWorker({ SLUICE_INSTANCE_CAPS: 'ml.p4d=1' });
  const startAny = (type: string, input: unknown): Promise<WorkflowHandle> =>
    stage.client.workflow.start(type, {
      taskQueue: 'sluice',
      workflowId: `${type}-${randomUUID()}`,
      args: [input],
    });
  const start = (pipeline: Json, more: Record<string, Json> = {}) =>
    startAny('trainingPipeline', { pipeline, ...more });
  const closed = async (handle: WorkflowHandle) => {
    await handle.result().catch(() => undefined);
    return handle;
  };
  const shellRun = (steps: Record<string, Json> = {}, train: keyof typeof trainScripts = 'sleeping') =>
    start(shell.pipeline(train, uniqueSeconds(0), steps));
  type Train = 'held' | 'obeying' | 'deaf';
  /** A run whose training is under way. */
  const training = async (
    train: Train,
    begin: (pipeline: Json) => Promise<WorkflowHandle> = start,
    graceSeconds?: number,
  ) => {
    const marker = uniqueSeconds(3600);
    const handle = await begin(shell.pipeline(train, marker, {}, graceSeconds));
    await until(async () => (await sleepers(marker)).length > 0);
    const first = new Set((await sleepers(marker)).map(({ pid }) => pid));
    const isOver = async () => !(await sleepers(marker)).some(({ pid }) => first.has(pid));
    return { handle, isOver, letGo: () => shell.letGo(marker) };
  };
  const retrain = (
    id: string,
    reason: string,
    pipeline: Json = shell.pipeline('sleeping', uniqueSeconds(0)),
  ) =>
    stage.client.workflow.signalWithStart('retraining', {
      taskQueue: 'sluice',
      workflowId: id,
      signal: 'retrain',
      signalArgs: [{ reason, minimumIntervalSeconds: 2, run: { pipeline } }],
    });
  const retraining = (id: string) => training('held', (pipeline) => retrain(id, 'drift', pipeline));
  const notify = (...on: string[]) => ({ notify: [{ webhook: receiver.url, on }] });
  const threshold = (value: number, more: Record<string, Json> = {}) => ({
    condition: { metric: 'metrics.mse', lessThanOrEqualTo: value, ...more },
  });
  const online = (steps: Record<string, Json> = {}) =>
    start(smallPipeline({}, steps), { executionMode: 'sagemaker' });

  /** A run that has the one instance that it may, or waits for it. @param life - of its training, if it is to have it. */
  const capped = async (life?: Life) => {
    const { jobs = [] } = await smallScript(6);
    const training = { job: 'small-train-*', times: 1, life: life ?? {} };
    if (life) stage.emulator.emulator.setScript({ jobs: [training, ...jobs] });
    const run = await online({ train: { script: 'train.py', instanceType: 'ml.p4d.24xlarge' } });
    const status = async () =>
      (await run.query<RunReport>('status')).steps.find(({ name }) => name === 'train')?.status;
    await until(async () => (await status()) === (life ? 'running' : 'waiting'));
    const id = slotsId('sluice', 'ml.p4d', { region: 'us-east-1', accountId: '123456789012' });
    return { run, slots: stage.client.workflow.getHandle(id) };
  };

  const record: Record<Kind, () => Promise<WorkflowHandle>> = {
    accepted: async () => {
      const steps = { ...(full.steps as Record<string, Json>), ...notify('accepted', 'recovered') };
      await writeFile(join(stage.folder, 'pipeline.json'), JSON.stringify({ ...full, steps }));
      return closed(await start('pipeline.json', { parameters: { run: 'recorded' } }));
    },
    'targets-checked': async () => closed(await shellRun(notify('accepted'))),
    rejected: async () => closed(await shellRun({ ...threshold(1), ...notify('rejected') })),
    'rejected-completed': async () => closed(await shellRun(threshold(1, { onRejected: 'complete' }))),
    undecidable: async () =>
      closed(await shellRun({ condition: { metric: 'metrics.absent', lessThanOrEqualTo: 1 } })),
    failed: async () => closed(await shellRun(notify('failed'), 'failing')),
    unprepared: async () => closed(await start(smallPipeline({ code: 'nowhere' }))),
    'wrong-input': async () => closed(await startAny('trainingPipeline', { pipelin: 'misspelt' })),
    canceled: async () => {
      const { handle } = await training('obeying');
      await handle.cancel();
      return closed(handle);
    },
    'canceled-without-worker': async () => {
      // Long enough for the worker to be killed before the job is.
      const { handle } = await training('deaf', start, 8);
      await handle.cancel();
      await until(() => hasSeenCancellation(handle));
      await worker.kill();
      await until(() => hasTimedOut(handle));
      worker = await startWorker();
      return closed(handle);
    },
    terminated: async () => {
      const { handle } = await training('obeying');
      await handle.terminate();
      return handle;
    },
    open: async () => (await training('held')).handle,
    adopted: async () => {
      const { handle, letGo } = await training('held');
      await worker.kill();
      worker = await startWorker();
      await until(async () =>
        ((await handle.describe()).raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 1) > 1),
      );
      await letGo();
      return closed(handle);
    },
    reset: async () => {
      const { handle, isOver, letGo } = await training('held');
      const { runId } = await handle.describe();
      const { events } = await handle.fetchHistory();
      await stage.client.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: handle.workflowId, runId },
        workflowTaskFinishEventId: events!.find((event) => event.workflowTaskCompletedEventAttributes)!
          .eventId!,
        reason: 'a test',
        requestId: randomUUID(),
      });
      // The training of the run that takes its place may be under way by then.
      await until(isOver);
      await letGo();
      return closed(stage.client.workflow.getHandle(handle.workflowId));
    },
    scheduled: async () => {
      const day = { environment: { DAY: { Get: 'Execution.ScheduledTime' } } };
      const { steps, ...rest } = shell.pipeline('sleeping', uniqueSeconds(0));
      const { train, ...others } = steps as Record<string, Record<string, Json>>;
      const ledger = train!.environment as Record<string, Json>;
      const pipeline = {
        ...rest,
        steps: { ...others, train: { ...train, environment: { ...ledger, ...day.environment } } },
      };
      const schedule = await stage.client.schedule.create({
        scheduleId: 'recorded',
        spec: {},
        action: {
          type: 'startWorkflow',
          workflowType: 'trainingPipeline',
          taskQueue: 'sluice',
          args: [{ pipeline }],
        },
      });
      await schedule.trigger();
      const started = async () =>
        (await schedule.describe()).info.recentActions[0]?.action.workflow.workflowId;
      await until(async () => (await started()) !== undefined);
      return closed(stage.client.workflow.getHandle((await started())!));
    },
    sagemaker: async () => closed(await online()),
    retried: async () => {
      const script = await smallScript(6);
      const failureReason = 'CapacityError: Unable to provision requested ML compute capacity.';
      stage.emulator.emulator.setScript({
        jobs: [
          { job: 'small-train-*', times: 1, life: { end: 'Failed', failAfter: 'Starting', failureReason } },
          ...script.jobs!,
        ],
      });
      return closed(
        await online({ train: { script: 'train.py', jobRetries: { capacity: 1, delaySeconds: 1 } } }),
      );
    },
    'mixed-modes': async () => {
      const { evaluate } = shell.pipeline('sleeping', uniqueSeconds(0)).steps as Record<
        string,
        Record<string, Json>
      >;
      return closed(await online({ evaluate: { ...evaluate, executionMode: 'local' } }));
    },
    capped: async () => {
      const { run: holding } = await capped({ runningSeconds: 1_000_000 });
      const { run } = await capped();
      await holding.cancel();
      return closed(run);
    },
    'capped-canceled': async () => {
      const { run: holding } = await capped({ runningSeconds: 1_000_000 });
      const { run } = await capped();
      await run.cancel();
      await closed(run);
      await holding.cancel();
      await closed(holding);
      return run;
    },
    'instance-slots': async () => {
      const { run: holding, slots } = await capped({ runningSeconds: 1_000_000 });
      const { run } = await capped();
      await holding.terminate();
      await closed(run);
      return closed(slots);
    },
    retraining: async () => {
      const handle = await retrain('retrain-recorded', 'drift');
      for (const reason of ['drift', 'data of today']) await retrain('retrain-recorded', reason);
      return closed(handle);
    },
    'retraining-canceled': async () => {
      const { handle } = await retraining('retrain-canceled');
      await handle.cancel();
      return closed(handle);
    },
    'retraining-blocked': async () => {
      const { handle: first, letGo } = await retraining('retrain-blocked');
      await first.terminate();
      const handle = await retrain('retrain-blocked', 'data of today');
      await until(async () =>
        (await handle.fetchHistory()).events!.some(
          (event) => event.startChildWorkflowExecutionFailedEventAttributes,
        ),
      );
      await letGo();
      return closed(handle);
    },
    sweep: async () => closed(await startAny('sweep', {})),
  };

  it.each(recorded)('has the kind %s', async (kind) => {
    const handle = await record[kind]();
    const history = neutral(await handle.fetchHistory(), stage.folder);
    writeHistory(folder, kind, history);
    const { type, message } = failureIn(history);
    expect(isOfKind(kind, history), `${type}: ${message}`).toBe(true);
    expect(tracesIn(history)).toEqual([]);
    // One is open.
    await handle.cancel().catch(() => undefined);
    await closed(handle);
  });

  if (wanted === undefined) return;
  it('are kept', async () => {
    if (wanted === 'all') await rm(historiesFolder, { recursive: true, force: true });
    for (const [kind, history] of readHistories(folder)) writeHistory(historiesFolder, kind as Kind, history);
    console.log(`wrote ${recorded.length} histories to ${historiesFolder}`);
  });
});

/** Why a run ended as it did, if it failed. */
function failureIn(history: { events: Record<string, Json>[] }): { type: string; message: string } {
  const text = JSON.stringify(history.events.at(-1));
  return { type: /"eventType":"(\w+)"/.exec(text)?.[1] ?? '', message: text.slice(0, 1500) };
}
