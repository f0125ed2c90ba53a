import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { ancestorsOf, processesWith } from '../support/processes.ts';
import { sleepers } from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';

// More of it, and at random moments: test/long.
describe.skipIf(process.platform !== 'linux')('a run in mid-training', () => {
  let stage: TrainingStage;
  let worker: Running;
  beforeAll(async () => {
    stage = await openTrainingStage('restarts');
    worker = await stage.startWorker();
  });
  afterAll(() => stage.close());

  it.each([
    ['leaves its job running at SIGTERM of the worker, and the next one adopts it', 'stop'],
    ['leaves its job running at SIGKILL of the worker, and the next one adopts it', 'kill'],
  ] as const)('%s', async (_, end) => {
    const run = await stage.startTraining('held', 3600);
    const before = (await sleepers(run.marker)).map(({ pid }) => pid);
    await worker[end]();
    expect((await sleepers(run.marker)).map(({ pid }) => pid)).toEqual(before);
    let seconds: number;
    ({ worker, seconds } = await stage.reattach(run.handle));
    console.log(`re-attached ${seconds} s after the new worker's start (${end})`);
    expect((await sleepers(run.marker)).map(({ pid }) => pid)).toEqual(before);
    await stage.expectAccepted(run);
    const { workflowId } = run.handle;
    // What a worker logs may come later than what the run tells.
    const hasSaid = (what: string) => linesAbout(worker, workflowId).some(({ msg }) => msg === what);
    await until(() => hasSaid('job adopted') && hasSaid('job created'));
    const lines = linesAbout(worker, workflowId);
    const training = lines.filter(({ step }) => step === 'train');
    expect(training.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['job adopted']));
    for (const line of training) {
      expect(line).toMatchObject({
        workflowId,
        runId: expect.any(String),
        job: expect.stringMatching(/-train-/),
      });
    }
    expect(lines.filter(({ step }) => step === 'evaluate').map(({ msg }) => msg)).toContain('job created');
  });

  // What a killed process had committed is with the kernel, also with synchronous=normal, and is read again. This shows
  // nothing about a power cut, which may take the last commits with it (docs/decisions/0004).
  it('goes on when the server is killed and started again', async () => {
    const run = await stage.startTraining('held', 3600);
    const startServer = await stage.endServer('kill');
    await startServer();
    await stage.expectAccepted(run);
  });

  it('fails with JobLost after SIGKILL of its supervisor', async () => {
    const run = await stage.startTraining('held', 3600);
    const { runId } = await run.handle.describe();
    const folder = join(stage.home, 'jobs', `small-train-${runId.replaceAll('-', '')}`);
    const { supervisor } = JSON.parse(await readFile(join(folder, 'started.json'), 'utf8')) as {
      supervisor: number;
    };
    const [job] = await processesWith(run.marker);
    const above = (await ancestorsOf(job!)).map(({ pid }) => pid);
    // The supervisor and the first process of the job; what is above them, the fork server, lives on.
    const ours = above.slice(0, above.indexOf(supervisor) + 1);
    expect(ours.length).toBeGreaterThan(1);
    process.kill(supervisor, 'SIGKILL');
    const error: unknown = await run.handle.result().catch((reason: unknown) => reason);
    expect(typesOf(error)).toContain('JobLost');
    expect(await processesWith(run.marker)).toEqual([]);
    for (const { pid } of await processesWith('supervisor/main.py')) expect(ours).not.toContain(pid);
    expect(await stage.root.ledgerOf(run.marker)).toEqual(['preprocess', 'train']);
  });
});

/** Types of the failures that a failed run is made of. */
function typesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = error instanceof ApplicationFailure ? [error.type ?? ''] : [];
  return [...own, ...typesOf(error.cause)];
}

type Line = Partial<Record<string, unknown>>;

/** What a worker logged about a run. */
function linesAbout(worker: Running, workflowId: string): Line[] {
  const lines = worker
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line).filter((line) => line.workflowId === workflowId);
}
