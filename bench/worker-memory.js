import { makeRoot, startRuns } from './no-op-pipeline.js';
import { startTemporal } from './stack.js';
import { startWorkerProcess } from './worker-process.js';

const atOnce = 20;
const counts = [100, 500, 1000, 1500, 2000];

/** What a worker has of memory after many runs, against what it had after some. */
export async function workerMemory() {
  const temporal = await startTemporal();
  const root = await makeRoot();
  const worker = await startWorkerProcess(temporal.address, root.path);
  try {
    let done = 0;
    const after = async (runs) => {
      for (; done < runs; done += atOnce) await startRuns(temporal.client, 'sluice', atOnce);
      return { megabytes: (await worker.memory()) / 1e6, children: await worker.children() };
    };
    const found = [];
    for (const runs of counts) found.push(await after(runs));
    const [first, last] = [found[0], found.at(-1)];
    return [
      {
        figure: `memory of a worker without garbage after ${counts.at(-1)} runs ÷ after ${counts[0]}, ${atOnce} at once`,
        aim: 'no growth',
        measured:
          `${(last.megabytes / first.megabytes).toFixed(2)}: ` +
          `${found.map(({ megabytes }) => megabytes.toFixed(0)).join(', ')} MB after ${counts.join(', ')} runs; ` +
          `${first.children} and ${last.children} processes of its own`,
      },
    ];
  } finally {
    await worker.close();
    await root.remove();
    await temporal.close();
  }
}
