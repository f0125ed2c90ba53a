import type { Comparison } from './gate.ts';
import type { SlotsOfStep } from './instance-slots.ts';
import type { RemoteJob } from './remote-job.ts';

export const stepNames = [
  'preprocess',
  'train',
  'evaluate',
  'condition',
  'createModel',
  'transform',
  'register',
  'notify',
] as const;
export type StepName = (typeof stepNames)[number];

export type StepStatus = 'pending' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'canceled' | 'skipped';

export interface StepReport {
  name: StepName;
  status: StepStatus;
  /** Null for steps that run no job. */
  engine: string | null;
  jobName: string | null;
  /** From scheduling to end, as Temporal's clock has it; null before the end. */
  seconds: number | null;
  /** ISO 8601, UTC; null before the start. */
  startedAt: string | null;
  /** While its status is `waiting`. */
  waitsFor?: SlotsOfStep;
  /** Of jobs of SageMaker. */
  remote?: RemoteJob;
}

export type Outcome = 'accepted' | 'rejected' | 'failed' | 'canceled';

/** What a run has come to: the answer of the query `status`, the result of the workflow, and the body of `--json`. */
export interface RunReport {
  pipeline: string | null;
  executionMode: string | null;
  outcome: Outcome | 'running';
  metric: { name: string; value: number | null; comparison: Comparison; threshold: number } | null;
  steps: StepReport[];
  model: string | null;
  transform: { output: string; records: number | null } | null;
  modelPackage: { group: string; version: number; approvalStatus: string } | null;
  /** What went wrong and did not stop the run, each one sentence. */
  notes?: readonly string[];
  failure?: { /** One of ours, or the type of a foreign failure. */ code: string; message: string };
}

export const searchAttributes = {
  pipeline: 'SluicePipeline',
  executionMode: 'SluiceExecutionMode',
  outcome: 'SluiceOutcome',
  metricValue: 'SluiceMetricValue',
} as const;

/** What each is registered as. */
export const searchAttributeTypes = {
  [searchAttributes.pipeline]: 'Keyword',
  [searchAttributes.executionMode]: 'Keyword',
  [searchAttributes.outcome]: 'Keyword',
  [searchAttributes.metricValue]: 'Double',
} as const;

export const workflowType = 'trainingPipeline';
export const statusQuery = 'status';

/**
 * Of activities that watch a job of SageMaker: a worker has hundreds of them, and a job there takes minutes to start and to stop. Of
 * all others a heartbeat is sent every 0.4 s, so that a cancellation is heard at once.
 */
export const watcherHeartbeats = { everyMs: 10_000, timeoutMs: 30_000 };
