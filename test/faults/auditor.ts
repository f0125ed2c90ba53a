import type { Entry, RequestEntry, TransitionEntry } from '../../src/emulator/ledger.ts';

/** What the world outside of Sluice has to say when everything is over; nothing of it comes from a worker. */
export interface Evidence {
  /** What was asked of SageMaker, and what its jobs did. */
  ledger: readonly Entry[];
  /** Every version of every model package group, with the run that its metadata names. */
  packages: readonly { group: string; version: number; runId: string }[];
  runs: readonly AuditedRun[];
  /** What the receiver of notifications was told, one entry a delivery. */
  notifications: readonly { deduplicationKey: string; code: string }[];
  storage: {
    /** Keys of objects below the runs of the pipeline. */
    keys: readonly string[];
    /** Models that were opened: the key, and why it could not be read to its end, if so. */
    models: readonly { key: string; damage: string | null }[];
    /** Keys of multipart uploads that were neither completed nor aborted. */
    unfinished: readonly string[];
  };
  /** Calls a second, of SageMaker's time, that one worker may make, and how many at once after a rest. */
  rates: { create: Rate; describe: Rate };
  /** How many workers there were in all: each begins with a bucket of its own. */
  workers: number;
}

export interface Rate {
  perSecond: number;
  burst: number;
}

export interface AuditedRun {
  runId: string;
  /** Temporal's word; null: it is still open. */
  status: 'COMPLETED' | 'FAILED' | 'CANCELED' | 'TERMINATED' | null;
  /** Of the failure that it ended with. */
  code: string | null;
  metric: number | null;
  threshold: number;
  /** What the scripted report says. */
  reported: number;
  /** Jobs that the file allows for each step: one, and as many as `jobRetries` says. */
  jobsAllowed: number;
}

/** What is wrong, one line each, with the invariant that it breaks (I1 to I9). Empty: nothing. */
export function audit(evidence: Evidence): string[] {
  return [
    ...oneJobAStep(evidence),
    ...noJobLeft(evidence),
    ...oneVersionARun(evidence),
    ...gateAsMeasured(evidence),
    ...wholeOutputs(evidence),
    ...oneNotificationAnEnd(evidence),
    ...everyRunEnds(evidence),
    ...withinTheRates(evidence),
  ];
}

/** The run of a job is the last part of its name: `<pipeline>-<step>-<run id>[-<attempt>]`. */
const jobPattern = /^(?<stepKey>.+-[0-9a-f]{32})(?:-\d)?$/;
const compact = (runId: string) => runId.replaceAll('-', '');

const requestsIn = (ledger: readonly Entry[]) =>
  ledger.filter((entry): entry is RequestEntry => entry.event === 'request');
const transitionsIn = (ledger: readonly Entry[]) =>
  ledger.filter((entry): entry is TransitionEntry => entry.event === 'transition');
const isOver = (status: string) => ['Completed', 'Failed', 'Stopped'].includes(status);

/** I1: at most one live job of a run's step, and no more in all than the file allows. */
function oneJobAStep({ ledger, runs }: Evidence): string[] {
  const problems: string[] = [];
  const made = new Map<string, number>();
  const live = new Map<string, Set<string>>();
  for (const entry of ledger) {
    if (entry.event === 'request' && /^Create.*Job$/.test(entry.operation) && entry.committed) {
      const key = stepOf(entry.name);
      made.set(key, (made.get(key) ?? 0) + 1);
    }
    if (entry.event !== 'transition') continue;
    const key = stepOf(entry.name);
    const names = live.get(key) ?? new Set<string>();
    live.set(key, names);
    if (isOver(entry.status)) names.delete(entry.name);
    else names.add(entry.name);
    if (names.size > 1) problems.push(`I1: ${[...names].join(' and ')} ran at once`);
  }
  for (const [key, count] of made) {
    const run = runs.find(({ runId }) => key.endsWith(compact(runId)));
    if (run === undefined) problems.push(`I1: ${key} belongs to no run`);
    else if (count > run.jobsAllowed)
      problems.push(`I1: ${count} jobs of ${key}, where ${run.jobsAllowed} are allowed`);
  }
  return problems;
}

const stepOf = (name: string | null) => jobPattern.exec(name ?? '')?.groups?.stepKey ?? name ?? '';

/** I2: with all runs closed, every job is over. */
function noJobLeft({ ledger, runs }: Evidence): string[] {
  const last = new Map<string, string>();
  for (const { name, status } of transitionsIn(ledger)) last.set(name, status);
  const open = runs.filter(({ status }) => status === null).map(({ runId }) => compact(runId));
  return [...last]
    .filter(([name, status]) => !isOver(status) && !isForgotten(ledger, name))
    .filter(([name]) => !open.some((runId) => name.includes(runId)))
    .map(([name, status]) => `I2: ${name} is left ${status}`);
}

/** A job that the fault `vanish` took away has no end. */
const isForgotten = (ledger: readonly Entry[], name: string) =>
  requestsIn(ledger).some((entry) => entry.name === name && entry.faults.includes('vanish'));

/** I3: one version for each accepted run, none for any other. */
function oneVersionARun({ packages, runs }: Evidence): string[] {
  return runs.flatMap(({ runId, status }) => {
    const count = packages.filter((version) => version.runId === runId).length;
    const due = status === 'COMPLETED' ? 1 : 0;
    // A run that was cancelled or terminated may have been registered a moment before.
    if (count === due || (count === 1 && (status === 'CANCELED' || status === 'TERMINATED'))) return [];
    return [`I3: ${count} versions of ${runId}, which is ${status ?? 'open'}`];
  });
}

/** I4: the decision is that of the report and the threshold. */
function gateAsMeasured({ runs }: Evidence): string[] {
  return runs.flatMap(({ runId, status, code, metric, threshold, reported }) => {
    if (metric !== null && metric !== reported)
      return [`I4: ${runId} says ${metric}, its report ${reported}`];
    const isGood = reported <= threshold;
    if (status === 'COMPLETED' && !isGood) return [`I4: ${runId} passed with ${reported} > ${threshold}`];
    if (code === 'QualityGateRejected' && isGood)
      return [`I4: ${runId} was rejected with ${reported} ≤ ${threshold}`];
    return [];
  });
}

/** I5: what is there is whole. */
function wholeOutputs({ storage, runs }: Evidence): string[] {
  const problems = storage.unfinished.map(
    (key) => `I5: the upload of ${key} was neither completed nor aborted`,
  );
  for (const { key, damage } of storage.models) if (damage !== null) problems.push(`I5: ${key}: ${damage}`);
  for (const { runId, status } of runs) {
    if (status !== 'COMPLETED') continue;
    for (const path of ['model/model.tar.gz', 'transform/batch.csv.out']) {
      if (!storage.keys.some((key) => key.includes(runId) && key.endsWith(path)))
        problems.push(`I5: ${runId} was accepted without ${path}`);
    }
  }
  return problems;
}

/** I6: who is to be told of a rejection or a failure is told, under one key and of one thing; of nothing else. */
function oneNotificationAnEnd({ notifications, runs }: Evidence): string[] {
  return runs.flatMap(({ runId, status, code }) => {
    const told = new Set(
      notifications.filter(({ deduplicationKey }) => deduplicationKey === runId).map((one) => one.code),
    );
    if (status === 'FAILED')
      return told.size === 1 && told.has(code ?? '')
        ? []
        : [`I6: ${runId} failed with ${code}, told: ${[...told].join(', ') || 'nothing'}`];
    return status === 'COMPLETED' && told.size > 0
      ? [`I6: ${runId} was accepted, told: ${[...told].join(', ')}`]
      : [];
  });
}

/** I7. */
function everyRunEnds({ runs }: Evidence): string[] {
  return runs.filter(({ status }) => status === null).map(({ runId }) => `I7: ${runId} did not end`);
}

/** I9: in no window of SageMaker's time more calls than the bucket holds and fills, for each worker that there was. */
function withinTheRates({ ledger, rates, workers }: Evidence): string[] {
  const timesOf = (pattern: RegExp) =>
    requestsIn(ledger)
      .filter(({ operation }) => pattern.test(operation))
      .map(({ time }) => Date.parse(time) / 1000);
  return [
    ...overRate('Create', timesOf(/^Create.*Job$/), rates.create, workers),
    ...overRate('Describe', timesOf(/^Describe.*Job$/), rates.describe, workers),
  ];
}

const windows = [10, 60, 600];

function overRate(
  what: string,
  times: readonly number[],
  { perSecond, burst }: Rate,
  workers: number,
): string[] {
  return windows.flatMap((seconds) => {
    const allowed = seconds * perSecond + burst * workers;
    const most = mostWithin(times, seconds);
    return most > allowed
      ? [`I9: ${most} calls of ${what} within ${seconds} s, where ${allowed} are allowed`]
      : [];
  });
}

/** The fullest window that begins with a call. */
export function mostWithin(times: readonly number[], seconds: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while ((sorted[last] ?? 0) - (sorted[first] ?? 0) >= seconds) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
