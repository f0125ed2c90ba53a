import { seconds, timed } from './measure.js';
import { makeRoot, startRuns } from './no-op-pipeline.js';
import { startTemporal } from './stack.js';
import { startWorkerProcess } from './worker-process.js';

const workers = 10;
const count = 200;

/** Ten workers of this machine, each a host of its own with one slot, on one server. */
export async function tenWorkers() {
  const temporal = await startTemporal();
  const root = await makeRoot();
  const started = [];
  try {
    for (let index = 0; index < workers; index += 1)
      started.push(await startWorkerProcess(temporal.address, root.path, { SLUICE_LOCAL_SLOTS: '1' }));
    await startRuns(temporal.client, 'sluice', workers);
    let accepted = 0;
    const took = await timed(async () => {
      accepted = await startRuns(temporal.client, 'sluice', count);
    });
    return [
      {
        figure: `${workers} local workers on one server, ${count} runs of 6 steps that do nothing`,
        aim: 'runs a minute',
        measured: `${accepted} accepted in ${seconds(took)}: ${((count * 60_000) / took).toFixed(0)} runs a minute`,
      },
    ];
  } finally {
    await Promise.all(started.map((worker) => worker.close()));
    await root.remove();
    await temporal.close();
  }
}
