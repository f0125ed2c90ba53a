import { WorkflowNotFoundError, type WorkflowClient, type WorkflowExecutionInfo } from '@temporalio/client';
import type { Ownership } from '../core/sweep.ts';

export type OwnerOf = (workflowId: string, runId: string) => Promise<Ownership>;

type Server = Pick<WorkflowClient, 'getHandle' | 'list'>;

/** Asks the server for the run of a job, once a run. */
export function createRunOwners(client: Server): OwnerOf {
  const asked = new Map<string, Promise<Ownership>>();
  return (workflowId, runId) => {
    const key = JSON.stringify([workflowId, runId]);
    const answer = asked.get(key) ?? askOwner(client, workflowId, runId);
    asked.set(key, answer);
    return answer;
  };
}

async function askOwner(client: Server, workflowId: string, runId: string): Promise<Ownership> {
  try {
    return ownership(await client.getHandle(workflowId, runId).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return askByRunId(client, runId);
    throw error;
  }
}

/** A tag holds 256 characters, the id of a workflow may be longer: of such a run the tag has only the beginning. */
async function askByRunId(client: Server, runId: string): Promise<Ownership> {
  if (!isRunId.test(runId)) return 'unknown';
  for await (const run of client.list({ query: `RunId="${runId}"`, pageSize: 1 })) return ownership(run);
  return 'unknown';
}

const isRunId = /^[0-9a-f-]{36}$/;

const ownership = ({ status: { name } }: Pick<WorkflowExecutionInfo, 'status'>): Ownership =>
  name === 'RUNNING' || name === 'PAUSED' ? 'open' : 'closed';
