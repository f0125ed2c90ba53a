import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RetrainingState } from '../../src/core/retraining.ts';
import { createRoot, type Root } from '../cli/fixtures.ts';
import { command, sluice } from '../support/commands.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { temporalCli } from '../support/toolchain.ts';
import { until } from '../support/until.ts';

let root: Root;
let stage: Stage;
beforeAll(async () => {
  root = createRoot();
  stage = await openStage('retraining', { root: root.path });
  await stage.startWorker({ SLUICE_LOCAL_SLOTS: '4' });
});
afterAll(async () => {
  await stage.close();
  await root.remove();
});

const handle = (id: string) => stage.client.workflow.getHandle(id);
const state = (id: string) => handle(id).query<RetrainingState>('status');
/** Waits until the list has so many runs: it is a little behind. */
const hasRuns = (id: string, expected: number) =>
  until(async () => {
    const query = `WorkflowType="trainingPipeline" AND WorkflowId STARTS_WITH "${id}-"`;
    return (await stage.client.workflow.count(query)).count === expected;
  });

async function retrain(file: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await sluice(['retrain', file, ...options], stage.env);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}

it('starts one run for an alarm that flaps, and a second one for what happens meanwhile', async () => {
  const file = root.pipeline({ register: undefined }, { name: 'flapping' });
  const id = 'retrain-flapping';
  await retrain(file, '--reason', 'drift of length', '--minimum-interval', '1h');
  const request = {
    reason: 'drift of length',
    minimumIntervalSeconds: 3600,
    run: { pipeline: 'pipeline.json' },
  };
  // As an alarm does it, without the command.
  for (let time = 0; time < 20; time++)
    await stage.client.workflow.signalWithStart('retraining', {
      taskQueue: 'sluice',
      workflowId: id,
      signal: 'retrain',
      signalArgs: [request],
    });
  await until(async () => (await state(id)).runs.length === 1);
  expect(await state(id)).toMatchObject({
    waiting: null,
    duplicates: 20,
    runs: [{ reasons: ['drift of length'], outcome: 'accepted' }],
  });
  await hasRuns(id, 1);
  const [run] = (await state(id)).runs;
  expect((await handle(run!.workflowId).describe()).memo).toEqual({ reasons: ['drift of length'] });

  await retrain(file, '--reason', 'data of today', '--minimum-interval', '1s');
  await until(async () => (await state(id)).runs.length === 2);
  await hasRuns(id, 2);
});

it('knows an event by its key, whatever its reason says', async () => {
  const file = root.pipeline({ register: undefined }, { name: 'keyed' });
  const ask = (reason: string, key: string, interval: string) =>
    retrain(file, '--reason', reason, '--key', key, '--minimum-interval', interval);
  await ask('data of the 28th', 's3://lake/dt=28', '1h');
  await ask('the same data, told again', 's3://lake/dt=28', '1h');
  await until(async () => (await state('retrain-keyed')).duplicates === 1);
  await ask('data of the 28th', 's3://lake/dt=29', '1s');
  await until(async () => (await state('retrain-keyed')).runs.length === 2);
  expect((await state('retrain-keyed')).runs.map(({ reasons }) => reasons)).toEqual([
    ['data of the 28th'],
    ['data of the 28th'],
  ]);
});

it('ends when the interval has passed, and takes the same event for a new one then', async () => {
  const file = root.pipeline({ register: undefined }, { name: 'quiet' });
  const options = ['--reason', 'drift', '--minimum-interval', '2s'];
  for (const runs of [1, 2]) {
    await retrain(file, ...options);
    const ended = (await handle('retrain-quiet').result()) as RetrainingState;
    expect(ended.runs.map(({ outcome }) => outcome)).toEqual(['accepted']);
    await hasRuns('retrain-quiet', runs);
  }
});

it('is asked by the Temporal CLI, tells of a rejected run, and refuses what is no request', async () => {
  root.pipeline(
    { register: undefined, condition: { metric: 'metrics.mse', lessThan: 1 } },
    { name: 'small', parameters: {} },
  );
  const ask = (id: string, request: object) =>
    command(
      temporalCli(),
      [
        ...[
          'workflow',
          'signal-with-start',
          '--type',
          'retraining',
          '--task-queue',
          'sluice',
          '--workflow-id',
          id,
        ],
        ...['--signal-name', 'retrain', '--signal-input', JSON.stringify(request)],
      ],
      stage.env,
    );
  const run = { pipeline: 'pipeline.json' };
  expect(await ask('by-hand', { reason: 'drift', minimumIntervalSeconds: 1, run })).toMatchObject({
    code: 0,
  });
  expect(await handle('by-hand').result()).toMatchObject({ runs: [{ outcome: 'rejected' }] });

  expect(await ask('bad', { run })).toMatchObject({ code: 0 });
  const error = await handle('bad')
    .result()
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause).toMatchObject({
    type: 'InvalidInput',
    message: expect.stringContaining('reason: is missing'),
  });
});

it('is asked, but not heard, while no worker answers', async () => {
  const file = root.pipeline({ register: undefined }, { name: 'unheard' });
  const options = ['retrain', file, '--reason', 'drift', '--json'];
  const { code, stdout, stderr } = await sluice(options, { ...stage.env, SLUICE_TASK_QUEUE: 'nobody' });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual({ workflowId: 'retrain-unheard' });
  expect(stderr).toContain('no worker has answered');
}, 60_000);

it('stops its run when it is cancelled', async () => {
  const file = root.pipeline({ train: 'sleep 600', register: undefined }, { name: 'stopped' });
  await retrain(file, '--reason', 'drift');
  await until(
    () => root.ledgerLines().filter((line) => line === 'train').length > 4 || root.jobProcesses().length > 0,
  );
  await handle('retrain-stopped').cancel();
  await expect(handle('retrain-stopped').result()).rejects.toThrow();
  expect((await handle('retrain-stopped').describe()).status.name).toBe('CANCELLED');
  await until(() => root.jobProcesses().length === 0);
});
