import type { LocalEngine, LocalJob } from '../engine.ts';
import { exists } from '../local/job-folder.ts';
import { createdAt, readRecord, removeStaging, stagedNames, stagingFolder } from './staging-folder.ts';

/** The engine with what staging left of its jobs: listed where the engine itself has no such job, and removed with the job. */
export function withStaging(engine: LocalEngine, folder: string): LocalEngine {
  return {
    ...engine,

    async list() {
      const jobs = await engine.list();
      const known = new Set(jobs.map(({ name }) => name));
      const others = (await stagedNames(folder)).filter((name) => !known.has(name));
      const staged = await Promise.all(others.map((name) => describeStaging(engine, folder, name)));
      return [...jobs, ...staged.filter((job) => job !== null)].sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async remove(name) {
      if (!(await engine.remove(name))) return false;
      await removeStaging(folder, name);
      return true;
    },
  };
}

/** Null if it was removed in the meantime, or is another engine's. */
async function describeStaging(
  { name: engine }: LocalEngine,
  folder: string,
  name: string,
): Promise<LocalJob | null> {
  const files = stagingFolder(folder, name);
  // Of a damaged one nobody knows the engine; somebody has to name it.
  const damaged = { engine: 'process', tags: {} };
  const record = await readRecord(files).catch(() => damaged);
  if (record?.engine !== engine) return null;
  const state = exists(files.ended) ? 'ended' : 'prepared';
  return { name, tags: record.tags, createdAt: await createdAt(files), state };
}
