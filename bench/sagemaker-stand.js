import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { clientEnv, startEmulator } from '../dist/emulator/start.js';
import { request, session } from './sagemaker-jobs.js';
import { startTemporal } from './stack.js';

/**
 * A Temporal server, an emulator in this process and a worker in another.
 * @param speed - of the emulator's clock and of the engine's.
 */
export async function openStand({ speed = 1, creations, file } = {}) {
  const temporal = await startTemporal();
  const aws = await startEmulator({ speed, ...(file && { file }) });
  const taskQueue = `bench-${randomUUID()}`;
  const startWorker = async () => {
    const started = fork(
      fileURLToPath(new URL('sagemaker-worker.js', import.meta.url)),
      [JSON.stringify({ address: temporal.address, taskQueue, speed, creations })],
      { execArgv: ['--expose-gc'], env: { ...process.env, ...clientEnv(aws.endpoint) } },
    );
    await once(started, 'message');
    return started;
  };
  let worker = await startWorker();
  return {
    emulator: aws.emulator,
    /** Starts a run for each of so many jobs. */
    start: (count) =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          temporal.client.workflow.start('watch', {
            taskQueue,
            workflowId: `bench-${index}-${randomUUID()}`,
            args: [{ name: `bench-${index}`, request, session }],
          }),
        ),
      ),
    /** What the worker has cost until now: milliseconds of CPU, bytes. */
    async cost() {
      const answer = once(worker, 'message');
      worker.send('cost');
      const [{ cpu, rss }] = await answer;
      return { cpuMs: (cpu.user + cpu.system) / 1000, bytes: rss };
    },
    /** SIGTERM, as a deployment does it. */
    async stopWorker() {
      const exited = once(worker, 'exit');
      worker.kill('SIGTERM');
      await exited;
    },
    async startWorker() {
      worker = await startWorker();
    },
    async close() {
      const exited = once(worker, 'exit');
      worker.disconnect();
      await exited;
      await aws.close();
      await temporal.close();
    },
  };
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function until(what, seconds) {
  const deadline = Date.now() + seconds * 1000;
  while (!what()) {
    if (Date.now() > deadline) throw new Error(`not so within ${seconds} s: ${what}`);
    await sleep(100);
  }
}
