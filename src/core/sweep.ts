import { z } from 'zod';
import { parseWith } from './problems.ts';
import { sessionSettings } from './session.ts';

/** The one argument of the workflow `sweep`, and what `sluice sweep` is asked for. */
export const sweepInput = z.strictObject({
  region: sessionSettings.shape.region,
  /** Only says what would be stopped. */
  dryRun: z.boolean().default(false),
  /** Also stops jobs of runs that this server does not know. */
  unknown: z.boolean().default(false),
});
export type SweepInput = z.infer<typeof sweepInput>;

/** Nothing at all is an empty object, for schedules. @throws SluiceError `InvalidInput`. */
export function parseSweepInput(input: unknown): SweepInput {
  return parseWith('The input of the sweep', sweepInput, input ?? {});
}

/** Whether the run that made a job may still need it. `unknown`: the server asked has no such run. */
export type Ownership = 'open' | 'closed' | 'unknown';

/** A job in progress whose run does not need it, as far as the server knows. */
export interface SweptJob {
  kind: 'Processing' | 'Training' | 'Transform';
  name: string;
  arn: string;
  pipeline: string | null;
  workflowId: string;
  runId: string;
  run: Exclude<Ownership, 'open'>;
  action: 'stopped' | 'would stop' | 'kept' | 'failed';
  /** In SageMaker's words, at the end of the sweep. */
  status: string;
  /** Why the action failed. */
  error?: string;
}

export interface SweepOptions extends SweepInput {
  /** Of Temporal: jobs of others are left alone. */
  namespace: string;
  /** Asks Temporal for a run. */
  ownerOf(workflowId: string, runId: string): Promise<Ownership>;
}

export interface SweepReport {
  region: string;
  accountId: string;
  namespace: string;
  dryRun: boolean;
  jobs: SweptJob[];
  /** Jobs in progress that were looked at, those of open runs and of others included. */
  inProgress: number;
}

/** For people: a line for each job, then what was looked at. */
export function sweepLines({ jobs, inProgress, region, accountId, namespace }: SweepReport): string[] {
  const reasons = {
    closed: 'its run is closed',
    unknown: 'its run is not known to this server',
  };
  const lines = jobs.map(
    ({ name, kind, action, workflowId, run, status, error }) =>
      `${action}: ${name} (${kind} job of ${workflowId}; ${error ?? reasons[run]}; ${status})`,
  );
  const where = `in ${region}, account ${accountId}`;
  return [
    ...lines,
    `${inProgress} jobs in progress ${where}; ${jobs.length} of them of closed or unknown runs of namespace ${namespace}`,
  ];
}
