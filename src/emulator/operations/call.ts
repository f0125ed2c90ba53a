import type { Executor, Report } from '../executor.ts';
import type { Job, JobView } from '../job.ts';
import type { Life } from '../script.ts';
import type { Body, Region } from '../store.ts';

/** A request that has passed the service model. */
export interface Call {
  readonly operation: string;
  readonly input: Body;
  readonly region: Region;
  /** The emulator's time, milliseconds since 1970. */
  readonly now: number;
  readonly executor: Executor;
  /** What the executor tells of a job. */
  readonly reportOf: (job: Job) => Report;
  /** What faults do to a job that is created now. */
  readonly life: Life;
  /** What Describe sees: faults can show an older state. */
  readonly viewOf: (job: Job) => JobView;
}

/** An operation: changes the region and says what AWS answers. @throws AwsError for a refusal, before anything is changed. */
export type Handler = (call: Call) => Body;

/** AWS's times in answers: seconds since 1970. */
export const epoch = (milliseconds: number) => Math.round(milliseconds) / 1000;

/** Without what is not there: AWS leaves absent members out. */
export function present(body: Readonly<Record<string, unknown>>): Body {
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== undefined && value !== null),
  );
}
