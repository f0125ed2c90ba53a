import { constants } from 'node:os';
import type { EndedJobState, JobFailureCode, JobRequest } from '../../core/jobs.ts';

const outcomes = ['exited', 'stopped', 'timedOut', 'startFailed', 'commitFailed', 'lost'] as const;

/** What the supervisor writes when the job is over. */
export interface ExitRecord {
  outcome: (typeof outcomes)[number];
  startedAt: string;
  endedAt: string;
  exitCode: number | null;
  signal: number | null;
  /** Of the job: /opt/ml/output/failure. */
  failure: string | null;
  /** Of a processing job: /opt/ml/output/message. */
  message: string | null;
  messageInvalid: boolean;
  outOfMemory: boolean;
  records: number | null;
  error: string | null;
  /** The error is that the user has no permission. */
  denied: boolean;
}

/** Null for what isn't a whole record: a machine that lost its power may leave one. */
export function parseExit(text: string): ExitRecord | null {
  const record = parseObject(text);
  const outcome = outcomes.find((known) => known === record?.outcome);
  const startedAt = stringOrNull(record?.startedAt);
  const endedAt = stringOrNull(record?.endedAt);
  if (!record || !outcome || startedAt === null || endedAt === null) return null;
  return {
    outcome,
    startedAt,
    endedAt,
    exitCode: numberOrNull(record.exitCode),
    signal: numberOrNull(record.signal),
    failure: stringOrNull(record.failure),
    message: stringOrNull(record.message),
    messageInvalid: record.messageInvalid === true,
    outOfMemory: record.outOfMemory === true,
    records: numberOrNull(record.records),
    error: stringOrNull(record.error),
    denied: record.denied === true,
  };
}

function parseObject(text: string): Partial<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

const stringOrNull = (value: unknown) => (typeof value === 'string' ? value : null);
const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);

/** The facts in the words of {@link EndedJobState}. */
export function endedState(
  exit: ExitRecord,
  { local }: Pick<JobRequest, 'local'>,
  logTail: readonly string[],
): EndedJobState {
  const times = { startedAt: exit.startedAt, endedAt: exit.endedAt, logTail };
  if (exit.outcome === 'stopped') return { status: 'stopped', ...times };
  const failure = explainFailure(exit, local.maxRuntimeSeconds);
  if (failure !== null) {
    const words = exit.outcome === 'exited' && exit.failure ? { failure: exit.failure.trim() } : {};
    return { status: 'failed', ...failure, exitCode: exit.exitCode, ...words, ...times };
  }
  return { status: 'succeeded', exitMessage: exit.message, records: exit.records, ...times };
}

/** A job that ended without a record. */
export function lostState(
  { startedAt, endedAt }: Pick<ExitRecord, 'startedAt' | 'endedAt'>,
  logTail: readonly string[],
  reason = 'its supervisor was killed, or the machine went down',
): EndedJobState {
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
      return { code: 'JobLost', reason: exit.error ?? 'its first process was killed, and the rest with it' };
    case 'stopped':
      return null;
    case 'exited':
      return explainExit(exit);
  }
}

function explainExit(exit: ExitRecord): { code: JobFailureCode; reason: string } | null {
  if (exit.exitCode === 0) {
    if (exit.error !== null) return { code: 'JobFailed', reason: exit.error };
    return exit.messageInvalid ? { code: 'JobFailed', reason: '/opt/ml/output/message is not UTF-8' } : null;
  }
  const how = howItEnded(exit);
  return { code: 'JobFailed', reason: exit.failure ? `${exit.failure.trim()} (${how})` : how };
}

function howItEnded({ exitCode, signal, outOfMemory }: ExitRecord): string {
  const number = signal ?? signalOf(exitCode ?? 0);
  const killed = number === null ? '' : killedBy(number, outOfMemory);
  if (signal !== null) return killed;
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
