import { WorkflowNotFoundError } from '@temporalio/client';
import { readConfig } from '../config.ts';
import { print, say } from './output.ts';
import { awaitEnding } from './run/ending.ts';
import { findRun, lookAtHistory } from './run/lookup.ts';
import { closedReport } from './run/report.ts';

/** Cancels a run and waits until it is closed, which is when its jobs are over. */
export async function cancelCommand(workflowId: string): Promise<number> {
  const line = await lookAtHistory(readConfig(), workflowId);
  try {
    const run = await findRun(line, workflowId);
    if (!run.open) {
      print(`${workflowId} is closed already`);
      return 0;
    }
    // Its jobs are stopped by a worker.
    await line.needWorker();
    await line
      .patiently(({ client }) => client.workflow.getHandle(workflowId, run.runId).cancel())
      .catch(unlessClosed);
    say(`${workflowId} is asked to end; waiting until its jobs are stopped`);
    const { outcome } = closedReport(null, await line.patiently(({ client }) => awaitEnding(client, run)));
    print(`${workflowId}: ${outcome}`);
    return 0;
  } finally {
    line.hangUp();
  }
}

/** It may have ended a moment ago. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}
