import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeDocker } from '../../support/docker.ts';
import {
  canMount,
  createBench,
  jobName,
  leftovers,
  makeFolder,
  ourContainers,
  shell,
  training,
} from './fixtures.ts';

const otherDevice = '/dev/shm';
const hasOtherDevice = existsSync(otherDevice) && statSync(otherDevice).dev !== statSync('/tmp').dev;

async function onSmallDisk(megabytes: number, use: (folder: string) => Promise<void>): Promise<void> {
  const small = makeFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', small]);
  try {
    await use(small);
  } finally {
    execFileSync('umount', [small]);
  }
}

describeDocker('the outputs of a container job', () => {
  const bench = createBench();
  const both = 'cd /opt/ml/processing/output; echo x > a/x;';
  const big = `${both} head -c 6000000 /dev/urandom > b/big`;
  const outputs = (folder: string) => ({ a: join(folder, 'deep/a'), b: join(folder, 'deep/b') });

  it.runIf(hasOtherDevice)('appear whole on another file system', async () => {
    const folder = mkdtempSync(join(otherDevice, 'sluice-'));
    try {
      const job = shell(`${both} mkdir b/d; echo y > b/d/y`, { outputs: outputs(folder) });
      expect(await bench.run(jobName('far'), job)).toMatchObject({ status: 'succeeded' });
      expect(readFileSync(join(folder, 'deep/b/d/y'), 'utf8')).toBe('y\n');
      const name = jobName('far-train');
      const made = training('open("/opt/ml/model/m","w").write("m")', folder);
      expect(await bench.run(name, made)).toMatchObject({ status: 'succeeded' });
      expect(readdirSync(join(folder, name, 'output'))).toEqual(['model.tar.gz']);
      expect(readdirSync(folder).sort()).toEqual(['deep', name].sort());
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.runIf(canMount)('leave nothing behind where storage is full, and may be made again', async () => {
    await onSmallDisk(4, async (small) => {
      const name = jobName('full');
      const state = await bench.run(name, shell(big, { outputs: outputs(small) }));
      expect(state).toMatchObject({ status: 'failed', code: 'StorageError' });
      expect((state as { reason: string }).reason).toContain('no space left on device');
      expect(readdirSync(small)).toEqual([]);
      const train = 'import os; open("/opt/ml/model/m","wb").write(os.urandom(6000000))';
      const trained = await bench.run(jobName('full-train'), training(train, small));
      expect(trained).toMatchObject({ status: 'failed', code: 'StorageError' });
      expect(readdirSync(small)).toEqual([]);
      expect(leftovers(bench)).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=64m', small]);
      const again = await bench.run(jobName('full-again'), shell(big, { outputs: outputs(small) }));
      expect(again).toMatchObject({ status: 'succeeded' });
      expect(readdirSync(join(small, 'deep')).sort()).toEqual(['a', 'b']);
    });
    expect(await ourContainers()).toEqual([]);
  });

  it.runIf(canMount)('leave nothing behind where the folder of jobs is full', async () => {
    await onSmallDisk(4, async (small) => {
      const full = createBench({ jobsDir: join(small, 'jobs') });
      const name = jobName('full-jobs');
      const state = await full.run(name, shell(big, { outputs: outputs(small) }));
      expect(state).toMatchObject({ status: 'failed', code: 'StorageError' });
      expect(existsSync(join(small, 'deep'))).toBe(false);
      expect(leftovers(full)).toEqual([]);
    });
    expect(await ourContainers()).toEqual([]);
  });

  it.runIf(canMount)('come although the log is larger than the disk, which the log says', async () => {
    await onSmallDisk(4, async (small) => {
      const full = createBench({ jobsDir: join(small, 'jobs') });
      const name = jobName('full-log');
      const out = join(bench.folder, 'full-log');
      const script = 'yes $(seq 300) | head -c 9000000; echo x > /opt/ml/processing/output/out/x';
      const state = await full.run(name, shell(script, { outputs: { out } }));
      expect(state).toMatchObject({ status: 'succeeded' });
      expect(readdirSync(out)).toEqual(['x']);
      expect(full.log(name)).toMatch(
        /^1 2 3 [\d \n]+\nsluice: the log ends here: No space left on device\n$/,
      );
    });
    expect(await ourContainers()).toEqual([]);
  });

  it.runIf(canMount)('do not begin where there is no room for the job itself', async () => {
    await onSmallDisk(4, async (small) => {
      const full = createBench({ jobsDir: join(small, 'jobs') });
      execFileSync('sh', ['-c', `head -c 9000000 /dev/zero > ${join(small, 'ballast')} || true`], {
        stdio: 'ignore',
      });
      const name = jobName('no-room');
      await expect(full.start(name, shell('true'))).rejects.toMatchObject({ code: 'ENOSPC' });
      rmSync(join(small, 'ballast'));
      expect(await full.run(name, shell('true'))).toMatchObject({ status: 'succeeded' });
      expect(leftovers(full)).toEqual([]);
    });
    expect(await ourContainers()).toEqual([]);
  });
});
