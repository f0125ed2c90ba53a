import { expect, it } from 'vitest';
import { removeJobs, type OwnedJob } from '../../src/cli/clean/remove-jobs.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { engineAway } from '../../src/engines/container/describe.ts';
import type { LocalEngine } from '../../src/engines/engine.ts';

/** An engine of which each job is as its name says. */
function createEngine(): { engine: LocalEngine; removed: string[] } {
  const removed: string[] = [];
  const asked = new Map<string, number>();
  const engine: LocalEngine = {
    name: 'container',
    check: () => undefined,
    ensure: () => Promise.reject(new Error('not here')),
    async stop({ name }) {
      if (name === 'stuck') await new Promise(() => undefined);
      if (name === 'deaf') throw new SluiceError('StorageError', 'the disk is full');
    },
    describe: ({ name }) =>
      Promise.resolve({
        status: 'running',
        phase: name === 'away' ? engineAway : 'stopping',
        startedAt: null,
      }),
    list: () => Promise.resolve([]),
    remove(name) {
      if (name === 'refused')
        return Promise.reject(new SluiceError('EngineUnavailable', 'connect ECONNREFUSED'));
      if (name === 'broken') return Promise.reject(new TypeError('a mistake of ours'));
      if (name === 'away') return Promise.resolve(false);
      const before = asked.get(name) ?? 0;
      asked.set(name, before + 1);
      if (name === 'slow' && before < 2) return Promise.resolve(false);
      removed.push(name);
      return Promise.resolve(true);
    },
    pollIntervalMs: () => 1,
  };
  return { engine, removed };
}

const jobsOf = (engine: LocalEngine, ...names: string[]): OwnedJob[] =>
  names.map((name) => ({ name, engine, state: 'running', tags: {}, createdAt: new Date() }));

it('jobs are removed as far as their engine lets them, and of the others is told why they stay', async () => {
  const { engine, removed } = createEngine();
  const kept: Record<string, string> = {};
  const jobs = jobsOf(engine, 'stuck', 'deaf', 'away', 'refused', 'slow', 'over');
  await removeJobs(jobs, (name, why) => (kept[name] = why), 300);
  expect(removed).toEqual(['slow', 'over']);
  expect(kept).toEqual({
    stuck: 'its engine does not answer within 0.3 s',
    deaf: 'the disk is full',
    away: 'its engine does not answer',
    refused: 'connect ECONNREFUSED',
  });
});

it('a mistake of ours is no reason to go on', async () => {
  const { engine } = createEngine();
  await expect(removeJobs(jobsOf(engine, 'broken'), () => undefined)).rejects.toThrow('a mistake of ours');
});
