import type { Connection } from '@temporalio/client';

/** Of `temporal.api.enums.v1.TaskQueueType`. */
const types = { workflow: 1, activity: 2 } as const;
export type QueueType = keyof typeof types;

/** The server remembers pollers for minutes; a living one has asked within its long poll. */
const pollMs = 75_000;

export interface QueueState {
  /** The workers that poll it, by their identities. */
  workers: string[];
  /** Tasks that wait, as the server estimates. */
  backlog: number;
  /** How long the first of them has waited. */
  backlogAgeSeconds: number;
}

/** How a task queue stands. */
export async function queueState(
  { workflowService }: Pick<Connection, 'workflowService'>,
  namespace: string,
  name: string,
  type: QueueType,
): Promise<QueueState> {
  const { pollers, stats } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum is in a package that is not ours to import
    taskQueueType: types[type],
    reportStats: true,
  });
  const age = stats?.approximateBacklogAge;
  const living = pollers.filter(
    ({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < pollMs,
  );
  return {
    workers: [...new Set(living.map(({ identity }) => identity ?? ''))],
    backlog: Number(stats?.approximateBacklogCount ?? 0),
    backlogAgeSeconds: Number(age?.seconds ?? 0) + (age?.nanos ?? 0) / 1e9,
  };
}
