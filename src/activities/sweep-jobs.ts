import { Context, log } from '@temporalio/activity';
import type { SweepInput, SweepReport } from '../core/sweep.ts';
import type { Dependencies } from './dependencies.ts';
import { createRunOwners } from './run-owners.ts';

/** Stops the jobs of SageMaker whose runs, in the namespace of this worker, are closed. */
export async function sweepJobs(
  { sweep }: Pick<Dependencies, 'sweep'>,
  input: SweepInput,
): Promise<SweepReport> {
  const { client, info, cancellationSignal } = Context.current();
  const namespace = info.namespace;
  const ownerOf = createRunOwners(client.workflow);
  const report = await sweep({ ...input, namespace, ownerOf }, cancellationSignal);
  for (const { name, action, workflowId, error } of report.jobs)
    log.info('job swept', { job: name, action, workflowId, error });
  return report;
}
