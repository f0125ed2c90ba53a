import { isGrpcServiceError, type WorkflowExecutionInfo } from '@temporalio/client';
import { readConfig } from '../config.ts';
import { isoSeconds } from '../core/format-time.ts';
import { searchAttributes } from '../core/run.ts';
import { attributeState } from '../temporal/search-attributes.ts';
import { usageError } from './errors.ts';
import { queryOf, type RunFilter } from './list/query.ts';
import { alignColumns, print, printJson, say } from './output.ts';
import { isOpen } from './run/lookup.ts';
import { openLine } from './server/patience.ts';
import { hasHistory, runPage, type ServerInfo, type Session } from './server/session.ts';

export interface ListOptions extends RunFilter {
  limit: number;
  json?: true;
}

/** The runs of pipelines that a filter finds, the latest first. */
export async function listCommand({ limit, json, ...filter }: ListOptions): Promise<number> {
  const config = readConfig();
  const query = queryOf(filter, new Date());
  if (!hasHistory(config)) {
    if (json) printJson([]);
    else print(`There is no run yet: no server has run for ${config.home}, and TEMPORAL_ADDRESS names none`);
    return 0;
  }
  const line = await openLine(config, 'server', say);
  try {
    // One more shows that there are more.
    const found = await line.patiently((session) => findRuns(session, query, limit + 1));
    const rows = found.slice(0, limit).map((run) => rowOf(run, line.session.server));
    if (json) printJson(rows);
    else print(table(rows));
    if (found.length > limit)
      say(`These are the first ${limit}; --limit shows more, and filters make them fewer`);
    return 0;
  } finally {
    line.hangUp();
  }
}

async function findRuns(session: Session, query: string, most: number): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  try {
    for await (const run of session.client.workflow.list({ query, pageSize: Math.min(most, 200) })) {
      found.push(run);
      if (found.length === most) break;
    }
    return found;
  } catch (error) {
    throw await explain(session, query, error);
  }
}

/** gRPC's status code for a query that the server does not understand. */
const invalidArgument = 3;

async function explain({ client, server }: Session, query: string, error: unknown): Promise<unknown> {
  const cause = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error;
  if (!isGrpcServiceError(cause) || (cause.code as number) !== invalidArgument) return error;
  const { missing } = await attributeState(client.connection, server.namespace);
  return usageError(
    missing.length > 0
      ? `The namespace ${server.namespace} lacks the search attributes ${missing.join(', ')}; \`sluice setup\` registers them. Runs before that have none`
      : `The Temporal server does not understand the query (${cause.details}): ${query}`,
  );
}

interface Row {
  workflowId: string;
  runId: string;
  pipeline: string | null;
  executionMode: string | null;
  outcome: string;
  /** In Temporal's words. */
  status: string;
  metric: number | null;
  startedAt: string;
  closedAt: string | null;
  seconds: number | null;
  /** Of the Web UI. */
  page: string | null;
}

function rowOf(run: WorkflowExecutionInfo, server: ServerInfo): Row {
  const { workflowId, runId, status, startTime, closeTime } = run;
  const attributes = new Map<string, unknown>(
    run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
  );
  const attribute = (name: keyof typeof searchAttributes) => attributes.get(searchAttributes[name]) ?? null;
  return {
    workflowId,
    runId,
    pipeline: attribute('pipeline') as string | null,
    executionMode: attribute('executionMode') as string | null,
    outcome: outcomeOf(status.name, attribute('outcome') as string | null),
    status: status.name,
    metric: attribute('metricValue') as number | null,
    startedAt: isoSeconds(startTime),
    closedAt: closeTime === undefined ? null : isoSeconds(closeTime),
    seconds: closeTime === undefined ? null : (closeTime.getTime() - startTime.getTime()) / 1000,
    page: runPage(server, workflowId, runId),
  };
}

/** A run that was closed from outside could not say how it ended, nor one without search attributes. */
function outcomeOf(status: string, said: string | null): string {
  if (isOpen(status)) return 'running';
  if (said !== null && said !== 'running') return said;
  if (status === 'COMPLETED') return 'completed';
  return status === 'CANCELLED' ? 'canceled' : 'failed';
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return 'No run is so';
  const head = ['RUN', 'PIPELINE', 'MODE', 'OUTCOME', 'METRIC', 'STARTED', 'SECONDS'];
  const cells = rows.map(({ workflowId, pipeline, executionMode, outcome, metric, startedAt, seconds }) => [
    ...[workflowId, pipeline ?? '-', executionMode ?? '-', outcome],
    ...[metric === null ? '-' : String(metric), startedAt, seconds === null ? '-' : seconds.toFixed(1)],
  ]);
  return alignColumns([head, ...cells]).join('\n');
}
