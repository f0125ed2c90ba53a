import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { readConfig, type Config } from '../config.ts';
import type { Engine } from '../engines/engine.ts';
import { listJobs, removeJob, removeLeftovers, type LocalJob } from '../engines/process/job-folder.ts';
import { createEngine } from '../worker.ts';
import { print, say } from './output.ts';
import { openLine, type Line } from './server/patience.ts';

interface CleanOptions {
  dryRun?: true;
  unknown?: true;
}

/** Whether the run that made a job may still need it. */
type Ownership = 'open' | 'closed' | 'unknown';

const anHourMs = 3_600_000;

/** Stops and removes what no open run owns: jobs and temporary files, never outputs or models. */
export async function cleanCommand({ dryRun, unknown }: CleanOptions): Promise<number> {
  const config = readConfig();
  const jobs = await listJobs(config.jobsFolder);
  const owned = jobs.length === 0 ? [] : await ownershipOf(config, jobs);
  const engine = createEngine(config);
  for (const [job, ownership] of owned) {
    if (ownership === 'open') continue;
    if (ownership === 'unknown' && !unknown) {
      say(
        `${job.name} (${job.state}) is kept: its run is not known at this server; --unknown removes it too`,
      );
      continue;
    }
    print(
      `${dryRun ? 'would ' : ''}${job.state === 'running' ? 'stop and ' : ''}remove ${job.name} (${job.state})`,
    );
    if (!dryRun) await stopAndRemove(config, engine, job);
  }
  await removeTemporary(config, dryRun === true);
  return 0;
}

async function ownershipOf(config: Config, jobs: readonly LocalJob[]): Promise<[LocalJob, Ownership][]> {
  const line = await openLine(config, say);
  try {
    const found: [LocalJob, Ownership][] = [];
    for (const job of jobs) found.push([job, await askOwner(line, job)]);
    return found;
  } finally {
    await line.close();
  }
}

async function askOwner(line: Line, { tags }: LocalJob): Promise<Ownership> {
  const workflowId = tags['sluice:workflow-id'];
  const runId = tags['sluice:run-id'];
  if (!workflowId || !runId || tags['sluice:namespace'] !== line.session.server.namespace) return 'unknown';
  try {
    const { status } = await line.patiently(({ client }) =>
      client.workflow.getHandle(workflowId, runId).describe(),
    );
    return status.name === 'RUNNING' || status.name === 'PAUSED' ? 'open' : 'closed';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}

async function stopAndRemove(config: Config, engine: Engine, { name }: LocalJob): Promise<void> {
  const ref = { engine: engine.name, name };
  await engine.stop(ref);
  while ((await engine.describe(ref)).status === 'running') await sleep(100);
  await removeJob(config.jobsFolder, name);
}

/** What was left when something of ours was killed: young ones may still be in use. */
async function removeTemporary(config: Config, dryRun: boolean): Promise<void> {
  const uploads = join(config.storageFolder, 'uploads');
  for (const name of await readdir(uploads).catch(() => [])) {
    const path = join(uploads, name);
    const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
    if (!name.startsWith('.') || age < anHourMs) continue;
    print(`${dryRun ? 'would remove' : 'remove'} ${path}`);
    if (!dryRun) await rm(path, { recursive: true, force: true });
  }
  if (!dryRun)
    for (const name of await removeLeftovers(config.jobsFolder))
      print(`remove ${join(config.jobsFolder, name)}`);
}
