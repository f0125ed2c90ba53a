import { readConfig } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { Ownership } from '../core/sweep.ts';
import type { LocalJob } from '../engines/engine.ts';
import type { LocalEngines } from '../engines/local-engines.ts';
import { createLocalEngines } from '../machine.ts';
import { temporaryFiles, unusedImages } from './clean/leftovers.ts';
import { removeJobs, within, type OwnedJob } from './clean/remove-jobs.ts';
import { exitCodes } from './errors.ts';
import { askOwners } from './job-owners.ts';
import { print, say } from './output.ts';

interface CleanOptions {
  dryRun?: true;
  unknown?: true;
}

const answerMs = 60_000;

/**
 * Stops and removes what no open run owns: jobs, temporary files, images of a former content; never outputs or models. What cannot
 * be removed is told, and the rest is removed all the same.
 */
export async function cleanCommand({ dryRun, unknown }: CleanOptions): Promise<number> {
  const config = readConfig();
  const engines = createLocalEngines(config);
  const kept: string[] = [];
  const keep = (what: string, why: string) => {
    kept.push(what);
    say(`${what} stays: ${why}`);
  };
  const jobs = await listJobs(engines, keep);
  const owners = await askOwners(config, jobs).catch(tellUnreachable);
  const ownedBy = (owner: Ownership) => jobs.filter(({ name }) => owners?.get(name) === owner);
  const removable = [...ownedBy('closed'), ...(unknown ? ownedBy('unknown') : [])];
  if (!unknown) tellKept(ownedBy('unknown'));
  for (const { name, state } of removable) {
    print(`${dryRun ? 'would ' : ''}${state === 'running' ? 'stop and ' : ''}remove ${name} (${state})`);
  }
  if (!dryRun) await removeJobs(removable, keep);
  const images = attempt('the framework images', () => unusedImages(engines.unusedImages), keep);
  for (const { what, remove } of [...(await temporaryFiles(config)), ...((await images) ?? [])]) {
    print(`${dryRun ? 'would remove' : 'remove'} ${what}`);
    if (dryRun) continue;
    const isRemoved = await attempt(what, remove, keep);
    if (isRemoved === false) keep(what, 'a container needs it');
  }
  return owners === null || kept.length > 0 ? exitCodes.other : 0;
}

type Keep = (what: string, why: string) => void;

/** Null if it failed, which is told. */
async function attempt<Result>(
  what: string,
  work: () => Promise<Result>,
  keep: Keep,
): Promise<Result | null> {
  try {
    return await within(answerMs, work());
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    keep(what, error.message);
    return null;
  }
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

async function listJobs({ process, container }: LocalEngines, keep: Keep): Promise<OwnedJob[]> {
  const lists = await Promise.all(
    [process, container].map(async (engine) => {
      const jobs = await attempt(`what the ${engine.name} engine has`, () => engine.list(), keep);
      return (jobs ?? []).map((job) => ({ ...job, engine }));
    }),
  );
  return lists.flat();
}
