import { WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../config.ts';
import type { LocalJob } from '../engines/engine.ts';
import { say } from './output.ts';
import { isOpen } from './run/lookup.ts';
import { hasHistory, openSession, type Session } from './server/session.ts';

const anHourMs = 3_600_000;

/** Whether the run that made a job may still need it. `unknown`: the server asked has no such run. */
export type Ownership = 'open' | 'closed' | 'unknown';

/** Asks the server for the run of each job, once a run. @throws SluiceError if no server can be asked. */
export async function askOwners(config: Config, jobs: readonly LocalJob[]): Promise<Map<string, Ownership>> {
  const owners = new Map<string, Ownership>();
  if (jobs.length === 0) return owners;
  if (!hasHistory(config)) return new Map(jobs.map(({ name }) => [name, 'unknown']));
  const session = await openSession(config, 'server', say);
  const asked = new Map<string, Promise<Ownership>>();
  try {
    for (const { name, tags, createdAt } of jobs) {
      // No run made it: a probe that its worker, killed meanwhile, could not remove.
      if (tags['sluice:workflow-id'] === undefined && Date.now() - createdAt.getTime() > anHourMs) {
        owners.set(name, 'closed');
        continue;
      }
      const key = JSON.stringify([tags['sluice:workflow-id'], tags['sluice:run-id']]);
      const answer = asked.get(key) ?? askOwner(session, tags);
      asked.set(key, answer);
      owners.set(name, await answer);
    }
  } finally {
    await session.close();
  }
  return owners;
}

async function askOwner({ client, server }: Session, tags: LocalJob['tags']): Promise<Ownership> {
  const workflowId = tags['sluice:workflow-id'];
  const runId = tags['sluice:run-id'];
  if (!workflowId || !runId || tags['sluice:namespace'] !== server.namespace) return 'unknown';
  try {
    const { status } = await client.workflow.getHandle(workflowId, runId).describe();
    return isOpen(status.name) ? 'open' : 'closed';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}
