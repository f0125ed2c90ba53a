import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import type { RunReport } from '../../src/core/run.ts';
import { makeLedgerRoot, openFileLedger, type Ledger } from '../support/ledger.ts';
import { payloadsOf } from '../support/payloads.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';

let stage: Stage;
let ledger: Ledger;
let pipeline: Record<string, Json>;
beforeEach(async () => {
  stage = await openStage('many-workers');
  ledger = await openFileLedger(join(stage.folder, 'ledger.txt'));
  pipeline = await makeLedgerRoot(stage.folder, ledger);
});
afterEach(() => stage.close());

const start = async (): Promise<WorkflowHandleWithFirstExecutionRunId> => {
  const run = `run-${randomUUID()}`;
  return stage.client.workflow.start('trainingPipeline', {
    taskQueue: 'sluice',
    workflowId: run,
    args: [{ pipeline, parameters: { run } }],
  });
};
const outcomesOf = async (runs: readonly WorkflowHandleWithFirstExecutionRunId[]) => {
  const reports = await Promise.all(runs.map((run) => run.result() as Promise<RunReport>));
  return reports.map(({ outcome }) => outcome);
};
const starts = async (step: string) =>
  (await ledger.entries()).filter((entry) => entry.step === step && entry.what === 'start');

/** All that the history of a run says, payloads included. */
async function textOf(run: WorkflowHandleWithFirstExecutionRunId): Promise<string> {
  const history = JSON.stringify(await run.fetchHistory());
  return `${history}\n${payloadsOf(history)}`;
}

/** Every step of every run began once. */
async function expectOneStartEach(runs: number): Promise<void> {
  for (const step of ['preprocess', 'train', 'evaluate', 'serve']) {
    const names = (await starts(step)).map(({ run }) => run);
    expect(names, step).toHaveLength(runs);
    expect(new Set(names).size, step).toBe(runs);
  }
}

describe('two hosts', () => {
  const home = (name: string) => ({ SLUICE_HOME: join(stage.folder, name), SLUICE_LOCAL_SLOTS: '2' });
  const queuesOf = async (run: WorkflowHandleWithFirstExecutionRunId) => {
    const { events = [] } = await run.fetchHistory();
    const queues = events!.flatMap(
      (event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name ?? [],
    );
    return new Set(queues.filter((queue) => queue.endsWith('-jobs')));
  };

  it('share the runs between them, and none takes up what another one has begun, though its worker dies', async () => {
    const three = () => Promise.all(Array.from({ length: 3 }, start));
    const first = await stage.startWorker(home('a'));
    const ofFirst = await three();
    await until(async () => (await starts('train')).length >= 2);
    // The third one, too, which waits there for a slot.
    await until(async () => (await Promise.all(ofFirst.map(queuesOf))).every(({ size }) => size === 1));
    await stage.startWorker(home('b'));
    await first.kill();
    const ofSecond = await three();
    // Longer than it takes the server to give the activities of the dead worker to another one.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    await stage.startWorker(home('a'));
    const runs = [...ofFirst, ...ofSecond];

    expect(await outcomesOf(runs)).toEqual(runs.map(() => 'accepted'));
    await expectOneStartEach(runs.length);
    const queues = await Promise.all(runs.map(queuesOf));
    expect(queues.map(({ size }) => size)).toEqual(runs.map(() => 1));
    const [ofA, ofB] = [queues.slice(0, 3), queues.slice(3)].map(
      (of) => new Set(of.flatMap((names) => [...names])),
    );
    expect(ofA?.size).toBe(1);
    expect(ofB?.size).toBe(1);
    expect(ofA).not.toEqual(ofB);
  });
});

describe('workers with roles', () => {
  it('divide the work: one has the workflows, another one the jobs', async () => {
    await stage.startWorker({ SLUICE_QUEUES: 'main', SLUICE_HOME: join(stage.folder, 'main') });
    const run = await start();
    await until(async () => ((await run.describe()).raw.pendingActivities ?? []).length === 1);
    await stage.startWorker({ SLUICE_QUEUES: 'local' });
    expect(await outcomesOf([run])).toEqual(['accepted']);
  });

  it('need the secrets of notifications only where they are sent; there they are looked for before any job', async () => {
    const receiver = await startReceiver();
    const secret = { HOOK: receiver.url };
    const main = { SLUICE_QUEUES: 'main', SLUICE_HOME: join(stage.folder, 'main') };
    const notify = [{ webhook: { Env: 'HOOK' }, on: ['accepted'] }];
    pipeline = { ...pipeline, steps: { ...(pipeline.steps as Record<string, Json>), notify } };
    try {
      const both = await Promise.all([
        stage.startWorker({ ...main, ...secret }),
        stage.startWorker({ SLUICE_QUEUES: 'local' }),
      ]);
      const run = await start();
      expect(await outcomesOf([run])).toEqual(['accepted']);
      expect(receiver.deliveries).toHaveLength(1);
      const history = await textOf(run);
      expect(history).toContain('HOOK');
      expect(history).not.toContain(receiver.url);

      await Promise.all(both.map((worker) => worker.stop()));
      await stage.startWorker(main);
      await stage.startWorker({ SLUICE_QUEUES: 'local', ...secret });
      await expect((await start()).result()).rejects.toMatchObject({
        cause: { type: 'InvalidInput', message: expect.stringContaining('no environment variable HOOK') },
      });
      expect(await starts('preprocess')).toHaveLength(1);
    } finally {
      await receiver.close();
    }
  });
});
