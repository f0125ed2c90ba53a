import type { JobKind } from './arn.ts';

/** SageMaker's secondary statuses of training jobs; here every kind of job has one, and training jobs show it. */
export type Phase =
  | 'Starting'
  | 'Pending'
  | 'Downloading'
  | 'Training'
  | 'Interrupted'
  | 'Restarting'
  | 'Uploading'
  | 'Stopping'
  | 'Stopped'
  | 'MaxRuntimeExceeded'
  | 'MaxWaitTimeExceeded'
  | 'Completed'
  | 'Failed';

export type JobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

/** What each phase counts as (API reference, SecondaryStatus of DescribeTrainingJob). */
const statuses: Record<Phase, JobStatus> = {
  Starting: 'InProgress',
  Pending: 'InProgress',
  Downloading: 'InProgress',
  Training: 'InProgress',
  Interrupted: 'InProgress',
  Restarting: 'InProgress',
  Uploading: 'InProgress',
  Stopping: 'Stopping',
  Stopped: 'Stopped',
  MaxRuntimeExceeded: 'Stopped',
  MaxWaitTimeExceeded: 'Stopped',
  Completed: 'Completed',
  Failed: 'Failed',
};

/** The ways that a job can go. Nothing leaves an end. */
const ways: Record<Phase, readonly Phase[]> = {
  Starting: [
    'Pending',
    'Downloading',
    'Training',
    'Interrupted',
    'Stopping',
    'MaxWaitTimeExceeded',
    'Failed',
  ],
  Pending: ['Starting', 'Downloading', 'Stopping', 'MaxWaitTimeExceeded', 'Failed'],
  Downloading: ['Training', 'Interrupted', 'Stopping', 'Failed'],
  Training: ['Uploading', 'Interrupted', 'Starting', 'Stopping', 'Failed'],
  Interrupted: ['Starting', 'Restarting', 'Pending', 'Stopping', 'MaxWaitTimeExceeded', 'Failed'],
  Restarting: ['Downloading', 'Training', 'Stopping', 'MaxWaitTimeExceeded', 'Failed'],
  Uploading: ['Completed', 'Stopping', 'Failed'],
  Stopping: ['Stopped', 'MaxRuntimeExceeded', 'MaxWaitTimeExceeded', 'Completed', 'Failed'],
  Stopped: [],
  MaxRuntimeExceeded: [],
  MaxWaitTimeExceeded: [],
  Completed: [],
  Failed: [],
};

export const isOver = (phase: Phase) => ways[phase].length === 0;
export const isLegal = (from: Phase, to: Phase) => ways[from].includes(to);
export const statusOf = (phase: Phase): JobStatus => statuses[phase];

/** One stay in a phase. Times are milliseconds since 1970. */
export interface Stay {
  phase: Phase;
  startTime: number;
  endTime: number | null;
  message: string;
}

/** A job as Describe sees it. */
export interface JobView {
  readonly phase: Phase;
  readonly stays: readonly Stay[];
  readonly modifiedAt: number;
  /** When it came onto instances; billed from then on. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly failureReason: string | null;
  readonly exitMessage: string | null;
  readonly billableSeconds: number | null;
  readonly trainingSeconds: number | null;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A job that was created. Only {@link file://./jobs.ts} changes it. */
export interface Job {
  readonly kind: JobKind;
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  /** The request, with AWS's defaults filled in. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  view: JobView;
  /** What `view` was before, oldest first: Describe can be behind. */
  readonly past: JobView[];
}
