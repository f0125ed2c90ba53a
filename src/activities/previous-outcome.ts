import { Context } from '@temporalio/activity';
import { SluiceError } from '../core/errors.ts';
import { searchAttributes, workflowType, type Outcome } from '../core/run.ts';
import type { Dependencies } from './dependencies.ts';

/**
 * How the last run of the pipeline ended, if it came to an end of its own: canceled and terminated runs say nothing. Temporal's
 * list of runs is the record of it. Null if there was none, or the namespace keeps it no longer.
 * @throws SluiceError `Unsupported` without search attributes.
 */
export async function previousOutcome(
  deps: Dependencies,
  { pipeline }: { pipeline: string },
): Promise<Outcome | null> {
  if (!(await deps.hasSearchAttributes())) {
    throw new SluiceError('Unsupported', 'Without search attributes nothing is known of other runs');
  }
  const query = [
    `WorkflowType="${workflowType}" AND ExecutionStatus!="Running"`,
    `${searchAttributes.pipeline}="${pipeline}"`,
    `${searchAttributes.outcome} IN ("accepted", "rejected", "failed")`,
  ].join(' AND ');
  // The server gives closed runs by the time of their end, the latest first.
  for await (const run of Context.current().client.workflow.list({ query, pageSize: 1 })) {
    const found = run.typedSearchAttributes.getAll().find(({ key }) => key.name === searchAttributes.outcome);
    return (found?.value as Outcome | undefined) ?? null;
  }
  return null;
}
