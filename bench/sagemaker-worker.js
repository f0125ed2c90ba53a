import { NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { createActivities } from '../dist/activities/index.js';
import { createLogger, installTemporalLogger } from '../dist/logger.js';
import { openEngine } from './sagemaker-jobs.js';

/** A worker that watches jobs of SageMaker and does nothing else, in a process of its own; its parent asks it what it costs. */
const { address, taskQueue, speed, creations } = JSON.parse(process.argv[2]);
installTemporalLogger(createLogger({ logLevel: 'error', logFormat: 'json' }));
const engine = openEngine({ speed, ...(creations && { creations }) });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowBundle: await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('watch-workflow.js', import.meta.url)),
    logger: quiet(),
  }),
  activities: createActivities({ engines: {}, cloud: () => ({ engine }) }),
  // As in src/worker.ts.
  maxHeartbeatThrottleInterval: '400ms',
  defaultHeartbeatThrottleInterval: '400ms',
  shutdownGraceTime: 0,
  shutdownForceTime: 10_000,
  maxConcurrentActivityTaskExecutions: 1500,
});
process.on('SIGTERM', () => worker.shutdown());
process.on('message', () => {
  globalThis.gc?.();
  process.send({ cpu: process.cpuUsage(), rss: process.memoryUsage().rss });
});
process.on('disconnect', () => process.exit(0));
process.send('ready');
await worker.run();
process.exit(0);

function quiet() {
  const nothing = () => undefined;
  return {
    ...{ log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing },
    error: console.error,
  };
}
