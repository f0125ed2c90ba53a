import { constants } from 'node:os';
import { z } from 'zod';
import type { EndedJobState, JobFailureCode, JobRequest } from '../../core/jobs.ts';

/** What the supervisor writes when the job is over. */
const exitRecord = z.object({
  outcome: z.enum(['exited', 'stopped', 'timedOut', 'startFailed', 'commitFailed', 'lost']),
  exitCode: z.int().nullish(),
  signal: z.int().nullish(),
  startedAt: z.string(),
  endedAt: z.string(),
  /** Of the job: /opt/ml/output/failure. */
  failure: z.string().nullish(),
  /** Of a processing job: /opt/ml/output/message. */
  message: z.string().nullish(),
  messageInvalid: z.boolean().nullish(),
  outOfMemory: z.boolean().nullish(),
  records: z.int().nullish(),
  error: z.string().nullish(),
  /** The error is that the user has no permission. */
  denied: z.boolean().nullish(),
});
export type ExitRecord = z.infer<typeof exitRecord>;

/** Null for what isn't a whole record: a machine that lost its power may leave one. */
export function parseExit(text: string): ExitRecord | null {
  try {
    return exitRecord.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The facts in the words of {@link EndedJobState}. */
export function endedState(
  exit: ExitRecord,
  { local }: Pick<JobRequest, 'local'>,
  logTail: readonly string[],
): EndedJobState {
  const times = { startedAt: exit.startedAt, endedAt: exit.endedAt, logTail };
  if (exit.outcome === 'stopped') return { status: 'stopped', ...times };
  const failure = explainFailure(exit, local.maxRuntimeSeconds);
  if (failure !== null) return { status: 'failed', ...failure, exitCode: exit.exitCode ?? null, ...times };
  return { status: 'succeeded', exitMessage: exit.message ?? null, records: exit.records ?? null, ...times };
}

/** A job that ended without a record. */
export function lostState(startedAt: string, endedAt: string, logTail: readonly string[]): EndedJobState {
  const reason = 'its supervisor was killed, or the machine went down';
  return { status: 'failed', code: 'JobLost', reason, exitCode: null, startedAt, endedAt, logTail };
}

function explainFailure(exit: ExitRecord, limit: number): { code: JobFailureCode; reason: string } | null {
  switch (exit.outcome) {
    case 'timedOut':
      return { code: 'JobTimedOut', reason: `stopped after ${limit} s, its maximum run time` };
    case 'startFailed':
      return {
        code: exit.denied ? 'AccessDenied' : 'JobFailed',
        reason: `it could not be started: ${exit.error ?? ''}`,
      };
    case 'commitFailed':
      return {
        code: exit.denied ? 'AccessDenied' : 'StorageError',
        reason: `its outputs could not be stored: ${exit.error ?? ''}`,
      };
    case 'lost':
      return { code: 'JobLost', reason: 'its first process was killed, and the rest with it' };
    case 'stopped':
      return null;
    case 'exited':
      return explainExit(exit);
  }
}

function explainExit(exit: ExitRecord): { code: JobFailureCode; reason: string } | null {
  if (exit.exitCode === 0) {
    return exit.messageInvalid ? { code: 'JobFailed', reason: '/opt/ml/output/message is not UTF-8' } : null;
  }
  const how = howItEnded(exit);
  return { code: 'JobFailed', reason: exit.failure ? `${exit.failure.trim()} (${how})` : how };
}

function howItEnded({ exitCode, signal, outOfMemory }: ExitRecord): string {
  const number = signal ?? signalOf(exitCode ?? 0);
  const killed = number === null ? '' : killedBy(number, outOfMemory ?? false);
  if (signal != null) return killed;
  const meaning =
    exitCode === 126
      ? 'the command cannot be executed'
      : exitCode === 127
        ? 'the command was not found'
        : killed;
  return `exit code ${exitCode}${meaning && `: ${meaning}`}`;
}

/** Shells and the train command report a signal as 128 + its number. */
function signalOf(exitCode: number): number | null {
  return exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : null;
}

function killedBy(number: number, outOfMemory: boolean): string {
  const name =
    Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
  const memory =
    number !== constants.signals.SIGKILL
      ? ''
      : outOfMemory
        ? '; the kernel was out of memory and killed a process'
        : ', perhaps for want of memory';
  return `killed by ${name}${memory}`;
}
