import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import type { JobRequest, JobState } from '../../src/core/jobs.ts';
import {
  buildImage,
  childCommand,
  createContainerBench,
  shell,
  trainingJob,
  writeFiles,
} from '../engines/container/jobs.ts';
import { describeDocker } from '../support/docker.ts';

const gigabyte = 2 ** 30;
const mostMb = 150;
const minutes = 60_000;

describeDocker('a gigabyte', () => {
  const bench = createContainerBench();
  let image: string;
  beforeAll(async () => {
    image = await buildImage('user', 'USER 1000');
  });

  const run = async (short: string, job: JobRequest) => {
    const { command, args } = childCommand(bench, short, job);
    const { stdout } = await promisify(execFile)(command, args);
    return JSON.parse(stdout) as { state: JobState; grownMb: number };
  };

  it(
    'is sent to a container without filling the memory of the worker',
    { timeout: 5 * minutes },
    async () => {
      const folder = writeFiles(join(bench.folder, 'input'), { 'big.bin': '', 'small.txt': 'last' });
      truncateSync(join(folder, 'big.bin'), gigabyte);
      // Not to be mounted: the user of the image could not read it.
      chmodSync(join(folder, 'big.bin'), 0o600);
      const script =
        'cd /opt/ml/processing/input/data; stat -c %s big.bin; cat small.txt; ! grep -q $PWD /proc/mounts';
      const { state, grownMb } = await run('sent', shell(script, { image, inputs: { data: folder } }));
      expect(state).toMatchObject({ status: 'succeeded' });
      expect(bench.log('sent')).toBe(`${gigabyte}\nlast`);
      expect(grownMb).toBeLessThan(mostMb);
    },
  );

  it(
    'is brought home as a model without filling the memory of the worker',
    { timeout: 10 * minutes },
    async () => {
      const job = trainingJob(bench, `head -c ${gigabyte} /dev/urandom > model/m; sha256sum < model/m`);
      const { state, grownMb } = await run('model', job);
      expect(state).toMatchObject({ status: 'succeeded' });
      expect(grownMb).toBeLessThan(mostMb);
      const sum = execFileSync('sh', [
        '-c',
        'tar -xzOf "$0" m | sha256sum',
        bench.trained('model', 'model.tar.gz'),
      ]);
      expect(bench.log('model')).toBe(sum.toString());
    },
  );

  it('is brought home in an output folder, owned by the worker', { timeout: 5 * minutes }, async () => {
    const out = join(bench.folder, 'out');
    const script = `cd /opt/ml/processing/output/out; head -c ${gigabyte} /dev/urandom > big; sha256sum < big`;
    const { state, grownMb } = await run('folder', shell(script, { image, outputs: { out } }));
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(grownMb).toBeLessThan(mostMb);
    expect(statSync(join(out, 'big')).uid).toBe(process.getuid?.());
    expect(execFileSync('sh', ['-c', 'sha256sum < "$0"', join(out, 'big')]).toString()).toBe(
      bench.log('folder'),
    );
    expect(readFileSync(join(bench.jobsDir, bench.name('folder'), 'exit.json'), 'utf8')).toContain(
      '"exitCode":0',
    );
  });
});
