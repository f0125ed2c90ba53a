import { expect, it } from 'vitest';
import { describeDocker } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { createBench, jobName, pythonJob, shell } from './fixtures.ts';
import { expectBigLog } from './big-log.ts';

describeDocker('the log of a container job', () => {
  const bench = createBench();
  const run = async (what: string, script: string) => {
    const name = jobName(what);
    expect(await bench.run(name, pythonJob(`import os,sys\n${script}`))).toMatchObject({
      status: 'succeeded',
    });
    return name;
  };

  it('has every character, and a mark for every byte that is none, with or without a newline at its end', async () => {
    const bytes = await run('bytes', 'os.write(1, "ü☃😀\\n".encode() + bytes(range(256)))');
    const any = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    expect(bench.log(bytes)).toBe(`ü☃😀\n${any.toString('utf8')}`);
    const open = await run('open-end', 'os.write(1, b"one\\ntwo")');
    expect(bench.log(open)).toBe('one\ntwo');
    const none = await run('no-log', 'pass');
    expect(bench.log(none)).toBe('');
  });

  it('has lines of a megabyte whole', async () => {
    const name = await run('long-lines', 'for c in "abc": sys.stdout.write(c * (1 << 20) + "\\n")');
    const lines = bench.log(name).split('\n');
    expect(lines.map((line) => [line[0], line.length])).toEqual([
      ['a', 1 << 20],
      ['b', 1 << 20],
      ['c', 1 << 20],
      [undefined, 0],
    ]);
  });

  it('has the lines of each stream in their order', async () => {
    const name = await run(
      'streams',
      'for i in range(2000): os.write(1, b"out %d\\n" % i); os.write(2, b"err %d\\n" % i)',
    );
    const lines = bench.log(name).trim().split('\n');
    for (const stream of ['out', 'err']) {
      expect(lines.filter((line) => line.startsWith(stream))).toEqual(
        Array.from({ length: 2000 }, (_, index) => `${stream} ${index}`),
      );
    }
  });

  it('has every line once although its supervisor is killed again and again', async () => {
    const name = jobName('replaced');
    const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo out $i; echo err $i >&2; done';
    await bench.start(name, shell(script));
    for (let kill = 0; kill < 4; kill += 1) {
      const size = (kill + 1) * 100_000;
      await until(
        async () => (await bench.describe(name)).status !== 'running' || bench.log(name).length > size,
      );
      if ((await bench.describe(name)).status !== 'running') break;
      await bench.killSupervisor(name).catch(() => undefined);
    }
    expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
    const lines = bench.log(name).trim().split('\n');
    expect(lines).toHaveLength(120_000);
    expect(new Set(lines).size).toBe(120_000);
  });

  it('of 60 MB is brought home, and does not fill the worker', () => expectBigLog(bench, jobName('big'), 60));

  it('does not keep a stop waiting, however much is written', async () => {
    const name = jobName('loud');
    await bench.start(name, shell('yes', { local: { stopGraceSeconds: 0 } }));
    await until(() => bench.log(name).length > 1_000_000);
    await bench.stop(name);
    expect(await bench.ended(name)).toMatchObject({ status: 'stopped' });
    expect(bench.log(name)).toMatch(/sluice: the log ends here: the job was stopped\n$/);
  });
});
