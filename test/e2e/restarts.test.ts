import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../src/core/run.ts';
import { chosenSeed } from '../support/kill-workers.ts';
import { ancestorsOf, processesWith } from '../support/processes.ts';
import { seeded } from '../support/random.ts';
import { makeShellRoot, uniqueSeconds, type ShellRoot } from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { sleep, until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';

const each = ['preprocess', 'train', 'train-end', 'evaluate'];

describe.skipIf(process.platform !== 'linux')('a run in mid-training', () => {
  let stage: Stage;
  let root: ShellRoot;
  let worker: Running;
  beforeEach(async () => {
    stage = await openStage('restarts');
    root = await makeShellRoot(stage.folder);
    worker = await stage.startWorker();
  });
  afterEach(() => stage.close());

  const startTraining = async (seconds: number) => {
    const marker = uniqueSeconds(seconds);
    const handle = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `restarts-${randomUUID()}`,
      args: [{ pipeline: root.pipeline('sleeping', marker) }],
    });
    await until(async () => (await processesWith(marker)).some(({ command }) => command.startsWith('sleep')));
    return { marker, handle };
  };

  /** Starts a worker; the seconds from then until it has the run's job. */
  const reattach = async (handle: WorkflowHandle) => {
    const started = Date.now();
    worker = await stage.startWorker();
    await until(async () => {
      const { raw } = await handle.describe();
      return (raw.pendingActivities ?? []).some(
        ({ lastWorkerIdentity }) => lastWorkerIdentity?.endsWith(`:${worker.pid}`) === true,
      );
    }, 20);
    return (Date.now() - started) / 1000;
  };

  const expectAccepted = async ({ marker, handle }: { marker: string; handle: WorkflowHandle }) => {
    const report = (await handle.result()) as RunReport;
    expect(report.outcome).toBe('accepted');
    expect(await root.ledgerOf(marker)).toEqual(each);
    expect(await processesWith(marker)).toEqual([]);
  };

  it.each([
    ['leaves its job running at SIGTERM of the worker, and the next one adopts it', 'stop'],
    ['leaves its job running at SIGKILL of the worker, and the next one adopts it', 'kill'],
  ] as const)('%s', async (_, end) => {
    const run = await startTraining(20);
    const before = (await processesWith(run.marker)).map(({ pid }) => pid);
    await worker[end]();
    expect((await processesWith(run.marker)).map(({ pid }) => pid)).toEqual(before);
    const seconds = await reattach(run.handle);
    console.log(`re-attached ${seconds} s after the new worker's start (${end})`);
    expect(seconds).toBeLessThan(15);
    expect((await processesWith(run.marker)).map(({ pid }) => pid)).toEqual(before);
    await expectAccepted(run);
  });

  it('adopts a job that ended while no worker was there', async () => {
    const run = await startTraining(3);
    await worker.kill();
    await until(async () => (await processesWith(run.marker)).length === 0);
    worker = await stage.startWorker();
    const ready = Date.now();
    await expectAccepted(run);
    console.log(
      `a run whose job had ended was over ${(Date.now() - ready) / 1000} s after the worker was ready`,
    );
    // Heartbeat time-out 8 s, retry 1 s, sticky queue of the dead worker 2 s, and the rest of the run.
    expect(Date.now() - ready).toBeLessThan(20_000);
  });

  it('is tried again within 15 s when the worker dies in a short activity', async () => {
    const receiver = await startReceiver(200, 8000);
    const handle = await stage.client.workflow.start('trainingPipeline', {
      taskQueue: 'sluice',
      workflowId: `restarts-${randomUUID()}`,
      args: [
        { pipeline: root.pipeline('failing', uniqueSeconds(0), { notify: [{ webhook: receiver.url }] }) },
      ],
    });
    await until(() => receiver.deliveries.length === 1);
    await worker.kill();
    const started = Date.now();
    worker = await stage.startWorker();
    await until(() => receiver.deliveries.length === 2);
    const seconds = (Date.now() - started) / 1000;
    console.log(`notified again ${seconds} s after the new worker's start`);
    await receiver.close();
    expect(seconds).toBeLessThan(15);
    await handle.terminate();
  });

  it.each([
    ['leaves no process when its job ends after SIGTERM of the worker', 'stop'],
    ['leaves no process when its job ends after SIGKILL of the worker', 'kill'],
  ] as const)('%s', async (_, end) => {
    const run = await startTraining(3);
    await worker[end]();
    expect((await processesWith(run.marker)).length).toBe(2);
    await until(async () => (await processesWith(run.marker)).length === 0);
    // Supervisors, and the spare one that waits for a job, have the folder in their command line.
    await until(async () => (await processesWith(stage.home)).length === 0);
  });

  // What a killed process had committed is with the kernel, also with synchronous=normal, and is read again. This shows
  // nothing about a power cut, which may take the last commits with it (docs/decisions/0004).
  describe.each(['stop', 'kill'] as const)('at %s of the server', (how) => {
    it('goes on when the server is started again', async () => {
      const run = await startTraining(8);
      const startServer = await stage.endServer(how);
      await sleep(2000);
      await startServer();
      await expectAccepted(run);
    });

    it('goes on when its job ended while there was no server', async () => {
      const run = await startTraining(2);
      const startServer = await stage.endServer(how);
      await until(async () => (await processesWith(run.marker)).length === 0);
      await sleep(1000);
      await startServer();
      await expectAccepted(run);
    });
  });

  it('ends as it would have when the server is killed at random moments', async () => {
    const seed = chosenSeed();
    const random = seeded(seed);
    console.log(`SLUICE_SEED=${seed}`);
    const runs = await Promise.all([startTraining(4), startTraining(6)]);
    for (let kills = 0; kills < 5; kills += 1) {
      await sleep(random() * 1500);
      const startServer = await stage.endServer('kill');
      await sleep(random() * 500);
      await startServer();
    }
    for (const run of runs) await expectAccepted(run);
  });

  it('fails with JobLost, or ends, after SIGKILL of its supervisor', async () => {
    const run = await startTraining(6);
    const [job] = await processesWith(run.marker);
    const ours = (await ancestorsOf(job!)).filter(({ command }) => command.includes('supervisor/main.py'));
    process.kill(ours.at(-1)!.pid, 'SIGKILL');
    const result: unknown = await run.handle.result().catch((error: unknown) => error);
    expect(await processesWith(run.marker)).toEqual([]);
    for (const { pid } of ours)
      expect((await processesWith('supervisor/main.py')).map((process) => process.pid)).not.toContain(pid);
    const ledger = await root.ledgerOf(run.marker);
    if (result instanceof WorkflowFailedError) {
      expect(typesOf(result)).toContain('JobLost');
      expect(ledger).toEqual(['preprocess', 'train']);
    } else {
      expect((result as RunReport).outcome).toBe('accepted');
      expect(ledger).toEqual(each);
    }
  });
});

/** Types of the failures that a failed run is made of. */
function typesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = error instanceof ApplicationFailure ? [error.type ?? ''] : [];
  return [...own, ...typesOf(error.cause)];
}
