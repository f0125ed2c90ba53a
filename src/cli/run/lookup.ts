import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { newReport } from '../../core/run-report.ts';
import { workflowType, type RunReport } from '../../core/run.ts';
import { usageError } from '../errors.ts';
import { say } from '../output.ts';
import type { Line } from '../server/patience.ts';
import { awaitEnding, queryReport } from './ending.ts';
import { closedReport, type RunRef } from './report.ts';

export interface FoundRun extends RunRef {
  open: boolean;
}

/** The states in which a run may still do something. */
export const isOpen = (status: string) => status === 'RUNNING' || status === 'PAUSED';

/** The latest run of that workflow id. @throws a usage error if there is none, or if it is no run of a pipeline. */
export async function findRun(line: Line, workflowId: string): Promise<FoundRun> {
  if (workflowId === '') throw usageError('The workflow id is empty');
  const { type, runId, status } = await line.patiently((session) => describe(session, workflowId));
  if (type !== workflowType) {
    throw usageError(`${workflowId} is a workflow of the type ${type}, not a run of a pipeline`);
  }
  return { workflowId, runId, open: isOpen(status.name) };
}

async function describe(
  { client, server }: Line['session'],
  workflowId: string,
): Promise<WorkflowExecutionDescription> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw usageError(
      `There is no run ${JSON.stringify(workflowId)} at ${server.address} (namespace ${server.namespace})`,
    );
  }
}

/** What the run has come to. One whose worker is away still tells what Temporal itself knows. */
export async function reportOf(line: Line, run: FoundRun): Promise<RunReport> {
  const ask = () => queryReport(line.session.client, run).catch(() => null);
  if (!run.open) {
    const ending = await line.patiently(({ client }) => awaitEnding(client, run));
    return closedReport(ending.kind === 'completed' ? ending.report : await ask(), ending);
  }
  const told = await ask();
  if (told === null) say('The run does not answer: no worker has it. What follows is incomplete.');
  return told ?? newReport();
}
