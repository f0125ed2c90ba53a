import { fileURLToPath } from 'node:url';
import { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SweepReport, SweptJob } from '../../src/core/sweep.ts';
import { startTemporal } from '../support/temporal.ts';

let temporal: TestWorkflowEnvironment;
beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.teardown());

const job = (name: string, action: SweptJob['action']): SweptJob => ({
  kind: 'Training',
  name,
  arn: `arn:aws:sagemaker:us-east-1:123456789012:training-job/${name}`,
  pipeline: 'small',
  workflowId: 'run-1',
  runId: 'r',
  run: 'closed',
  action,
  status: action === 'failed' ? 'InProgress' : 'Stopped',
});

async function sweep(jobs: SweptJob[]): Promise<SweepReport> {
  const report = {
    region: 'us-east-1',
    accountId: '123456789012',
    namespace: 'default',
    dryRun: false,
    jobs,
  };
  const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    taskQueue: 'sweeps',
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') }),
    activities: { sweepJobs: () => Promise.resolve({ ...report, inProgress: jobs.length }) },
  });
  return worker.runUntil(
    temporal.client.workflow.execute('sweep', {
      taskQueue: 'sweeps',
      workflowId: `sweep-${jobs.length}`,
      args: [],
    }),
  );
}

it('tells which jobs it stopped', async () => {
  expect((await sweep([job('a', 'stopped')])).jobs).toMatchObject([{ name: 'a', action: 'stopped' }]);
});

it('fails when a job could not be stopped, for it goes on costing', async () => {
  const error: unknown = await sweep([job('a', 'stopped'), job('b', 'failed')]).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause).toMatchObject({
    type: 'ServiceUnavailable',
    message: expect.stringContaining('could not be stopped: b'),
    details: [{ jobs: [{ name: 'a' }, { name: 'b' }] }],
  });
});
