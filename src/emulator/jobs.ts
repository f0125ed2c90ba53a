import { isLegal, isOver, statusOf, type Job, type JobView, type Phase, type Stay } from './job.ts';

/** What is known of a job's end, or of a step on its way. */
export interface Facts {
  failureReason?: string;
  /** `/opt/ml/output/message` of a processing job. */
  exitMessage?: string;
  metrics?: Readonly<Record<string, number>>;
  /** In place of the usual words of this phase. */
  message?: string;
}

/** What AWS pays of a spot instance's price, roughly: only that it is less than the time matters to clients. */
const spotShare = 0.3;
/** More is not looked at: only a stale Describe reads them. */
const remembered = 16;

const messages: Record<Phase, string> = {
  Starting: 'Preparing the instances for training',
  Pending: 'Waiting for compute capacity',
  Downloading: 'Downloading the training image',
  Training: 'Training image download completed. Training in progress.',
  Interrupted: 'Spot instances were interrupted',
  Restarting: 'Restarting the training job',
  Uploading: 'Uploading generated training model',
  Stopping: 'Stopping the training job',
  Stopped: 'Training job stopped',
  MaxRuntimeExceeded: 'Training job runtime exceeded MaxRuntimeInSeconds provided',
  MaxWaitTimeExceeded: 'Training job exceeded MaxWaitTimeInSeconds provided',
  Completed: 'Training job completed',
  Failed: 'Training job failed',
};

export function newView(now: number): JobView {
  return {
    phase: 'Starting',
    stays: [{ phase: 'Starting', startTime: now, endTime: null, message: messages.Starting }],
    modifiedAt: now,
    startedAt: null,
    endedAt: null,
    failureReason: null,
    exitMessage: null,
    billableSeconds: null,
    trainingSeconds: null,
    metrics: {},
  };
}

/** Brings a job into another phase. @throws Error if SageMaker knows no such way: a fault of the emulator or of its script. */
export function moveJob(job: Job, phase: Phase, now: number, facts: Facts = {}): void {
  const { view } = job;
  if (!isLegal(view.phase, phase)) throw new Error(`${job.name} cannot go from ${view.phase} to ${phase}`);
  job.past.push(view);
  if (job.past.length > remembered) job.past.shift();
  const over = isOver(phase);
  const stays = [
    ...view.stays.map((stay): Stay => (stay.endTime === null ? { ...stay, endTime: now } : stay)),
    { phase, startTime: now, endTime: over ? now : null, message: facts.message ?? messages[phase] },
  ];
  const startedAt = view.startedAt ?? (phase === 'Downloading' || phase === 'Training' ? now : null);
  const trainingSeconds = over ? secondsOnInstances(stays) : null;
  job.view = {
    phase,
    stays,
    modifiedAt: now,
    startedAt,
    endedAt: over ? now : null,
    failureReason:
      facts.failureReason ?? (statusOf(phase) === 'Failed' ? 'InternalServerError: unknown' : null),
    exitMessage: facts.exitMessage ?? null,
    trainingSeconds,
    billableSeconds: trainingSeconds === null ? null : billed(job, trainingSeconds),
    metrics: { ...view.metrics, ...facts.metrics },
  };
}

/** From the first data to the last; waiting for instances is free. */
function secondsOnInstances(stays: readonly Stay[]): number {
  const onInstances: readonly Phase[] = ['Downloading', 'Training', 'Uploading', 'Stopping'];
  const first = stays.findIndex(({ phase }) => phase === 'Downloading' || phase === 'Training');
  if (first === -1) return 0;
  const milliseconds = stays
    .slice(first)
    .filter(({ phase }) => onInstances.includes(phase))
    .reduce((sum, { startTime, endTime }) => sum + ((endTime ?? startTime) - startTime), 0);
  return Math.ceil(milliseconds / 1000);
}

function billed(job: Job, seconds: number): number {
  return job.input.EnableManagedSpotTraining === true ? Math.ceil(seconds * spotShare) : seconds;
}
