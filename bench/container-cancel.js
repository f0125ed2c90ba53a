import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { docker } from './container-engine.js';
import { median, millis, spread, timed } from './measure.js';
import { noOpRequest } from './no-op-steps.js';
import { startStack } from './stack.js';

/** PID 1 of a container ignores SIGTERM unless it says otherwise. */
const obeying = `trap 'exit 0' TERM; echo began; sleep 600 & wait`;

/** From the cancellation of a run to the moment when its container is gone, for a script that obeys SIGTERM. */
export async function containerCancel(rounds) {
  const workflowsPath = fileURLToPath(new URL('sequence-workflow.js', import.meta.url));
  const stack = await startStack({ workflowsPath, localEngine: 'container' });
  const label = `sluice.home=${stack.config.jobsFolder}`;
  const containers = async () =>
    (await docker('ps', '-aq', '--filter', `label=${label}`)).stdout.split('\n').filter(Boolean);
  const request = noOpRequest();
  request.body.AppSpecification.ContainerEntrypoint = ['sh', '-c', obeying];
  request.local = { stopGraceSeconds: 30, maxRuntimeSeconds: 600 };
  const gone = [];
  const closed = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const handle = await stack.client.workflow.start('sequence', {
        taskQueue: stack.config.taskQueue,
        workflowId: `bench-${randomUUID()}`,
        workflowExecutionTimeout: '5 minutes',
        args: [{ count: 1, request, engine: 'container', host: stack.host }],
      });
      await until(async () => {
        const [id] = await containers();
        return id !== undefined && (await docker('logs', id)).stdout.includes('began');
      });
      const ended = handle.result().catch(() => undefined);
      const closing = timed(() => ended);
      gone.push(
        await timed(async () => {
          await handle.cancel();
          await until(async () => (await containers()).length === 0);
        }),
      );
      closed.push(await closing);
    }
  } finally {
    await stack.close();
  }
  return [
    {
      figure: 'cancel of a run to container gone, SIGTERM obeyed',
      aim: '≤ 3 s at the median',
      measured: `${spread(gone, millis)}; the run is closed after ${millis(median(closed))}`,
    },
  ];
}

async function until(isSo) {
  const deadline = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('not so within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
