import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/emulator/ledger.ts';
import { audit, mostWithin, type AuditedRun, type Evidence } from './auditor.ts';

const runId = '0f8c3c1e-5f0a-4c0e-9d3a-7c1b2e4d6f80';
const id = runId.replaceAll('-', '');
const train = `small-train-${id}`;

const good: AuditedRun = {
  runId,
  status: 'COMPLETED',
  code: null,
  metric: 6,
  threshold: 7,
  reported: 6,
  jobsAllowed: 1,
};

let seq = 0;
const time = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString();
const created = (name: string, seconds = 0): Entry => ({
  event: 'request',
  seq: ++seq,
  time: time(seconds),
  service: 'sagemaker',
  operation: 'CreateTrainingJob',
  name,
  input: {},
  region: 'us-east-1',
  accessKey: null,
  requestId: `${seq}`,
  status: 200,
  error: null,
  committed: true,
  faults: [],
  realTime: 0,
});
const became = (name: string, status: string): Entry => ({
  event: 'transition',
  seq: ++seq,
  time: time(0),
  kind: 'Training',
  name,
  region: 'us-east-1',
  status,
  secondaryStatus: status,
  reason: null,
});

const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  ledger: [created(train), became(train, 'InProgress'), became(train, 'Completed')],
  packages: [{ group: 'small', version: 1, runId }],
  runs: [good],
  notifications: [],
  storage: {
    keys: [
      `sluice/runs/small/${runId}/model/model.tar.gz`,
      `sluice/runs/small/${runId}/transform/batch.csv.out`,
    ],
    models: [{ key: 'model.tar.gz', damage: null }],
    unfinished: [],
  },
  rates: { create: { perSecond: 1, burst: 1 }, describe: { perSecond: 10, burst: 10 } },
  workers: 1,
  ...changes,
});
const changed = (change: Partial<AuditedRun>): Partial<Evidence> => ({ runs: [{ ...good, ...change }] });
const failed: Partial<AuditedRun> = { status: 'FAILED', code: 'JobFailed' };
const told = (code: string) => ({ deduplicationKey: runId, code });

describe('the auditor', () => {
  it('finds nothing wrong with a good run', () => {
    expect(audit(evidence())).toEqual([]);
  });

  it.each<[string, Partial<Evidence>]>([
    ['I1: 2 jobs', { ledger: [created(train), created(train)] }],
    ['I1: 2 jobs', { ledger: [created(train), created(`${train}-2`)] }],
    ['ran at once', { ledger: [became(train, 'InProgress'), became(`${train}-2`, 'InProgress')] }],
    ['belongs to no run', { ledger: [created('small-train-00000000000000000000000000000000')] }],
    ['I2', { ledger: [became(train, 'InProgress')] }],
    ['I2', { ledger: [became(train, 'Stopping')] }],
    ['I3: 2 versions', { packages: [1, 2].map((version) => ({ group: 'small', version, runId })) }],
    ['I3: 0 versions', { packages: [] }],
    ['I3: 1 versions', { ...changed(failed), notifications: [told('JobFailed')] }],
    ['I4', changed({ threshold: 5 })],
    ['I4', changed({ metric: 5 })],
    ['I4', { ...changed({ status: 'FAILED', code: 'QualityGateRejected' }) }],
    ['I5', { storage: { ...evidence().storage, models: [{ key: 'm', damage: 'unexpected end of file' }] } }],
    ['I5', { storage: { ...evidence().storage, unfinished: ['m'] } }],
    ['I5', { storage: { ...evidence().storage, keys: [] } }],
    ['I6', { ...changed(failed), packages: [] }],
    ['I6', { ...changed(failed), packages: [], notifications: [told('JobStopped')] }],
    ['I6', { notifications: [told('JobFailed')] }],
    ['I7', { ...changed({ status: null }), packages: [] }],
    ['I9', { ledger: Array.from({ length: 12 }, (_, at) => created(`a-${at}`, at / 2)) }],
  ])('says %s of %j', (problem, changes) => {
    expect(audit(evidence(changes)).join('\n')).toContain(problem);
  });

  it('lets a job that a fault took away have no end', () => {
    const vanished = {
      ...created(train),
      operation: 'DescribeTrainingJob',
      committed: false,
      faults: ['vanish'],
    };
    const ledger = [became(train, 'InProgress'), vanished as Entry];
    expect(audit(evidence({ ledger }))).toEqual([]);
  });

  it('counts the fullest window', () => {
    expect(mostWithin([0, 1, 2, 9.9, 10, 19], 10)).toBe(4);
    expect(mostWithin([], 10)).toBe(0);
  });
});
