import type { EndedJobState, JobFailureCode, JobState } from '../../core/jobs.ts';
import type { RemoteJob } from '../../core/remote-job.ts';
import { jobConsoleUrl } from '../../core/console.ts';
import type { Description } from './descriptions.ts';
import type { JobKind } from './requests.ts';

/** A job of SageMaker in our words. The last lines of its log are elsewhere. */
export function jobState(kind: JobKind, job: Description, maxRuntimeSeconds: number | null): JobState {
  switch (job.status) {
    case 'Completed':
      return completed(kind, job, maxRuntimeSeconds);
    case 'Failed':
      return failed(kind, job, ...failure(job));
    case 'Stopped':
      return stopped(kind, job, maxRuntimeSeconds);
    default:
      // InProgress, Stopping, Deleting, and what AWS may add: not over until SageMaker says how it ended.
      return {
        status: 'running',
        phase: phaseOf(job),
        startedAt: job.startedAt?.toISOString() ?? null,
        remote: remoteJob(kind, job),
      };
  }
}

export function remoteJob(
  kind: JobKind,
  job: Pick<Description, 'arn' | 'status' | 'secondaryStatus' | 'billableSeconds' | 'trainingSeconds'>,
): RemoteJob {
  const { arn, status, secondaryStatus, billableSeconds, trainingSeconds } = job;
  return {
    arn,
    consoleUrl: jobConsoleUrl(kind, arn),
    status,
    secondaryStatus,
    billableSeconds,
    trainingSeconds,
  };
}

function completed(kind: JobKind, job: Description, maxRuntimeSeconds: number | null): EndedJobState {
  // A model of a training that was cut short is no success, whatever the first status says.
  if (cutShort.has(job.secondaryStatus ?? '')) return stopped(kind, job, maxRuntimeSeconds);
  return { status: 'succeeded', exitMessage: job.exitMessage, records: null, ...ended(kind, job) };
}

const cutShort = new Set(['MaxRuntimeExceeded', 'MaxWaitTimeExceeded', 'Stopped', 'Stopping']);

/** Stopped is never a success. What stopped it tells the secondary status; processing and transform jobs have only times. */
function stopped(kind: JobKind, job: Description, maxRuntimeSeconds: number | null): EndedJobState {
  if (job.secondaryStatus === 'MaxWaitTimeExceeded') {
    return failed(
      kind,
      job,
      'JobInterrupted',
      'MaxWaitTimeExceeded: spot instances were not to be had for long enough',
    );
  }
  const hasSecondaryStatus = job.secondaryStatus !== null;
  const ranOut = hasSecondaryStatus
    ? job.secondaryStatus === 'MaxRuntimeExceeded'
    : isOverdue(job, maxRuntimeSeconds);
  if (ranOut) {
    const limit = maxRuntimeSeconds === null ? '' : ` of ${maxRuntimeSeconds} s`;
    return failed(kind, job, 'JobTimedOut', `stopped at the end of its maximum run time${limit}`);
  }
  return { status: 'stopped', ...ended(kind, job) };
}

/** Whether it ran as long as it may. @param at - milliseconds since 1970; default: its end. */
export function isOverdue(
  { startedAt, endedAt }: Pick<Description, 'startedAt' | 'endedAt'>,
  maxRuntimeSeconds: number | null,
  at = endedAt?.getTime(),
): boolean {
  if (maxRuntimeSeconds === null || startedAt === null || at === undefined) return false;
  return at - startedAt.getTime() >= maxRuntimeSeconds * 1000;
}

function failed(kind: JobKind, job: Description, code: JobFailureCode, reason: string): EndedJobState {
  return { status: 'failed', code, reason, exitCode: exitCodeOf(reason), ...ended(kind, job) };
}

/** The first word of FailureReason says whose fault it is. One that we don't know is not tried again. */
const blame: Record<string, JobFailureCode> = {
  AlgorithmError: 'JobFailed',
  ClientError: 'JobFailed',
  CapacityError: 'CapacityUnavailable',
  InternalServerError: 'JobInternalError',
};

function failure({ failureReason, exitMessage }: Description): [JobFailureCode, string] {
  const reason = failureReason?.trim() ?? '';
  const prefix = /^(\w+)\s*:/.exec(reason)?.[1] ?? '';
  const words = reason === '' ? 'SageMaker gives no reason' : reason;
  // Of a processing job that failed AWS often says no more than "See job logs".
  const said = exitMessage === null || words.includes(exitMessage) ? '' : ` (${exitMessage.trim()})`;
  return [blame[prefix] ?? 'JobFailed', words + said];
}

/** For people and programs to see; nothing is decided by it. */
function exitCodeOf(reason: string): number | null {
  const code = /exit code:? ?(\d{1,3})\b/i.exec(reason)?.[1];
  return code === undefined ? null : Number(code);
}

function ended(kind: JobKind, job: Description) {
  const endedAt = job.endedAt ?? job.startedAt ?? job.createdAt;
  return {
    startedAt: (job.startedAt ?? job.createdAt).toISOString(),
    endedAt: endedAt.toISOString(),
    logTail: [],
    remote: remoteJob(kind, job),
  };
}

/** "LaunchingMLInstances" becomes "launching ml instances". */
function phaseOf({ status, secondaryStatus, startedAt }: Description): string {
  if (status === 'InProgress' && secondaryStatus === null) return startedAt === null ? 'starting' : 'running';
  if (secondaryStatus === 'Interrupted') return 'interrupted, waiting for spot instances';
  const word = status === 'InProgress' ? secondaryStatus : status;
  return (word ?? '').replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, ' ').toLowerCase();
}
