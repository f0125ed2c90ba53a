import type { StepName } from './run.ts';

/** Lines of the log that say what a run has come to; traces are made of them. A replay does not repeat them. */
export const stepEnded = 'step ended';
export const runEnded = 'run ended';

/** Beside the run that the line is about. */
export interface StepEnded {
  /** Of the activity; of each try of a job by itself: `train-2`. */
  step: string;
  name: StepName;
  status: 'succeeded' | 'failed' | 'canceled';
  engine: string | null;
  job: string | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  seconds: number;
}

export interface RunEnded {
  pipeline: string | null;
  executionMode: string | null;
  outcome: string;
  code: string | null;
  startedAt: string;
  seconds: number;
}
