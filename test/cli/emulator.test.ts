import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Entry } from '../../src/emulator/ledger.ts';
import { ask, trainingJob } from '../emulator/client.ts';
import { until } from '../support/until.ts';
import { createRoot, type Root } from './fixtures.ts';

let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

it('sluice emulator does as its script says, for the account and as fast as it was told, and keeps a ledger', async () => {
  const script = root.write(
    'script.json',
    JSON.stringify({
      jobs: [{ job: 'job-*', life: { end: 'Failed', failureReason: 'AlgorithmError: no' } }],
      faults: [{ fault: 'quota', operation: 'CreateTrainingJob', times: 1 }],
    }),
  );
  const ledger = join(root.path, 'emulator.jsonl');
  const files = ['--script', script, '--ledger', ledger];
  const emulator = root.start(['emulator', ...files, '--speed', '3600', '--account', '210987654321']);
  await until(() => emulator.stdout().includes('SageMaker emulator at'));
  const endpoint = /at (http:\S+):/.exec(emulator.stdout())![1]!;

  expect(await (await fetch(`${endpoint}/_emulator/clock`)).json()).toMatchObject({ speed: 3600 });
  const create = () => ask(endpoint, 'CreateTrainingJob', trainingJob('job-1'));
  expect((await create()).body.__type).toBe('ResourceLimitExceeded');
  expect((await create()).body).toEqual({
    TrainingJobArn: 'arn:aws:sagemaker:eu-west-1:210987654321:training-job/job-1',
  });
  const find = async () => (await ask(endpoint, 'DescribeTrainingJob', { TrainingJobName: 'job-1' })).body;
  await until(async () => (await find()).TrainingJobStatus === 'Failed');
  expect(await find()).toMatchObject({ FailureReason: 'AlgorithmError: no' });

  emulator.signal('SIGINT');
  expect((await emulator.ended).code).toBe(0);
  const entries = readFileSync(ledger, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
  const calls = entries.filter((entry) => entry.event === 'request');
  expect(calls.slice(0, 2)).toMatchObject([
    { operation: 'CreateTrainingJob', faults: ['quota'], committed: false },
    { operation: 'CreateTrainingJob', faults: [], committed: true },
  ]);
  expect(entries).toContainEqual(expect.objectContaining({ event: 'transition', status: 'Failed' }));
});
