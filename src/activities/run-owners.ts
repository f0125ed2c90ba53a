import { WorkflowNotFoundError, type WorkflowClient } from '@temporalio/client';
import type { Ownership } from '../core/sweep.ts';

export type OwnerOf = (workflowId: string, runId: string) => Promise<Ownership>;

/** Asks the server for the run of a job, once a run. */
export function createRunOwners(client: Pick<WorkflowClient, 'getHandle'>): OwnerOf {
  const asked = new Map<string, Promise<Ownership>>();
  return (workflowId, runId) => {
    const key = JSON.stringify([workflowId, runId]);
    const answer = asked.get(key) ?? askOwner(client, workflowId, runId);
    asked.set(key, answer);
    return answer;
  };
}

async function askOwner(
  client: Pick<WorkflowClient, 'getHandle'>,
  workflowId: string,
  runId: string,
): Promise<Ownership> {
  try {
    const { status } = await client.getHandle(workflowId, runId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED' ? 'open' : 'closed';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}
