import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { workflowType, type RunReport } from '../../core/run.ts';
import { usageError } from '../errors.ts';
import { say } from '../output.ts';
import { openLine, type Line } from '../server/patience.ts';
import { hasHistory } from '../server/session.ts';
import { awaitEnding, queryReport } from './ending.ts';
import { reportFromHistory } from './history-report.ts';
import { hasWorker } from './workers.ts';
import { closedReport, type RunRef } from './report.ts';

export interface FoundRun extends RunRef {
  open: boolean;
  taskQueue: string;
}

/** The states in which a run may still do something. */
export const isOpen = (status: string) => status === 'RUNNING' || status === 'PAUSED';

/** A line to the server that has the history; none is started that has none. @throws a usage error then. */
export function lookAtHistory(config: Config, workflowId: string): Promise<Line> {
  if (hasHistory(config)) return openLine(config, 'server', say);
  throw usageError(
    `There is no run ${JSON.stringify(workflowId)}: no server has run for ${config.home} yet, and TEMPORAL_ADDRESS names none`,
  );
}

/** The latest run of that workflow id. @throws a usage error if there is none, or if it is no run of a pipeline. */
export async function findRun(line: Line, workflowId: string): Promise<FoundRun> {
  if (workflowId === '') throw usageError('The workflow id is empty');
  const { type, runId, status, taskQueue } = await line.patiently((session) => describe(session, workflowId));
  if (type !== workflowType) {
    throw usageError(`${workflowId} is a workflow of the type ${type}, not a run of a pipeline`);
  }
  return { workflowId, runId, open: isOpen(status.name), taskQueue };
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

/** What the run has come to. If no worker can be asked, the history has it. */
export async function reportOf(line: Line, run: FoundRun): Promise<RunReport> {
  const ending = run.open ? null : await line.patiently(({ client }) => awaitEnding(client, run));
  if (ending?.kind === 'completed') return ending.report;
  const told = (await canAsk(line, run))
    ? await queryReport(line.session.client, run).catch(() => null)
    : null;
  if (told === null && run.open) say('The run waits: no worker has it. What follows is from its history.');
  const report = told ?? (await line.patiently(({ client }) => reportFromHistory(client, run)));
  return ending === null ? report : closedReport(report, ending);
}

/** A query that no worker hears takes its whole time-out. */
function canAsk({ session: { client, server } }: Line, { taskQueue }: FoundRun): Promise<boolean> {
  return hasWorker(client, server.namespace, taskQueue).catch(() => true);
}
