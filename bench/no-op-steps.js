import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { median, millis, timed } from './measure.js';
import { startStack } from './stack.js';

/** `/bin/true` as a processing job: nothing but what Temporal, the activity and the engine cost. */
export const noOpRequest = (inputs = []) => ({
  kind: 'Processing',
  body: {
    AppSpecification: { ImageUri: 'sluice/sklearn:1.2-1', ContainerEntrypoint: ['/bin/true'] },
    ProcessingInputs: inputs,
    ProcessingOutputConfig: { Outputs: [] },
    ProcessingResources: {
      ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
    },
    StoppingCondition: { MaxRuntimeInSeconds: 60 },
    Environment: {},
  },
  local: { stopGraceSeconds: 1, maxRuntimeSeconds: 60 },
  tags: {},
});

/** Milliseconds a step, for 6 and 60 steps in sequence, by a worker that has done 60 of them. */
export async function noOpSteps(rounds) {
  const workflowsPath = fileURLToPath(new URL('sequence-workflow.js', import.meta.url));
  const stack = await startStack({ workflowsPath });
  const perStep = { 6: [], 60: [] };
  const run = (count) =>
    stack.client.workflow.execute('sequence', {
      taskQueue: stack.config.taskQueue,
      workflowId: `bench-${randomUUID()}`,
      workflowExecutionTimeout: '5 minutes',
      args: [{ count, request: noOpRequest(), engine: 'process', host: stack.host }],
    });
  try {
    await run(60);
    for (let round = 0; round < rounds; round += 1) {
      for (const count of [6, 60]) perStep[count].push((await timed(() => run(count))) / count);
    }
  } finally {
    await stack.close();
  }
  return [6, 60].map((count) => ({
    figure: `no-op step through the process engine, ${count} in sequence by a warm worker`,
    aim: '≤ 40 ms each',
    measured: `${millis(median(perStep[count]))} each (${perStep[count].map(millis).join(', ')})`,
  }));
}
