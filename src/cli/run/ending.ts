import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { statusQuery, type RunReport } from '../../core/run.ts';
import type { Ending, RunRef } from './report.ts';

/** Waits until the run is closed. */
export async function awaitEnding(client: Client, { workflowId, runId }: RunRef): Promise<Ending> {
  try {
    const report = (await client.workflow.getHandle(workflowId, runId).result()) as RunReport;
    return { kind: 'completed', report };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause, message } = error;
    if (cause instanceof CancelledFailure) return { kind: 'canceled', message };
    if (cause instanceof TerminatedFailure)
      return { kind: 'terminated', message: `The run was terminated: ${cause.message}` };
    if (cause instanceof TimeoutFailure)
      return { kind: 'timedOut', message: 'The run took longer than it may' };
    const code = cause instanceof ApplicationFailure ? cause.type : undefined;
    return { kind: 'failed', code: code ?? 'JobInternalError', message: cause?.message ?? message };
  }
}

/** What the run tells about itself, open or closed. It needs a worker, so it may fail or take its time. */
export function queryReport(
  client: Client,
  { workflowId, runId }: RunRef,
  patienceMs = 5000,
): Promise<RunReport> {
  return client.withDeadline(Date.now() + patienceMs, () =>
    client.workflow.getHandle(workflowId, runId).query<RunReport>(statusQuery),
  );
}
