import type { Job, Phase } from './job.ts';
import type { Facts } from './jobs.ts';
import type { Life } from './script.ts';
import type { Body } from './store.ts';

/** Tells the emulator that a job is in another phase now. */
export type Report = (phase: Phase, facts?: Facts) => void;

/** The body of CreateModel, of the model that a transform job uses. */
export type Model = Body;

/** Who runs the jobs: a script that only plays them, or a local engine. */
export interface Executor {
  /**
   * Begins with a job that was just created and is Starting, and returns at once.
   * @param model - of a transform job. @param changes - faults that this job is to meet.
   */
  start(job: Job, report: Report, model: Model | null, changes: Life): void;
  /** The job is Stopping: ends it. */
  stop(job: Job): void;
  /** Takes the spot instances of a job away. @returns false if there are none, or they are not in use. */
  interrupt(job: Job): boolean;
  /** The job is to be as if it had never been. */
  forget(job: Job): void;
  /** What the job has printed, a file of this machine. Null: it has no log. */
  logFile(job: Job): string | null;
  close(): Promise<void>;
}
