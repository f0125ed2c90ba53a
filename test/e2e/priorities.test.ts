import { randomUUID } from 'node:crypto';
import type { Priority } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { uniqueSeconds } from '../support/shell-jobs.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { until } from '../support/until.ts';

let stage: TrainingStage;
beforeAll(async () => {
  stage = await openTrainingStage('priorities');
  await stage.startWorker({ SLUICE_LOCAL_SLOTS: '1' });
});
afterAll(() => stage.close());

/** A run whose first job waits for the slot. */
async function startWaiting(
  file: Record<string, Json> = {},
  input: Record<string, Json> = {},
  ofWorkflow: Priority = {},
): Promise<WorkflowHandle> {
  const pipeline = { ...stage.root.pipeline('sleeping', uniqueSeconds(0)), ...file };
  const handle = await stage.client.workflow.start('trainingPipeline', {
    taskQueue: 'sluice',
    workflowId: `waiting-${randomUUID()}`,
    args: [{ pipeline, ...input }],
    priority: ofWorkflow,
  });
  await until(async () => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).some(({ activityId }) => activityId === 'preprocess');
  });
  return handle;
}

/** When its first job began. */
async function firstStart(handle: WorkflowHandle): Promise<number> {
  await handle.result();
  const { events } = await handle.fetchHistory();
  const scheduled = events!.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityId === 'preprocess',
  );
  const started = events!.find((event) =>
    event.activityTaskStartedEventAttributes?.scheduledEventId?.equals(scheduled!.eventId!),
  );
  return Number(started!.eventTime!.seconds) * 1000 + Number(started!.eventTime!.nanos) / 1e6;
}

it('lets jobs of runs that go first overtake those that were there before', async () => {
  const holding = await stage.startTraining('held', 3600);
  const waiting = {
    last: await startWaiting({ priority: 5 }),
    ordinary: await startWaiting(),
    second: await startWaiting({ priority: 5 }, { priority: 2 }),
    first: await startWaiting({ priority: 1 }),
    // Nothing is said but by who starts the workflow.
    ofWorkflow: await startWaiting({}, {}, { priorityKey: 1 }),
  };
  await stage.expectAccepted(holding);
  const starts = new Map<string, number>();
  for (const [name, handle] of Object.entries(waiting)) starts.set(name, await firstStart(handle));
  const order = [...starts].sort(([, a], [, b]) => a - b).map(([name]) => name);
  expect(order).toEqual(['first', 'ofWorkflow', 'second', 'ordinary', 'last']);
});
