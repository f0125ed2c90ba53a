import { budgets, type AuditedRun, type Evidence, type Rate } from './evidence.ts';
import { compact, isOver, jobLives, requestsIn, type JobLife } from './job-lives.ts';

/** What is wrong, one line each, with the invariant that it breaks (I1 to I9). Empty: nothing. */
export function audit(evidence: Evidence): string[] {
  const jobs = jobLives(evidence.ledger);
  return [
    ...oneJobAStep(jobs, evidence),
    ...noJobLeft(jobs, evidence),
    ...oneVersionARun(evidence),
    ...gateAsMeasured(evidence),
    ...wholeOutputs(evidence),
    ...oneNotificationAnEnd(evidence),
    ...endedForAReason(jobs, evidence),
    ...replayed(evidence),
    ...withinTheRates(evidence),
  ];
}

const ofRun = (jobs: readonly JobLife[], { runId }: Pick<AuditedRun, 'runId'>) =>
  jobs.filter(({ stepKey }) => stepKey.endsWith(compact(runId)));
/** The run and those that it goes on for, oldest first. */
const familyOf = ({ before, runId }: AuditedRun) => [...before, runId];
const ofFamily = (jobs: readonly JobLife[], run: AuditedRun) =>
  jobs.filter(({ stepKey }) => familyOf(run).some((runId) => stepKey.endsWith(compact(runId))));

/** I1: at most one live job of a run's step, and no more in all than the file allows. */
function oneJobAStep(jobs: readonly JobLife[], { runs }: Evidence): string[] {
  const problems = jobs
    .filter(({ beside }) => beside.length > 0)
    .map(({ name, beside }) => `I1: ${name} was made while ${beside.join(' and ')} ran`);
  for (const stepKey of new Set(jobs.map((job) => job.stepKey))) {
    const run = runs.find(({ runId }) => stepKey.endsWith(compact(runId)));
    // Who finds a job gone that was there may make it anew, under its name.
    const count = jobs.filter((job) => job.stepKey === stepKey && !job.isGone).length;
    if (run === undefined) problems.push(`I1: ${stepKey} belongs to no run`);
    else if (count > run.jobsAllowed)
      problems.push(`I1: ${count} jobs of ${stepKey}, where ${run.jobsAllowed} are allowed`);
  }
  return problems;
}

/** I2: when a run is closed, its jobs are over. One that was terminated or reset is closed at once, and has them stopped. */
function noJobLeft(jobs: readonly JobLife[], { runs }: Evidence): string[] {
  return runs.flatMap((run) => {
    if (run.closedAt === null) return [];
    const closed = Date.parse(run.closedAt);
    return ofRun(jobs, run).flatMap((job) => {
      if (!isOver(job)) return [`I2: ${job.name} is left ${job.status}, its run ${run.status}`];
      const late = (Date.parse(job.since) - closed) / 1000;
      return late > 0 && !job.isGone && run.status !== 'TERMINATED'
        ? [`I2: ${job.name} was over ${late} s after its run was closed`]
        : [];
    });
  });
}

/** I3: one version for each accepted run, none for any other. */
function oneVersionARun({ packages, runs }: Evidence): string[] {
  return runs.flatMap((run) => {
    const { runId, status, wasCancelled } = run;
    const count = packages.filter((version) => version.runId === runId).length;
    const isMadeBefore = packages.some((version) => run.before.includes(version.runId));
    const due = status === 'COMPLETED' && !(count === 0 && isMadeBefore) ? 1 : 0;
    // A run that was cancelled or terminated may have been registered a moment before.
    if (count === due || (count === 1 && wasCancelled)) return [];
    return [`I3: ${count} versions of ${runId}, which is ${status ?? 'open'}`];
  });
}

/** I4: the decision is that of the report and the threshold. */
function gateAsMeasured({ runs }: Evidence): string[] {
  return runs.flatMap(({ runId, status, code, metric, threshold, reported }) => {
    if (metric !== null && metric !== reported)
      return [`I4: ${runId} says ${metric}, its report ${reported}`];
    const decision =
      reported === null ? 'undecidable' : reported <= threshold ? 'accepted' : ('rejected' as const);
    const taken = status === 'COMPLETED' ? 'accepted' : (verdicts[code ?? ''] ?? decision);
    return taken === decision
      ? []
      : [`I4: ${runId} was ${taken}, its report says ${reported}, its threshold is ${threshold}`];
  });
}

const verdicts: Readonly<Record<string, string>> = {
  QualityGateRejected: 'rejected',
  QualityGateUndecidable: 'undecidable',
};

/** I5: what is there is whole. */
function wholeOutputs({ storage, runs, killed }: Evidence): string[] {
  const problems = storage.unfinished
    // Whoever did not hear that an upload was begun cannot abort it: it has no parts, and costs nothing.
    .filter(({ parts }) => parts > 0)
    .filter(({ by }) => by === null || !killed.has(by))
    .map(({ key }) => `I5: the upload of ${key} was neither completed nor aborted`);
  for (const { key, damage } of storage.models) if (damage !== null) problems.push(`I5: ${key}: ${damage}`);
  for (const { key, sha256 } of storage.uploads)
    if (!key.includes(`/${sha256}`)) problems.push(`I5: ${key} has the hash ${sha256}`);
  for (const run of runs) {
    if (run.status !== 'COMPLETED') continue;
    const isOurs = (key: string) => familyOf(run).some((runId) => key.includes(runId));
    for (const [what, pattern] of promised) {
      if (!storage.keys.some((key) => isOurs(key) && pattern.test(key)))
        problems.push(`I5: ${run.runId} was accepted without ${what}`);
    }
  }
  return problems;
}

/** Each job of a step has a folder of its own. */
const promised = [
  ['its model', /\/model\/model\.tar\.gz$/],
  ['its predictions', /\/transform(-\d)?\/batch\.csv\.out$/],
] as const;

/** I6: who is to be told of a rejection or a failure is told, under one key and of one thing; of nothing else. */
function oneNotificationAnEnd({ notifications, runs }: Evidence): string[] {
  const toldOf = (runIds: readonly string[]) =>
    new Set(
      notifications
        .filter((one) => runIds.includes(one.deduplicationKey) && one.code !== null)
        .map((one) => one.code),
    );
  return runs.flatMap(({ runId, before, status, code, wasCancelled }) => {
    const told = toldOf([runId]);
    const due = status === 'FAILED' ? [code] : [];
    if (told.size === due.length && due.every((one) => told.has(one))) return [];
    // It was about to be told when the run was reset.
    if (told.size === 0 && due.every((one) => toldOf(before).has(one))) return [];
    // Its end overtook what it was about to tell.
    if (wasCancelled && told.size <= 1) return [];
    return [`I6: ${runId} is ${status} with ${code}, told: ${[...told].join(', ') || 'nothing'}`];
  });
}

/** I7: each run ends, and as its jobs do: neither green nor red without them. */
function endedForAReason(jobs: readonly JobLife[], evidence: Evidence): string[] {
  return evidence.runs.flatMap((run) => {
    const { runId, status, code, steps, wasCancelled } = run;
    const own = ofFamily(jobs, run);
    switch (status) {
      case null:
        return [`I7: ${runId} did not end`];
      case 'COMPLETED':
        return steps
          .filter((step) => own.findLast(({ stepKey }) => isOf(stepKey, step))?.status !== 'Completed')
          .map((step) => `I7: ${runId} was accepted, and its job of ${step} did not complete`);
      case 'CANCELED':
      case 'TERMINATED':
        return wasCancelled ? [] : [`I7: ${runId} is ${status}, and nobody asked for that`];
      case 'FAILED':
        return isExplained(run, own, evidence)
          ? []
          : [`I7: ${runId} failed with ${code}, for which the world gives no reason`];
    }
  });
}

const isOf = (stepKey: string, step: string) => stepKey.includes(`-${step}-`);

function isExplained(run: AuditedRun, jobs: readonly JobLife[], { ledger, operator }: Evidence): boolean {
  const { code } = run;
  const failedFor = (...prefixes: string[]) =>
    jobs.some(({ status, reason }) => status === 'Failed' && prefixes.some((one) => reason?.startsWith(one)));
  const calls = () =>
    requestsIn(ledger).filter(({ name }) => familyOf(run).some((runId) => name?.includes(compact(runId))));
  switch (code) {
    case 'QualityGateRejected':
    case 'QualityGateUndecidable':
      return jobs.some(({ stepKey, status }) => isOf(stepKey, 'train') && status === 'Completed');
    case 'QuotaExceeded':
      return calls().some(({ error }) => error?.code === 'ResourceLimitExceeded');
    case 'JobFailed':
      return failedFor('AlgorithmError', 'ClientError');
    case 'CapacityUnavailable':
      return failedFor('CapacityError');
    case 'JobInternalError':
      return failedFor('InternalServerError');
    case 'JobTimedOut':
      return jobs.some(({ secondaryStatus }) => secondaryStatus === 'MaxRuntimeExceeded');
    case 'JobInterrupted':
      return jobs.some(({ secondaryStatus }) => secondaryStatus === 'MaxWaitTimeExceeded');
    case 'JobLost':
      return jobs.some(({ isGone }) => isGone);
    case 'JobStopped':
      return calls().some(
        ({ operation, accessKey }) => operation.startsWith('Stop') && accessKey === operator,
      );
    default:
      return false;
  }
}

/** I8. */
function replayed({ runs }: Evidence): string[] {
  return runs.flatMap(({ runId, replayProblem }) =>
    replayProblem === null ? [] : [`I8: the history of ${runId} does not replay: ${replayProblem}`],
  );
}

/** I9: in no window of time more calls of a worker than its buckets hold and fill, and no list is read where a name would do. */
function withinTheRates({ ledger, rates, speed, workers, operator, sweeper }: Evidence): string[] {
  const calls = requestsIn(ledger).filter(
    ({ service, accessKey }) => service === 'sagemaker' && accessKey !== operator && accessKey !== sweeper,
  );
  const lists = calls.filter(({ operation }) => /^List(?!Tags)/.test(operation));
  const callers = new Set(calls.map(({ userAgent }) => nameIn(userAgent)));
  return [
    ...lists.map(({ operation }) => `I9: ${operation} was asked for`),
    ...[...callers]
      .filter((caller) => !workers.includes(caller))
      .map((caller) => `I9: ${caller} asked, and is no worker`),
    ...[...callers].flatMap((caller) =>
      (Object.keys(budgets) as (keyof typeof budgets)[]).flatMap((name) => {
        const times = calls
          .filter(({ userAgent, operation }) => nameIn(userAgent) === caller && budgets[name].test(operation))
          .flatMap(({ signedAt }) => (signedAt === null ? [] : [Date.parse(signedAt) / 1000]));
        const { perSecond, burst } = rates[name];
        return overRate(`the budget "${name}" of ${caller}`, times, { perSecond: perSecond * speed, burst });
      }),
    ),
  ];
}

/** What a worker is called is its `AWS_SDK_UA_APP_ID`. */
const nameIn = (userAgent: string | null) => /\bapp\/(\S+)/.exec(userAgent ?? '')?.[1] ?? 'somebody';

/** Real seconds. Signatures have whole seconds, so that a window may hold the calls of one second more. */
const windows = [5, 30, 120];

function overRate(what: string, times: readonly number[], { perSecond, burst }: Rate): string[] {
  return windows.flatMap((seconds) => {
    const allowed = (seconds + 1) * perSecond + burst;
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
