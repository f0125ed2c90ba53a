import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chosenSeed } from '../support/kill-workers.ts';
import { processesWith } from '../support/processes.ts';
import { seeded } from '../support/random.ts';
import { sleepers, uniqueSeconds } from '../support/shell-jobs.ts';
import type { Running } from '../support/stack.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { sleep, until } from '../support/until.ts';
import { startReceiver } from '../support/world.ts';

describe.skipIf(process.platform !== 'linux')('a run in mid-training', () => {
  let stage: TrainingStage;
  let worker: Running;
  beforeEach(async () => {
    stage = await openTrainingStage('restarts-long');
    worker = await stage.startWorker();
  });
  afterEach(() => stage.close());

  it('whose job ended while no worker was there is adopted', async () => {
    const run = await stage.startTraining('held', 3600);
    await worker.kill();
    await stage.root.letGo(run.marker);
    await until(async () => (await processesWith(run.marker)).length === 0);
    worker = await stage.startWorker();
    const ready = Date.now();
    await stage.expectAccepted(run);
    // Heartbeat time-out 8 s, retry 1 s, sticky queue of the dead worker 2 s, and the rest of the run.
    console.log(`a run whose job had ended was over ${Date.now() - ready} ms after the worker was ready`);
  });

  it('is tried again when the worker dies in a short activity', async () => {
    const receiver = await startReceiver(200, 8000);
    const notify = [{ webhook: receiver.url }];
    const handle = await stage.start('failing', uniqueSeconds(0), { notify });
    await until(() => receiver.deliveries.length === 1);
    await worker.kill();
    const started = Date.now();
    worker = await stage.startWorker();
    await until(() => receiver.deliveries.length === 2);
    console.log(`notified again ${Date.now() - started} ms after the new worker's start`);
    await receiver.close();
    await handle.terminate();
  });

  it.each([
    ['leaves no process when its job ends after SIGTERM of the worker', 'stop'],
    ['leaves no process when its job ends after SIGKILL of the worker', 'kill'],
  ] as const)('%s', async (_, end) => {
    const run = await stage.startTraining('held', 3600);
    await worker[end]();
    expect(await sleepers(run.marker)).toHaveLength(1);
    await stage.root.letGo(run.marker);
    await until(async () => (await processesWith(run.marker)).length === 0);
    // Supervisors, and the fork server, have the folder in their command line.
    await until(async () => (await processesWith(stage.home)).length === 0);
  });

  describe.each(['stop', 'kill'] as const)('at %s of the server', (how) => {
    it('goes on when the server is started again', async () => {
      const run = await stage.startTraining('held', 3600);
      const startServer = await stage.endServer(how);
      await sleep(2000);
      await startServer();
      await stage.expectAccepted(run);
    });

    it('goes on when its job ended while there was no server', async () => {
      const run = await stage.startTraining('held', 3600);
      const startServer = await stage.endServer(how);
      await stage.root.letGo(run.marker);
      await until(async () => (await processesWith(run.marker)).length === 0);
      await sleep(1000);
      await startServer();
      await stage.expectAccepted(run);
    });
  });

  it('ends as it would have when the server is killed at random moments', async () => {
    const seed = chosenSeed();
    const random = seeded(seed);
    console.log(`SLUICE_SEED=${seed}`);
    const runs = await Promise.all([stage.startTraining('sleeping', 4), stage.startTraining('sleeping', 6)]);
    for (let kills = 0; kills < 5; kills += 1) {
      await sleep(random() * 1500);
      const startServer = await stage.endServer('kill');
      await sleep(random() * 500);
      await startServer();
    }
    for (const run of runs) await stage.expectAccepted(run);
  });
});
