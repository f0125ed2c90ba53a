import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { CloudStage } from '../support/cloud-stage.ts';
import { until } from '../support/until.ts';
import type { StartedRun } from './collect.ts';

/** Ends a run as its plan says. @returns the run that goes on for it, if there is one. */
export async function interfere(stage: CloudStage, run: StartedRun): Promise<StartedRun | null> {
  const { interference } = run.planned;
  if (interference === null) return null;
  // It may have come to its end by itself a moment before.
  run.wasCancelled = true;
  switch (interference.how) {
    case 'cancel':
      await run.handle.cancel().catch(unlessClosed);
      return null;
    case 'terminate':
      await run.handle.terminate('the fault suite').catch(unlessClosed);
      return null;
    case 'reset':
      return reset(stage, run, interference.dice);
  }
}

function unlessClosed(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

/** To one of the tasks that it has done. A signal makes one more, behind whatever goes on now: that is taken over. */
async function reset(stage: CloudStage, run: StartedRun, dice: number): Promise<StartedRun | null> {
  const { handle, runId, planned } = run;
  const { workflowId } = handle;
  // On a busy machine the run may not have begun yet.
  await until(async () => (await tasksOf(handle)).length > 0).catch(() => undefined);
  await handle.signal('nudge').catch(unlessClosed);
  const tasks = await tasksOf(handle);
  const task = dice < 0.6 ? tasks.at(-1) : tasks[Math.floor(((dice - 0.6) / 0.4) * tasks.length)];
  if (task === undefined) return null;
  const { runId: next } = await stage.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId, runId },
    workflowTaskFinishEventId: task,
    reason: 'the fault suite',
    requestId: randomUUID(),
  });
  return {
    planned,
    handle: stage.client.workflow.getHandle(workflowId, next),
    runId: next,
    before: [...run.before, runId],
    wasCancelled: false,
  };
}

async function tasksOf(handle: WorkflowHandle) {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ eventId, workflowTaskCompletedEventAttributes: task }) =>
    task && eventId ? [eventId] : [],
  );
}
