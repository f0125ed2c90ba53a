import { it } from 'vitest';
import { describeDocker } from '../support/docker.ts';
import { expectBigLog } from '../engines/container/big-log.ts';
import { createBench, jobName } from '../engines/container/fixtures.ts';

describeDocker('the log of a container job', () => {
  const bench = createBench();

  it('of 1 GB is brought home whole, and does not fill the worker', { timeout: 20 * 60_000 }, () =>
    expectBigLog(bench, jobName('huge'), 1000),
  );
});
