import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import type { RunReport } from '../../src/core/run.ts';
import { processesWith } from './processes.ts';
import { makeShellRoot, sleepers, uniqueSeconds, type ShellRoot, type trainScripts } from './shell-jobs.ts';
import type { Running } from './stack.ts';
import { openStage, type Stage } from './stage.ts';
import { until } from './until.ts';

export const each = ['preprocess', 'train', 'train-end', 'evaluate'];

/** A run whose training is under way. */
export interface Training {
  marker: string;
  handle: WorkflowHandle;
}

/** A stage for runs in mid-training. */
export interface TrainingStage extends Stage {
  readonly root: ShellRoot;
  start(
    train: keyof typeof trainScripts,
    marker: string,
    more?: Record<string, Json>,
  ): Promise<WorkflowHandle>;
  /** A training that sleeps so long, or until it is let go, and does so now. */
  startTraining(train: 'sleeping' | 'held', seconds: number): Promise<Training>;
  /** Starts a worker; it has the run's job when this is over. @returns the seconds from its start until then. */
  reattach(handle: WorkflowHandle): Promise<{ worker: Running; seconds: number }>;
  /** Lets the run end, and expects that every step ran once and left no process. */
  expectAccepted(run: Training): Promise<void>;
}

export async function openTrainingStage(
  name: string,
  options?: Parameters<typeof openStage>[1],
): Promise<TrainingStage> {
  const stage = await openStage(name, options);
  const root = await makeShellRoot(stage.folder);
  const start: TrainingStage['start'] = (train, marker, more = {}) =>
    stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `${name}-${randomUUID()}`,
      args: [{ pipeline: root.pipeline(train, marker, more) }],
    });
  return {
    ...stage,
    root,
    start,
    startTraining: async (train, seconds) => {
      const marker = uniqueSeconds(seconds);
      const handle = await start(train, marker);
      await until(async () => (await sleepers(marker)).length > 0);
      return { marker, handle };
    },
    reattach: async (handle) => {
      const started = Date.now();
      const worker = await stage.startWorker();
      await until(async () => {
        const { raw } = await handle.describe();
        return (raw.pendingActivities ?? []).some(
          ({ lastWorkerIdentity }) => lastWorkerIdentity?.endsWith(`:${worker.pid}`) === true,
        );
      });
      return { worker, seconds: (Date.now() - started) / 1000 };
    },
    expectAccepted: async ({ marker, handle }) => {
      await root.letGo(marker);
      const report = (await handle.result()) as RunReport;
      expect(report.outcome).toBe('accepted');
      expect(await root.ledgerOf(marker)).toEqual(each);
      expect(await processesWith(marker)).toEqual([]);
    },
  };
}
