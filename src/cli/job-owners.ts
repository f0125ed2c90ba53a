import { createRunOwners, type OwnerOf } from '../activities/run-owners.ts';
import type { Config } from '../config.ts';
import type { Ownership } from '../core/sweep.ts';
import type { LocalJob } from '../engines/engine.ts';
import { say } from './output.ts';
import { hasHistory, openSession, type Session } from './server/session.ts';

const anHourMs = 3_600_000;

/** Asks the server for the run of each job, once a run. @throws SluiceError if no server can be asked. */
export async function askOwners(config: Config, jobs: readonly LocalJob[]): Promise<Map<string, Ownership>> {
  const owners = new Map<string, Ownership>();
  if (jobs.length === 0) return owners;
  if (!hasHistory(config)) return new Map(jobs.map(({ name }) => [name, 'unknown']));
  const session = await openSession(config, 'server', say);
  const ownerOf = createRunOwners(session.client.workflow);
  try {
    for (const { name, tags, createdAt } of jobs) {
      // No run made it: a probe that its worker, killed meanwhile, could not remove.
      if (tags['sluice:workflow-id'] === undefined && Date.now() - createdAt.getTime() > anHourMs) {
        owners.set(name, 'closed');
        continue;
      }
      owners.set(name, await askOwner(ownerOf, session, tags));
    }
  } finally {
    await session.close();
  }
  return owners;
}

async function askOwner(ownerOf: OwnerOf, { server }: Session, tags: LocalJob['tags']): Promise<Ownership> {
  const workflowId = tags['sluice:workflow-id'];
  const runId = tags['sluice:run-id'];
  if (!workflowId || !runId || tags['sluice:namespace'] !== server.namespace) return 'unknown';
  return ownerOf(workflowId, runId);
}
