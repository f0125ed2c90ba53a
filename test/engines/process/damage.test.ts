import { existsSync, readFileSync, rmSync, truncateSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listJobs } from '../../../src/engines/local/job-folder.ts';
import { failureOf } from '../../support/folders.ts';
import { createBench, isolations, prepareOnly, shell, waitUntil } from './fixtures.ts';

/** How much of a file a loss of power has left. */
const remains: [what: string, share: number][] = [
  ['an empty', 0],
  ['half of the', 0.5],
];

describe.each(isolations)('the folder of a job after a loss of power, isolation %s', (isolation) => {
  const bench = createBench(isolation);
  const file = (job: string, name: string) => join(bench.jobsDir, job, name);
  const cut = (path: string, share: number) => truncateSync(path, Math.floor(statSync(path).size * share));
  const ledger = join(bench.folder, 'ledger');
  const job = (name: string) => shell(`echo ${name} >> ${ledger}`);
  const starts = (name: string) =>
    existsSync(ledger)
      ? readFileSync(ledger, 'utf8')
          .split('\n')
          .filter((line) => line === name).length
      : 0;
  const lost = { status: 'failed', code: 'JobLost' };

  it.each(remains)('with %s request.json is a lost job, and is not started again', async (_, share) => {
    const name = `request-${share * 10}`;
    await bench.run(name, job(name));
    cut(file(name, 'request.json'), share);
    expect(await bench.ended(name)).toMatchObject({ ...lost, reason: expect.stringContaining('damaged') });
    expect(await failureOf(bench.start(name, job(name)))).toMatchObject({
      code: 'JobLost',
      retryable: false,
    });
    expect(starts(name)).toBe(1);
    expect((await listJobs(bench.jobsDir, 'process')).find((found) => found.name === name)).toMatchObject({
      state: 'ended',
      tags: {},
    });
  });

  it.each(remains)('with %s started.json is a lost job, and is not started again', async (_, share) => {
    const name = `started-${share * 10}`;
    await bench.run(name, job(name));
    cut(file(name, 'started.json'), share);
    rmSync(file(name, 'exit.json'));
    await bench.start(name, job(name));
    const state = await bench.ended(name);
    expect(state).toMatchObject({ ...lost, startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) });
    expect(starts(name)).toBe(1);
  });

  it.each(remains)('with %s exit.json is a lost job, and is not started again', async (_, share) => {
    const name = `exit-${share * 10}`;
    await bench.run(name, job(name));
    cut(file(name, 'exit.json'), share);
    await bench.start(name, job(name));
    expect(await bench.ended(name)).toMatchObject(lost);
    expect(starts(name)).toBe(1);
  });

  it.each([...remains, ['all but the end of the', 0.98] as const])(
    'with %s plan is a lost job that never ran',
    async (_, share) => {
      const name = `plan-${Math.floor(share * 100)}`;
      await prepareOnly(isolation, bench.jobsDir, name, job(name));
      cut(file(name, 'plan'), share);
      await bench.start(name, job(name));
      expect(await bench.ended(name)).toMatchObject({ ...lost, reason: expect.stringContaining('damaged') });
      expect(starts(name)).toBe(0);
    },
  );

  it('with an empty request.json can still be stopped while it runs', async () => {
    await bench.start('live', shell(`echo live >> ${ledger}; sleep 60`));
    await waitUntil('it runs', () => starts('live') === 1);
    truncateSync(file('live', 'request.json'));
    expect(await bench.describe('live')).toMatchObject({ status: 'running' });
    await bench.stop('live');
    expect(await bench.ended('live')).toMatchObject(lost);
  });
});
