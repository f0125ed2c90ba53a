import { join } from 'node:path';
import { abalone } from './abalone.js';
import { bigInput } from './big-input.js';
import { containerAbalone } from './container-abalone.js';
import { containerCancel } from './container-cancel.js';
import { whyNoContainers } from './container-engine.js';
import { containerNoOp } from './container-no-op.js';
import { containerOutput } from './container-output.js';
import { describeCalls } from './describe-calls.js';
import { keep } from './results.js';
import { noOpSteps } from './no-op-steps.js';
import { manyRuns } from './many-runs.js';
import { projectFolder } from './stack.js';
import { s3Transfers, whyNoS3Transfers } from './s3-transfers.js';
import { scheduleLag } from './schedule-lag.js';
import { startUp } from './start-up.js';
import { tenWorkers } from './ten-workers.js';
import { throttleStorm } from './throttle-storm.js';
import { watchedJobs } from './watched-jobs.js';
import { whyNoWorkerImage, workerImage } from './worker-image.js';
import { workerMemory } from './worker-memory.js';
import { workerStop } from './worker-stop.js';

/** `npm run bench`: every figure, or those whose name is given: `npm run bench -- abalone`. */
const ofContainers = { containerNoOp, containerAbalone, containerOutput, containerCancel };
const ofSageMaker = { describeCalls, watchedJobs, throttleStorm };
const ofOperation = { scheduleLag, tenWorkers, workerStop, workerMemory, workerImage };
const figures = {
  startUp,
  noOpSteps,
  abalone,
  bigInput,
  manyRuns,
  ...ofContainers,
  ...ofSageMaker,
  s3Transfers,
  ...ofOperation,
};
const rounds = {
  ...{ startUp: 5, noOpSteps: 31, abalone: 21, bigInput: 7, manyRuns: 1 },
  ...{ s3Transfers: 8, describeCalls: 1, watchedJobs: 1, throttleStorm: 1 },
  ...{ containerNoOp: 15, containerAbalone: 21, containerOutput: 3, containerCancel: 11 },
  ...{ workerImage: 5 },
};

const whyNot = async (name) => {
  if (name === 's3Transfers') return whyNoS3Transfers();
  if (name === 'workerImage') return whyNoWorkerImage();
  return name in ofContainers ? whyNoContainers() : null;
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in figures));
if (unknown.length > 0) {
  console.error(`There is no figure ${unknown.join(', ')}; there are ${Object.keys(figures).join(', ')}`);
  process.exit(2);
}
const path = join(projectFolder, 'bench', 'RESULTS.md');
for (const [name, measure] of Object.entries(figures)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const reason = await whyNot(name);
  if (reason !== null) {
    console.error(`${name}: skipped, ${reason}`);
    continue;
  }
  console.error(`${name}…`);
  try {
    const rows = await measure(rounds[name]);
    for (const { figure, measured } of rows) console.error(`  ${figure}: ${measured}`);
    await keep(path, Object.keys(figures), name, rows);
  } catch (error) {
    // The others take half an hour, too.
    console.error(`${name}: failed`, error);
    process.exitCode = 1;
  }
}
process.exit();
