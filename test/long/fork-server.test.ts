import { expect, it } from 'vitest';
import { createBench, isolations, shell } from '../engines/process/fixtures.ts';
import { processesWith } from '../support/processes.ts';
import { until } from '../support/until.ts';

it.runIf(process.platform === 'linux')(
  'a fork server that somebody stopped holds no job up for ever',
  async () => {
    const bench = createBench(isolations[0]!);
    await bench.run('before', shell('true'));
    await until(async () => (await processesWith(bench.jobsDir)).length === 1);
    const [stopped] = await processesWith(bench.jobsDir);
    process.kill(stopped!.pid, 'SIGSTOP');
    expect(await bench.run('meanwhile', shell('true'))).toMatchObject({ status: 'succeeded' });
    expect((await processesWith(bench.jobsDir)).map(({ pid }) => pid)).not.toContain(stopped!.pid);
  },
);
