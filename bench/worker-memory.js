import { setTimeout as sleep } from 'node:timers/promises';
import { makeRoot, startRuns } from './no-op-pipeline.js';
import { startTemporal } from './stack.js';
import { startWorkerProcess } from './worker-process.js';

const atOnce = 20;
const [few, many] = [100, 2000];

/** What a worker has of memory after many runs, against what it had after some. */
export async function workerMemory() {
  const temporal = await startTemporal();
  const root = await makeRoot();
  const worker = await startWorkerProcess(temporal.address, root.path);
  try {
    let done = 0;
    const memoryAfter = async (runs) => {
      for (; done < runs; done += atOnce) await startRuns(temporal.client, 'sluice', atOnce);
      await sleep(5000);
      return { megabytes: (await worker.memory()) / 1e6, children: await worker.children() };
    };
    const before = await memoryAfter(few);
    const after = await memoryAfter(many);
    return [
      {
        figure: `memory of a worker after ${many} runs ÷ after ${few}, ${atOnce} at once`,
        aim: 'no growth',
        measured: `${(after.megabytes / before.megabytes).toFixed(2)}: ${after.megabytes.toFixed(0)} MB, ${before.megabytes.toFixed(0)} MB; ${after.children} and ${before.children} processes of its own`,
      },
    ];
  } finally {
    await worker.close();
    await root.remove();
    await temporal.close();
  }
}
