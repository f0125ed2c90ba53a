import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { CancelledFailure, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { sluice } from '../support/commands.ts';
import { hasSeenCancellation, hasTimedOut } from '../support/history-events.ts';
import { processesIn, processesWith } from '../support/processes.ts';
import {
  makeShellRoot,
  sleepers,
  uniqueSeconds,
  type ShellRoot,
  type trainScripts,
} from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { until } from '../support/until.ts';

describe.skipIf(process.platform !== 'linux')('a run that is ended from outside', () => {
  let stage: Stage;
  let root: ShellRoot;
  let worker: Running;
  beforeAll(async () => {
    stage = await openStage('cancel');
    root = await makeShellRoot(stage.folder);
    worker = await stage.startWorker();
  });
  afterAll(() => stage.close());

  const start = async (
    train: keyof typeof trainScripts,
    more: Record<string, Json> = {},
    graceSeconds?: number,
  ) => {
    const marker = uniqueSeconds(3600);
    const handle: WorkflowHandle = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `cancel-${randomUUID()}`,
      args: [{ pipeline: root.pipeline(train, marker, more, graceSeconds) }],
    });
    return { marker, handle };
  };

  /** A run whose training is under way, with its two processes below the shell. */
  const startTraining = async (train: 'obeying' | 'deaf', graceSeconds?: number) => {
    const run = await start(train, {}, graceSeconds);
    await until(async () => (await sleepers(run.marker)).length === 2);
    return run;
  };

  /** How a run ended, when, and which of its processes were still there at that moment. */
  const ending = async ({ marker, handle }: { marker: string; handle: WorkflowHandle }) => {
    const error: unknown = await handle.result().catch((reason: unknown) => reason);
    const endedAt = Date.now();
    const left = await processesWith(marker);
    const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
    return { canceled: cause instanceof CancelledFailure, cause, endedAt, left };
  };

  const trainingJobs = async () =>
    (await readdir(join(stage.home, 'jobs')).catch(() => [])).filter((name) => name.includes('train'));

  it('closes as canceled when the whole tree of a job that obeys is gone, and does not wait for its grace', async () => {
    const run = await startTraining('obeying');
    const asked = Date.now();
    await run.handle.cancel();
    const { canceled, endedAt, left } = await ending(run);
    console.log(`from cancel to closed: ${endedAt - asked} ms`);
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
    expect(await root.ledgerOf(run.marker)).toEqual(['preprocess', 'train']);
  });

  it('closes as canceled when a job that ignores SIGTERM was killed after its grace', async () => {
    const run = await startTraining('deaf');
    const asked = Date.now();
    await run.handle.cancel();
    const { canceled, endedAt, left } = await ending(run);
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
    console.log(`from cancel to closed, with a grace of 2 s: ${endedAt - asked} ms`);
    expect(endedAt - asked).toBeGreaterThan(1900);
  });

  it('takes a second cancellation during the grace as the first', async () => {
    const before = await trainingJobs();
    const run = await startTraining('deaf', 5);
    const job = (await trainingJobs()).find((name) => !before.includes(name))!;
    await run.handle.cancel();
    await until(() => existsSync(join(stage.home, 'jobs', job, 'stop')));
    await run.handle.cancel();
    const { canceled, left } = await ending(run);
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
  });

  it('leaves neither a process nor an artifact when it is canceled while training commits its model', async () => {
    const before = await trainingJobs();
    const run = await start('bulky');
    const committing = async () => {
      const own = (await trainingJobs()).find((name) => !before.includes(name));
      return own !== undefined && existsSync(join(stage.home, 'jobs', own, 'commit', '0')) ? own : undefined;
    };
    await until(async () => (await committing()) !== undefined);
    const job = (await committing())!;
    const folder = join(stage.home, 'jobs', job);
    expect((await processesIn(folder)).length).toBeGreaterThan(0);
    await run.handle.cancel();
    const { canceled, left } = await ending(run);
    expect(canceled).toBe(true);
    expect(left).toEqual([]);
    // The supervisor says that the job is over, and then ends itself.
    await until(async () => (await processesIn(folder)).length === 0);
    const stored = await readdir(join(stage.home, 'storage'), { recursive: true });
    expect(stored.filter((path) => path.includes(job) && path.endsWith('model.tar.gz'))).toEqual([]);
  });

  it('closes as canceled when its worker dies while it stops the job', async () => {
    // Long enough for the worker to be killed before the job is.
    const run = await startTraining('deaf', 8);
    await run.handle.cancel();
    await until(() => hasSeenCancellation(run.handle));
    await worker.kill();
    // No heartbeat comes: the server gives the activity up as timed out, and not as canceled.
    await until(() => hasTimedOut(run.handle));
    worker = await stage.startWorker();
    expect(await ending(run)).toMatchObject({ canceled: true, left: [] });
    expect(await root.ledgerOf(run.marker)).toEqual(['preprocess', 'train']);
  });

  it('starts no job when it is canceled before the first step', async () => {
    await worker.stop();
    const run = await start('obeying');
    await run.handle.cancel();
    worker = await stage.startWorker();
    const { canceled } = await ending(run);
    expect(canceled).toBe(true);
    expect(await root.ledgerOf(run.marker)).toEqual([]);
  });

  it('fails with its own error when it is canceled while it tells of its failure', async () => {
    const calls: ServerResponse[] = [];
    const receiver = createServer((request, response) => {
      request.resume();
      calls.push(response);
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    try {
      const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
      const run = await start('failing', { notify: [{ webhook }] });
      await until(() => calls.length === 1);
      await run.handle.cancel();
      await until(() => hasSeenCancellation(run.handle));
      calls[0]!.end();
      const { cause, left } = await ending(run);
      expect(cause).toMatchObject({ type: 'JobFailed' });
      expect(left).toEqual([]);
      expect(calls.length).toBe(1);
      expect(await root.ledgerOf(run.marker)).toEqual(['preprocess', 'train']);
    } finally {
      receiver.closeAllConnections();
      receiver.close();
    }
  });

  it('leaves nothing after it was terminated under a living worker', async () => {
    const run = await startTraining('obeying');
    await run.handle.terminate();
    const asked = Date.now();
    await until(async () => (await processesWith(run.marker)).length === 0);
    console.log(`from terminate to nothing left: ${Date.now() - asked} ms`);
  });

  it('leaves nothing of the run that a reset replaced, and the new one can be canceled', async () => {
    const run = await startTraining('obeying');
    const old = (await processesWith(run.marker)).map(({ pid }) => pid);
    const { runId } = await run.handle.describe();
    const { events } = await run.handle.fetchHistory();
    const completed = events?.find((event) => event.workflowTaskCompletedEventAttributes);
    await stage.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.handle.workflowId, runId },
      workflowTaskFinishEventId: completed!.eventId!,
      reason: 'a test',
      requestId: randomUUID(),
    });
    const asked = Date.now();
    await until(async () => (await processesWith(run.marker)).every(({ pid }) => !old.includes(pid)));
    console.log(`from reset to nothing left of the old run: ${Date.now() - asked} ms`);
    const handle = stage.client.workflow.getHandle(run.handle.workflowId);
    await until(async () => (await sleepers(run.marker)).length === 2);
    await handle.cancel();
    const { canceled, left } = await ending({ ...run, handle });
    expect(left).toEqual([]);
    expect(canceled).toBe(true);
  });

  it('leaves to `sluice clean` the job of a run that was terminated while no worker was there', async () => {
    const before = await trainingJobs();
    const run = await startTraining('obeying');
    const job = (await trainingJobs()).find((name) => !before.includes(name))!;
    await worker.kill();
    await run.handle.terminate();

    const dry = await sluice(['clean', '--dry-run'], stage.env);
    expect(dry, dry.stderr).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain(`would stop and remove ${job} (running)`);
    expect((await sleepers(run.marker)).length).toBe(2);

    const cleaned = await sluice(['clean'], stage.env);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    expect(cleaned.stdout).toContain(`stop and remove ${job} (running)`);
    expect(await processesWith(run.marker)).toEqual([]);
    expect(await trainingJobs()).toEqual([]);
    worker = await stage.startWorker();
  });

  it('keeps from `sluice clean` the job of a run that is open', async () => {
    const before = await trainingJobs();
    const run = await startTraining('obeying');
    const job = (await trainingJobs()).find((name) => !before.includes(name))!;
    const cleaned = await sluice(['clean'], stage.env);
    expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
    expect(cleaned.stdout).not.toContain(job);
    expect((await sleepers(run.marker)).length).toBe(2);
    await run.handle.cancel();
    expect(await ending(run)).toMatchObject({ canceled: true, left: [] });
  });
});
