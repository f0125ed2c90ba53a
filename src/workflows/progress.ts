import { defineQuery, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { progressTable } from '../core/progress-table.ts';
import { newReport, withStep } from '../core/run-report.ts';
import type { RemoteJob } from '../core/remote-job.ts';
import { statusQuery, type RunReport, type StepName } from '../core/run.ts';
import { isCanceled } from './failures.ts';
import { indexRun } from './search-attributes.ts';
import { tellGate, tellOutcome, tellStep } from './telemetry.ts';

const status = defineQuery<RunReport>(statusQuery);

/** What a run tells about itself: the status query, the current details, the search attributes and metrics. */
export interface Progress {
  readonly report: RunReport;
  /** Changes the report and shows it. */
  show(change: Partial<RunReport>): void;
  /** Runs a step and records what becomes of it. */
  step<T>(name: StepName, job: StepJob, work: (tell: TellJob) => Promise<T>): Promise<T>;
  /** From here on search attributes are set, if the namespace has them. */
  index(registered: boolean): void;
  /** Whether it is known if the namespace has them. */
  indexIsKnown(): boolean;
}

/** Nulls for a step that runs no job. */
export interface StepJob {
  engine: string | null;
  jobName: string | null;
  /** Of the activity; default: the name of the step. */
  activityId?: string;
  /** Of a job of SageMaker. */
  remote?: RemoteJob;
}

/**
 * Says what SageMaker told of the job of a step (null: nothing), and what the job, or model, is called: after a reset, what was made
 * before it bears the id of the run that it replaced.
 */
export type TellJob = (remote: RemoteJob | null, jobName?: string) => void;

export function startProgress(): Progress {
  const report = newReport();
  let indexed: boolean | undefined;
  setHandler(status, () => report, { description: 'What the run has come to, step by step.' });

  const show = (change: Partial<RunReport>) => {
    Object.assign(report, change);
    setCurrentDetails(progressTable(report));
    const searchable = 'outcome' in change || 'metric' in change;
    if (indexed === true && searchable) indexRun(report);
    if ('metric' in change) tellGate(report);
    if ('outcome' in change) tellOutcome(report);
  };

  return {
    report,
    show,

    async step(name, { activityId = name, ...job }, work) {
      const started = Date.now();
      let last: RemoteJob | null = null;
      const end = (status: 'succeeded' | 'canceled' | 'failed') => {
        const seconds = (Date.now() - started) / 1000;
        show(withStep(report, name, { status, seconds }));
        tellStep(report, { ...job, name, activityId, status, seconds, started, remote: last });
      };
      show(withStep(report, name, { status: 'running', startedAt: new Date(started).toISOString(), ...job }));
      try {
        const result = await work((remote, jobName) => {
          last = remote ?? last;
          show(
            withStep(report, name, { ...(remote && { remote }), ...(jobName !== undefined && { jobName }) }),
          );
        });
        end('succeeded');
        return result;
      } catch (error) {
        end(isCanceled(error) ? 'canceled' : 'failed');
        throw error;
      }
    },

    indexIsKnown: () => indexed !== undefined,

    index(registered) {
      indexed = registered;
      if (registered) indexRun(report);
    },
  };
}
