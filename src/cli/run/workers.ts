import type { Client } from '@temporalio/client';
import { queueState } from '../../temporal/queues.ts';

/** Whether some worker takes runs from the queue. */
export async function hasWorker(client: Client, namespace: string, name: string): Promise<boolean> {
  const { workers } = await queueState(client.connection, namespace, name, 'workflow');
  return workers.length > 0;
}
