import { WorkflowNotFoundError } from '@temporalio/client';
import { newReport } from '../../core/run-report.ts';
import type { RunReport } from '../../core/run.ts';
import { usageError } from '../errors.ts';
import type { Line } from '../server/patience.ts';
import { awaitEnding, queryReport } from './ending.ts';
import { closedReport, type RunRef } from './report.ts';

export interface FoundRun extends RunRef {
  open: boolean;
}

/** The latest run of that workflow id. @throws a usage error if there is none. */
export async function findRun(line: Line, workflowId: string): Promise<FoundRun> {
  try {
    const { runId, status } = await line.patiently(({ client }) =>
      client.workflow.getHandle(workflowId).describe(),
    );
    return { workflowId, runId, open: status.name === 'RUNNING' || status.name === 'PAUSED' };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const { server } = line.session;
    throw usageError(
      `There is no run ${JSON.stringify(workflowId)} at ${server.address} (namespace ${server.namespace})`,
    );
  }
}

/** What the run has come to. A closed run whose worker is away still tells how it was closed. */
export async function reportOf(line: Line, run: FoundRun): Promise<RunReport> {
  const told = await line.patiently(({ client }) => queryReport(client, run, 10_000)).catch(() => null);
  if (run.open) return told ?? newReport();
  return closedReport(told, await line.patiently(({ client }) => awaitEnding(client, run)));
}
