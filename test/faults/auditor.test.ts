import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/emulator/ledger.ts';
import { audit, mostWithin } from './auditor.ts';
import type { AuditedRun, Evidence } from './evidence.ts';

const runId = '0f8c3c1e-5f0a-4c0e-9d3a-7c1b2e4d6f80';
const id = runId.replaceAll('-', '');
const train = `small-train-${id}`;

const time = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString();
const good: AuditedRun = {
  runId,
  before: [],
  status: 'COMPLETED',
  closedAt: time(100),
  wasCancelled: false,
  code: null,
  metric: 6,
  threshold: 7,
  reported: 6,
  jobsAllowed: 1,
  steps: ['train'],
  replayProblem: null,
};

let seq = 0;
const asked = (operation: string, name: string | null, seconds = 0, changes: object = {}): Entry => ({
  event: 'request',
  seq: ++seq,
  time: time(seconds),
  service: 'sagemaker',
  operation,
  name,
  input: {},
  region: 'us-east-1',
  accessKey: 'WORKER',
  userAgent: 'aws-sdk-js/3 app/worker-1',
  requestId: `${seq}`,
  status: 200,
  error: null,
  committed: false,
  faults: [],
  realTime: 0,
  signedAt: time(seconds),
  ...changes,
});
const created = (name: string, seconds = 0) => asked('CreateTrainingJob', name, seconds, { committed: true });
const became = (name: string, status: string, reason: string | null = null, seconds = 0): Entry => ({
  event: 'transition',
  seq: ++seq,
  time: time(seconds),
  kind: 'Training',
  name,
  region: 'us-east-1',
  status,
  secondaryStatus: status,
  reason,
});
const whole = [created(train), became(train, 'InProgress'), became(train, 'Completed')];

const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  ledger: whole,
  packages: [{ group: 'small', version: 1, runId }],
  runs: [good],
  notifications: [],
  storage: {
    keys: [
      `sluice/runs/small/${runId}/model/model.tar.gz`,
      `sluice/runs/small/${runId}/transform/batch.csv.out`,
    ],
    models: [{ key: 'model.tar.gz', damage: null }],
    uploads: [
      { key: `sluice/uploads/${'ab'.repeat(32)}`, sha256: 'ab'.repeat(32) },
      { key: `sluice/code/${'cd'.repeat(32)}/source`, sha256: 'cd'.repeat(32) },
    ],
    unfinished: [],
  },
  rates: {
    create: { perSecond: 1, burst: 1 },
    describe: { perSecond: 10, burst: 10 },
    registry: { perSecond: 4, burst: 4 },
    others: { perSecond: 4, burst: 4 },
  },
  speed: 1,
  workers: ['worker-1', 'worker-2'],
  killed: new Set<string>(),
  operator: 'OPERATOR',
  sweeper: 'SWEEPER',
  ...changes,
});
const changed = (change: Partial<AuditedRun>): Partial<Evidence> => ({ runs: [{ ...good, ...change }] });
const told = (code: string | null) => ({ deduplicationKey: runId, code });
/** A run that failed as it should: nothing is wrong with it. */
const failed = (code: string, changes: Partial<Evidence> = {}): Partial<Evidence> => ({
  ...changed({ status: 'FAILED', code, metric: null }),
  packages: [],
  notifications: [told(code)],
  ...changes,
});
const storage = (change: Partial<Evidence['storage']>): Partial<Evidence> => ({
  storage: { ...evidence().storage, ...change },
});
const unfinished = [{ key: 'm', parts: 1, by: 'worker-1' }];
const unheard = [{ key: 'm', parts: 0, by: null }];
const oldRunId = '11111111-2222-4333-8444-555555555555';
const oldTrain = `small-train-${oldRunId.replaceAll('-', '')}`;
/** A run that was reset after its training; the other one goes on for it. */
const reset = (changes: Partial<AuditedRun> = {}, oldChanges: Partial<AuditedRun> = {}) => ({
  runs: [
    {
      ...good,
      runId: oldRunId,
      status: 'TERMINATED' as const,
      wasCancelled: true,
      metric: null,
      ...oldChanges,
    },
    { ...good, before: [oldRunId], ...changes },
  ],
});
const trainedBefore = [created(oldTrain), became(oldTrain, 'Completed')];
const reason = (words: string) => [...whole.slice(0, 2), became(train, 'Failed', words)];
const broke = reason('AlgorithmError: exit code: 1');
const vanished = asked('DescribeTrainingJob', train, 1, { faults: ['vanish'] });
const often = (operation: string, count: number, changes: object = {}) => ({
  ledger: [...whole, ...times(operation, count, changes)],
});
const times = (operation: string, count: number, changes: object = {}) =>
  Array.from({ length: count }, () => asked(operation, null, 1, changes));
const another = { userAgent: 'aws-sdk-js/3 app/worker-2' };
/** All that there were, one after the other. */
const thirty = Array.from({ length: 30 }, (_, index) => `worker-${index + 1}`);

describe('the auditor', () => {
  it('finds nothing wrong with a good run', () => {
    expect(audit(evidence())).toEqual([]);
  });

  it.each<[string, Partial<Evidence>]>([
    ['a job that failed', failed('JobFailed', { ledger: broke })],
    [
      'a full quota',
      failed(
        'QuotaExceeded',
        often('CreateTrainingJob', 1, { name: train, error: { code: 'ResourceLimitExceeded', message: '' } }),
      ),
    ],
    [
      'a job stopped by hand',
      failed('JobStopped', often('StopTrainingJob', 1, { name: train, accessKey: 'OPERATOR' })),
    ],
    ['a job that a fault took away', failed('JobLost', { ledger: [created(train), vanished] })],
    ['one that is made anew then', { ledger: [created(train), vanished, ...whole] }],
    [
      'a run that was told to end',
      { ...changed({ status: 'CANCELED', wasCancelled: true, metric: null }), packages: [] },
    ],
    ['an upload of which nobody heard that it was begun', storage({ unfinished: unheard })],
    ['an upload that a killed worker began', { ...storage({ unfinished }), killed: new Set(['worker-1']) }],
    [
      'a run that was terminated, whose job is stopped afterwards',
      {
        ...changed({ status: 'TERMINATED', wasCancelled: true, metric: null }),
        packages: [],
        ledger: [created(train), became(train, 'Stopped', null, 120)],
      },
    ],
    ['a run that was reset after its training', { ...reset(), ledger: trainedBefore }],
    [
      'a run that was reset in mid-job',
      { ...reset(), ledger: [created(oldTrain), became(oldTrain, 'Stopped', null, 110), ...whole] },
    ],
    [
      'a run that was reset while it was registered',
      { ...reset(), ledger: trainedBefore, packages: [{ group: 'small', version: 1, runId: oldRunId }] },
    ],
    [
      'two workers, each within its budget',
      {
        ledger: [...whole, ...times('DescribeTrainingJob', 70), ...times('DescribeTrainingJob', 70, another)],
      },
    ],
    ['a sweep that reads lists', often('ListTrainingJobs', 5, { accessKey: 'SWEEPER' })],
    ['being told that a run was accepted', { notifications: [told(null), told(null)] }],
    [
      'being told twice',
      failed('JobFailed', { ledger: broke, notifications: [told('JobFailed'), told('JobFailed')] }),
    ],
  ])('finds nothing wrong with %s', (_what, changes) => {
    expect(audit(evidence(changes))).toEqual([]);
  });

  it.each<[string, Partial<Evidence>]>([
    ['I1: 2 jobs', { ledger: [...whole, ...whole] }],
    ['I1: 2 jobs', { ledger: [...whole, created(`${train}-2`), became(`${train}-2`, 'Completed')] }],
    ['was made while', { ledger: [created(train), created(`${train}-2`)] }],
    ['belongs to no run', { ledger: [...whole, created('small-train-00000000000000000000000000000000')] }],
    ['I2', { ledger: [created(train)] }],
    ['I2', { ledger: [created(train), became(train, 'Stopping')] }],
    ['I2', { ledger: [created(train), became(train, 'Completed', null, 101)] }],
    [
      'I2',
      {
        ...changed({ status: 'TERMINATED', wasCancelled: true, metric: null }),
        packages: [],
        ledger: [created(train), became(train, 'Stopping')],
      },
    ],
    ['I2', { ...reset(), ledger: [created(oldTrain), ...whole] }],
    ['I3: 0 versions', { ...reset(), ledger: trainedBefore, packages: [] }],
    ['I7', { ...reset(), ledger: [created(oldTrain), became(oldTrain, 'Stopped')] }],
    ['I7', { ...changed({ status: 'TERMINATED' }), packages: [] }],
    ['I3: 2 versions', { packages: [1, 2].map((version) => ({ group: 'small', version, runId })) }],
    ['I3: 0 versions', { packages: [] }],
    ['I3: 1 versions', failed('JobFailed', { ledger: broke, packages: evidence().packages })],
    ['I4', changed({ threshold: 5 })],
    ['I4', changed({ metric: 5 })],
    ['I4', changed({ reported: null, metric: null })],
    ['I4', failed('QualityGateRejected')],
    ['I4', failed('QualityGateUndecidable')],
    ['I5', storage({ models: [{ key: 'm', damage: 'unexpected end of file' }] })],
    [
      'I5: sluice/uploads/abab',
      storage({ uploads: [{ ...evidence().storage.uploads[0]!, sha256: 'ef'.repeat(32) }] }),
    ],
    ['I5', storage({ unfinished })],
    ['I5', { ...storage({ unfinished }), killed: new Set(['worker-2']) }],
    ['I5', { ...storage({ unfinished: [{ ...unfinished[0]!, by: null }] }), killed: new Set(['worker-1']) }],
    ['I5', storage({ keys: [] })],
    ['I6', failed('JobFailed', { ledger: broke, notifications: [] })],
    ['I6', failed('JobFailed', { ledger: broke, notifications: [told('JobStopped')] })],
    ['I6', failed('JobFailed', { ledger: broke, notifications: [told('JobFailed'), told('JobStopped')] })],
    ['I6', { notifications: [told('JobFailed')] }],
    ['I7', { ...changed({ status: null, closedAt: null }), packages: [] }],
    ['I7', { ...changed({ status: 'CANCELED' }), packages: [] }],
    ['I7', { ledger: broke }],
    ['I7', failed('JobFailed')],
    ['I7', failed('JobStopped')],
    ['I7', failed('ServiceUnavailable')],
    ['I8', changed({ replayProblem: 'no such timer' })],
    ['I9', often('CreateTrainingJob', 8)],
    ['I9', often('DescribeTrainingJob', 71)],
    ['I9', { ...often('DescribeTrainingJob', 71), workers: thirty }],
    ['I9', often('CreateModel', 29)],
    ['I9', often('StopTrainingJob', 29)],
    ['I9: somebody asked', often('DescribeTrainingJob', 1, { userAgent: null })],
    ['I9: worker-3 asked', often('DescribeTrainingJob', 1, { userAgent: 'app/worker-3' })],
    ['I9', often('ListTrainingJobs', 1)],
  ])('says %s of %j', (problem, changes) => {
    expect(audit(evidence(changes)).join('\n')).toContain(problem);
  });

  it('counts the fullest window', () => {
    expect(mostWithin([0, 1, 2, 9.9, 10, 19], 10)).toBe(4);
    expect(mostWithin([], 10)).toBe(0);
  });
});
