import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { NativeConnection, Worker } from '@temporalio/worker';
import { millis, sideBySide, spread } from './measure.js';
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

const workflowsPath = fileURLToPath(new URL('sequence-workflow.js', import.meta.url));

/** Milliseconds a step, for 6 and 60 steps in sequence, by a worker that has done 60 of them; beside them what Temporal alone takes. */
export async function noOpSteps(rounds) {
  const stack = await startStack({ workflowsPath });
  try {
    return await measure(stack, rounds);
  } finally {
    await stack.close();
  }
}

async function measure(stack, rounds) {
  const bare = await startBareWorker(stack.address);
  const execute = (workflow, taskQueue, args) =>
    stack.client.workflow.execute(workflow, {
      taskQueue,
      workflowId: `bench-${randomUUID()}`,
      workflowExecutionTimeout: '5 minutes',
      args: [args],
    });
  const step = { request: noOpRequest(), engine: 'process', host: stack.host };
  const sequence = (count) => () => execute('sequence', stack.config.taskQueue, { ...step, count });
  const nothing = (count) => () => execute('sequenceOfNothing', bare.taskQueue, { count });
  const ofEngine = (count) => ({
    figure: `no-op step through the process engine, ${count} in sequence by a warm worker`,
    aim: '≤ 40 ms each',
    count,
    run: sequence(count),
  });
  const alone = {
    figure: '… of which Temporal alone: activities that do nothing, 60 in sequence',
    aim: 'none',
    count: 60,
    run: nothing(60),
  };
  const rows = [ofEngine(6), ofEngine(60), alone];
  try {
    await sequence(60)();
    await nothing(60)();
    const times = await sideBySide(rounds, Object.fromEntries(rows.map(({ figure, run }) => [figure, run])));
    return rows.map(({ figure, aim, count }) => {
      const perStep = times[figure].map((time) => time / count);
      return { figure, aim, measured: `${spread(perStep, millis)} each` };
    });
  } finally {
    await bare.stop();
  }
}

/** A worker as the SDK makes it, whose one activity does nothing. */
async function startBareWorker(address) {
  const connection = await NativeConnection.connect({ address });
  const taskQueue = 'nothing';
  const activities = { nothing: async () => undefined };
  const worker = await Worker.create({ connection, taskQueue, workflowsPath, activities });
  const ended = worker.run();
  return {
    taskQueue,
    async stop() {
      worker.shutdown();
      await ended;
      await connection.close();
    },
  };
}
