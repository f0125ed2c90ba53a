import { randomBytes } from 'node:crypto';
import type { Json } from '../../src/core/expressions.ts';
import type { EmulatorFile } from '../../src/emulator/file.ts';
import type { FaultInput } from '../../src/emulator/faults.ts';
import type { Life, ScriptFile } from '../../src/emulator/script.ts';
import { modelArchive } from '../support/cloud-stage.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { seeded } from '../support/random.ts';

/** What a run is to come to, if no fault prevents it. */
const shares = {
  accepted: 40,
  /** With a model that S3 takes in parts. */
  large: 5,
  rejected: 10,
  undecidable: 4,
  failing: 8,
  cancelled: 13,
  /** Somebody terminates it, so that nobody is left who would stop its job but its watcher, or a sweep. */
  terminated: 6,
  /** Somebody resets it to one of the tasks that it has done, mostly while a job runs. */
  reset: 8,
  /** A person stops its training in the console. */
  stopped: 3,
  overdue: 3,
  /** Its jobs fail by faults of SageMaker, and others are tried. */
  retried: 8,
  spot: 6,
  /** It evaluates on this machine. */
  local: 4,
};
export type Sort = keyof typeof shares;

export interface PlannedRun {
  /** Of its pipeline. */
  name: string;
  sort: Sort;
  startsAfterMs: number;
  /** What somebody does to it, milliseconds after its start. */
  interference: { how: 'cancel' | 'terminate' | 'reset'; afterMs: number; dice: number } | null;
  pipeline: Record<string, Json>;
  threshold: number;
  /** Null: the report has no number. */
  reported: number | null;
  jobsAllowed: number;
  /** Those with a job of SageMaker, if it is accepted. */
  steps: readonly string[];
}

export interface FaultPlan {
  runs: readonly PlannedRun[];
  emulator: EmulatorFile;
}

const threshold = 7;
const steps = ['preprocess', 'train', 'evaluate', 'transform'] as const;
/** Begin so far apart, on average. */
const pauseMs = 900;

/** Everything that a seed decides before the first run begins. */
export async function planFaults(seed: number, count: number, webhook: string): Promise<FaultPlan> {
  const random = seeded(seed);
  const models = {
    small: (await modelArchive('model.joblib', 'a model')).toString('base64'),
    large: (await modelArchive('model.joblib', randomBytes(9_000_000).toString('base64'))).toString('base64'),
  };
  const planned = Array.from({ length: count }, (_, index) =>
    planRun(index, count * pauseMs, { random, models, webhook }),
  );
  return {
    runs: planned.map(({ run }) => run),
    emulator: {
      seed,
      jobs: planned.flatMap(({ jobs }) => jobs),
      limits: [
        { operation: 'Create*Job', perSecond: 1, burst: 3 },
        { operation: 'Describe*Job', perSecond: 10, burst: 15 },
      ],
      faults: steadyFaults,
    },
  };
}

/** What may meet any call at any time. */
export const steadyFaults: FaultInput[] = [
  { fault: 'throttle', probability: 0.02 },
  { fault: 'server-error', probability: 0.015 },
  { fault: 'server-error', when: 'after', probability: 0.02 },
  { fault: 'server-error', status: 503, probability: 0.01 },
  { fault: 'lost-request', probability: 0.01 },
  { fault: 'lost-response', probability: 0.02 },
  { fault: 'slow', seconds: 1, probability: 0.02 },
  { fault: 'slow', seconds: 5, probability: 0.004 },
  { fault: 'stale', transitions: 'any', probability: 0.05 },
  { fault: 'unknown-state', probability: 0.03 },
  { fault: 'unknown-state', status: 'Pondering', probability: 0.02 },
  { fault: 'interrupt', operation: 'DescribeTrainingJob', probability: 0.05 },
  { fault: 'capacity', probability: 0.01 },
  { fault: 'internal-failure', probability: 0.01 },
  { fault: 'quota', probability: 0.01 },
  { fault: 'vanish', probability: 0.001 },
  // Less than the minute that Sluice gives to what was made.
  { fault: 'not-yet', seconds: 50, probability: 0.04 },
  { fault: 'not-yet', seconds: 8, probability: 0.08 },
  { fault: 'not-yet', what: 'tags', seconds: 50, probability: 0.04 },
  // Of the seldom ones, one for certain.
  { fault: 'capacity', skip: 15, times: 1 },
  { fault: 'internal-failure', skip: 20, times: 1 },
  { fault: 'quota', skip: 25, times: 1 },
  { fault: 'vanish', skip: 100, times: 1 },
];

interface Draw {
  random: () => number;
  /** Archives, in base 64. */
  models: { small: string; large: string };
  webhook: string;
}

type Rules = NonNullable<ScriptFile['jobs']>;

function planRun(
  index: number,
  spanMs: number,
  { random, models, webhook }: Draw,
): { run: PlannedRun; jobs: Rules } {
  const sort = drawSort(random());
  // 16 characters of it stand in the names of jobs.
  const name = `f${String(index).padStart(3, '0')}-${sort}`;
  const step = steps[Math.floor(random() * steps.length)]!;
  const reported = reportOf(sort, random());
  const retries = sort === 'retried' ? 2 : 0;
  const changes = changesOf(sort);
  const run: PlannedRun = {
    name,
    sort,
    // Some together, as a schedule would start them.
    startsAfterMs: Math.floor((random() * spanMs) / 5000) * 5000 + (random() < 0.5 ? 0 : random() * 5000),
    interference: interferenceOf(sort, random(), random()),
    threshold,
    reported,
    jobsAllowed: 1 + 3 * retries,
    steps: sort === 'local' ? steps.filter((one) => one !== 'evaluate') : steps,
    pipeline: smallPipeline(
      { name },
      {
        preprocess: {
          script: 'preprocess.py',
          input: 'data.csv',
          outputs: ['train', 'test'],
          ...changes.job,
        },
        train: { script: 'train.py', ...changes.job, ...changes.train },
        evaluate: { script: 'evaluate.py', report: 'evaluation.json', ...changes.job, ...changes.evaluate },
        condition: { metric: 'metrics.mse', lessThanOrEqualTo: threshold },
        transform: { input: 'batch.csv', splitType: 'Line', ...changes.job },
        register: { group: 'faults' },
        notify: [{ webhook }],
      },
    ),
  };
  const report = `{"metrics": {"mse": ${reported ?? 'NaN'}}}`;
  const model = sort === 'large' ? models.large : models.small;
  return { run, jobs: scriptOf(run, step, report, model) };
}

function drawSort(dice: number): Sort {
  const all = Object.entries(shares) as [Sort, number][];
  let left = dice * all.reduce((sum, [, share]) => sum + share, 0);
  for (const [sort, share] of all) {
    left -= share;
    if (left < 0) return sort;
  }
  return 'accepted';
}

function interferenceOf(sort: Sort, dice: number, when: number): PlannedRun['interference'] {
  const afterMs = when * 40_000;
  switch (sort) {
    case 'cancelled':
      return { how: 'cancel', afterMs, dice };
    case 'terminated':
      return { how: 'terminate', afterMs, dice };
    case 'reset':
      return { how: 'reset', afterMs, dice };
    default:
      return null;
  }
}

/** What evaluation writes. Equal to the threshold at times. */
function reportOf(sort: Sort, dice: number): number | null {
  if (sort === 'undecidable') return null;
  // What `evaluate.py` of the suite counts.
  if (sort === 'local') return 1;
  const value = sort === 'rejected' ? 7.001 + dice * 20 : Math.min(threshold, dice * 8);
  return Number(value.toFixed(3));
}

function changesOf(sort: Sort): Partial<Record<'job' | 'train' | 'evaluate', Record<string, Json>>> {
  switch (sort) {
    case 'retried':
      return { job: { jobRetries: { capacity: 2, internal: 2, quota: 2, delaySeconds: 1 } } };
    case 'spot':
      return { train: { maxRuntimeSeconds: 3600, spot: { maxWaitSeconds: 7200 } } };
    case 'overdue':
      return { train: { maxRuntimeSeconds: 60 } };
    case 'local':
      return { evaluate: { executionMode: 'local' } };
    default:
      return {};
  }
}

/** In SageMaker's seconds. */
const times: Life = {
  startingSeconds: [2, 10],
  downloadingSeconds: [1, 5],
  runningSeconds: [2, 60],
  uploadingSeconds: [1, 5],
  stoppingSeconds: [1, 30],
};

function scriptOf(
  { name, sort }: PlannedRun,
  step: (typeof steps)[number],
  report: string,
  model: string,
): Rules {
  const text = (content: string) => ({ text: content });
  const writes: Record<(typeof steps)[number], Life['writes']> = {
    preprocess: { 'train/train.csv': text('1,2\n'), 'test/test.csv': text('3,4\n') },
    train: { 'output/model.tar.gz': { base64: model } },
    evaluate: { 'evaluation/evaluation.json': text(report) },
    transform: { 'batch.csv.out': text('1\n2\n3\n') },
  };
  const rules = steps.map((one) => {
    const change = one === 'train' ? trainingOf(sort) : {};
    const end = sort === 'failing' && one === step ? broken : {};
    return { job: `${name}-${one}-*`, life: { ...times, writes: writes[one], ...change, ...end } };
  });
  if (sort !== 'retried') return rules;
  const failures = ['CapacityError: no instances', 'InternalServerError: try again'];
  const first = failures.map((failureReason) => ({
    ...{ job: `${name}-${step}-*`, times: 1 },
    life: { ...times, end: 'Failed' as const, failureReason },
  }));
  return [...first, ...rules];
}

const broken: Life = { end: 'Failed', failureReason: 'AlgorithmError: ValueError: no column, exit code: 1' };

function trainingOf(sort: Sort): Life {
  switch (sort) {
    case 'cancelled':
    case 'terminated':
      return { runningSeconds: [20, 300] };
    case 'reset':
      return { runningSeconds: [20, 100] };
    case 'stopped':
      return { runningSeconds: 100_000 };
    case 'overdue':
      return { runningSeconds: 1000 };
    case 'spot':
      return { interruptions: [5], interruptedSeconds: [5, 20] };
    default:
      return {};
  }
}
