import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig, type Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { LocalEngine, LocalJob } from '../engines/engine.ts';
import { createLocalEngines } from '../worker.ts';
import { exitCodes } from './errors.ts';
import { askOwners, type Ownership } from './job-owners.ts';
import { print, say } from './output.ts';

interface CleanOptions {
  dryRun?: true;
  unknown?: true;
}

const anHourMs = 3_600_000;

/** Stops and removes what no open run owns: jobs and temporary files, never outputs or models. */
export async function cleanCommand({ dryRun, unknown }: CleanOptions): Promise<number> {
  const config = readConfig();
  const jobs = await listJobs(config);
  const owners = await askOwners(config, jobs).catch(tellUnreachable);
  const ownedBy = (owner: Ownership) => jobs.filter(({ name }) => owners?.get(name) === owner);
  const removable = [...ownedBy('closed'), ...(unknown ? ownedBy('unknown') : [])];
  if (!unknown) tellKept(ownedBy('unknown'));
  for (const { name, state } of removable) {
    print(`${dryRun ? 'would ' : ''}${state === 'running' ? 'stop and ' : ''}remove ${name} (${state})`);
  }
  if (!dryRun) await stopAndRemove(removable);
  for (const path of await temporaryFiles(config)) {
    print(`${dryRun ? 'would remove' : 'remove'} ${path}`);
    if (!dryRun) await rm(path, { recursive: true, force: true });
  }
  return owners === null ? exitCodes.other : 0;
}

/** A job that has ended may still be waited for, too: without an answer none is touched. */
function tellUnreachable(error: unknown): null {
  if (!(error instanceof SluiceError)) throw error;
  say(`No job is touched, since nobody can say which runs are open: ${error.message}`);
  return null;
}

function tellKept(jobs: readonly LocalJob[]): void {
  if (jobs.length === 0) return;
  const running = jobs.filter(({ state }) => state === 'running').map(({ name }) => name);
  say(
    `${jobs.length} jobs are kept, since this server does not know their runs and another may; --unknown removes them too` +
      (running.length === 0 ? '' : ` (running: ${running.join(', ')})`),
  );
}

type OwnedJob = LocalJob & { engine: LocalEngine };

async function listJobs(config: Config): Promise<OwnedJob[]> {
  const { process, container } = createLocalEngines(config);
  const lists = await Promise.all(
    [process, container].map(async (engine) => (await engine.list()).map((job) => ({ ...job, engine }))),
  );
  return lists.flat();
}

async function stopAndRemove(jobs: readonly OwnedJob[]): Promise<void> {
  const refOf = ({ name, engine }: OwnedJob) => ({ engine: engine.name, name });
  // All at once: each may take its grace.
  await Promise.all(jobs.map((job) => job.engine.stop(refOf(job))));
  for (const job of jobs) {
    while (!(await job.engine.remove(job.name))) {
      // Asking also ends what has lost its supervisor.
      await job.engine.describe(refOf(job));
      await sleep(100);
    }
  }
}

/** What was left when something of ours was killed: young ones may still be in use. */
async function temporaryFiles({ storageFolder, jobsFolder }: Config): Promise<string[]> {
  const places = [
    { folder: join(storageFolder, 'uploads'), pattern: /^\./ },
    { folder: jobsFolder, pattern: /^\.(new|old|probe)-/ },
  ];
  const found: string[] = [];
  for (const { folder, pattern } of places) {
    for (const name of (await readdir(folder).catch(() => [])).filter((entry) => pattern.test(entry))) {
      const info = await stat(join(folder, name)).catch(() => null);
      if (info !== null && Date.now() - info.mtimeMs > anHourMs) found.push(join(folder, name));
    }
  }
  return found;
}
