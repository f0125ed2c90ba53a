import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/errors.ts';
import { engineAway } from '../../engines/container/describe.ts';
import type { LocalEngine, LocalJob } from '../../engines/engine.ts';

export type OwnedJob = LocalJob & { engine: LocalEngine };

const pauseMs = 100;
const answerMs = 60_000;

/**
 * Stops and removes jobs, each as far as its engine lets it; `keep` hears of those that stay, and why.
 * @param limitMs - how long an engine may take for one answer; the end of a job may take as long as its grace.
 */
export async function removeJobs(
  jobs: readonly OwnedJob[],
  keep: (name: string, why: string) => void,
  limitMs = answerMs,
): Promise<void> {
  // All at once: each may take its grace.
  const stopped = await Promise.all(jobs.map((job) => attempt(() => stop(job, limitMs))));
  for (const [index, job] of jobs.entries()) {
    const why = stopped[index] ?? (await attempt(() => remove(job, limitMs)));
    if (why !== null) keep(job.name, why);
  }
}

/** Why it could not be done, null if it was. */
async function attempt(work: () => Promise<string | null>): Promise<string | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SluiceError) return error.message;
    throw error;
  }
}

const refOf = ({ name, engine }: OwnedJob) => ({ engine: engine.name, name });

async function stop(job: OwnedJob, limitMs: number): Promise<null> {
  await within(limitMs, job.engine.stop(refOf(job)));
  return null;
}

async function remove(job: OwnedJob, limitMs: number): Promise<string | null> {
  while (!(await within(limitMs, job.engine.remove(job.name)))) {
    // Asking also ends what has lost its supervisor.
    const state = await within(limitMs, job.engine.describe(refOf(job)));
    if (state.status === 'running' && state.phase === engineAway) return engineAway;
    await sleep(pauseMs);
  }
  return null;
}

/** An engine that stands still takes a question and never answers. */
export async function within<Answer>(limitMs: number, answer: Promise<Answer>): Promise<Answer> {
  const over = new AbortController();
  const late = sleep(limitMs, null, { signal: over.signal }).then(
    () => {
      throw new SluiceError('EngineUnavailable', `its engine does not answer within ${limitMs / 1000} s`);
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}
