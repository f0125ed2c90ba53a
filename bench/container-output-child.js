import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openEngine, runJob } from './container-engine.js';
import { writeModel } from './container-output.js';

/** Prints how long a model of 1 GB takes from the end of its container to the end of the job, and what it adds to this process. */
const { engine, home, close } = await openEngine();
try {
  // Everything that is loaded once is loaded then.
  await runJob(engine, `bench-${randomUUID()}`, training('echo m >/opt/ml/model/m'));
  globalThis.gc();
  const before = process.memoryUsage().rss;
  let peak = before;
  const watching = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 50);
  const name = `bench-${randomUUID()}`;
  await runJob(engine, name, training(writeModel('/opt/ml/model/model.bin')));
  const over = Date.now();
  clearInterval(watching);
  const { endedAt } = JSON.parse(await readFile(join(home, 'jobs', name, 'exit.json'), 'utf8'));
  console.log(JSON.stringify({ milliseconds: over - Date.parse(endedAt), bytes: peak - before }));
} finally {
  await close();
}
process.exit(0);

function training(script) {
  return {
    kind: 'Training',
    body: {
      AlgorithmSpecification: {
        TrainingImage: 'sluice/sklearn:1.2-1',
        TrainingInputMode: 'File',
        ContainerEntrypoint: ['sh', '-c', script],
      },
      HyperParameters: {},
      InputDataConfig: [],
      OutputDataConfig: { S3OutputPath: pathToFileURL(join(home, `output-${randomUUID()}`)).href },
      ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
      Environment: {},
    },
    local: { stopGraceSeconds: 1, maxRuntimeSeconds: 600 },
    tags: {},
  };
}
