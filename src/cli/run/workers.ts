import type { Client } from '@temporalio/client';

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's protocol. */
const workflowQueue = 1;

/** The server remembers pollers for minutes; a living one has asked within its long poll. */
export async function hasWorker(client: Client, namespace: string, name: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum is in a package that is not ours to import
    taskQueueType: workflowQueue,
  });
  const seen = pollers.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000);
  return seen.some((time) => Date.now() - time < 75_000);
}
