import { chmodSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeDocker } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { buildImage, createContainerBench, processingJob, shell, trainingJob, writeFiles } from './jobs.ts';

describeDocker('an image whose user is not root', () => {
  const bench = createContainerBench();
  let image: string;
  beforeAll(async () => {
    image = await buildImage(
      'user',
      'RUN mkdir -p /opt/ml/model && chown 0:0 /opt/ml /opt/ml/model\nUSER 1000',
    );
  });
  const privateFolder = (name: string) => {
    const folder = writeFiles(join(bench.folder, name), { 'a.csv': 'private\n', 'deep/b.csv': 'deeper\n' });
    for (const path of ['a.csv', 'deep/b.csv']) chmodSync(join(folder, path), 0o600);
    for (const path of ['deep', '.']) chmodSync(join(folder, path), 0o700);
    return folder;
  };

  it('writes to all folders of a training job and reads what only the owner may read here', async () => {
    const folder = privateFolder('train');
    const before = statSync(join(folder, 'a.csv'), { bigint: true });
    const script = `id -u; for d in model output output/data checkpoints code input/data; do touch $d/by-user; done
      mkdir model/code; cat input/data/train/a.csv input/data/train/deep/b.csv input/data/one/a.csv
      cat input/config/*.json > /dev/null; cp input/data/train/a.csv model`;
    const channels = { train: folder, one: join(folder, 'a.csv') };
    expect(await bench.run('train', trainingJob(bench, script, { image, channels }))).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log('train').trim().split('\n')).toEqual(['1000', 'private', 'deeper', 'private']);
    const after = statSync(join(folder, 'a.csv'), { bigint: true });
    expect([after.mode, after.uid, after.mtimeNs, after.ctimeNs]).toEqual([
      before.mode,
      before.uid,
      before.mtimeNs,
      before.ctimeNs,
    ]);
  });

  it('writes outputs and messages of a processing job', async () => {
    const out = join(bench.folder, 'out');
    const script = `cat /opt/ml/config/*.json > /dev/null; printf fine > /opt/ml/output/message
      cp -r /opt/ml/processing/input/data /opt/ml/processing/output/out; mkdir /opt/ml/processing/more`;
    const parts = { image, inputs: { data: privateFolder('processing') }, outputs: { out } };
    expect(await bench.run('processing', shell(script, parts))).toMatchObject({
      status: 'succeeded',
      exitMessage: 'fine',
    });
    expect(readFileSync(join(out, 'data/a.csv'), 'utf8')).toBe('private\n');
  });

  it('tells in its own words why it failed', async () => {
    const job = shell('echo no rows > /opt/ml/output/failure; exit 4', { image });
    expect(await bench.run('fails', job)).toMatchObject({
      status: 'failed',
      reason: 'no rows (exit code 4)',
    });
  });

  it('has an input mounted that everybody may read', async () => {
    const folder = writeFiles(join(bench.folder, 'public'), { 'a.csv': 'public\n' });
    chmodSync(folder, 0o755);
    const script = 'cd /opt/ml/processing/input/data; cat a.csv; grep -c $PWD /proc/self/mounts';
    await bench.run('public', shell(script, { image, inputs: { data: folder } }));
    expect(bench.log('public')).toBe('public\n1\n');
  });

  it('can be left in the middle of what is sent to it, and is taken up again', async () => {
    const folder = writeFiles(join(bench.folder, 'long'), { 'big.bin': '' });
    truncateSync(join(folder, 'big.bin'), 2 ** 31);
    chmodSync(join(folder, 'big.bin'), 0o600);
    const job = shell('stat -c %s /opt/ml/processing/input/data/*', { image, inputs: { data: folder } });
    const left = new AbortController();
    const ensured = bench.engine.ensure(bench.name('long'), job, left.signal);
    await until(async () => (await bench.containers('long')).length === 1);
    setTimeout(() => left.abort(new Error('left')), 100);
    await expect(ensured).rejects.toThrow('left');
    truncateSync(join(folder, 'big.bin'), 5);
    expect(await bench.run('long', job)).toMatchObject({ status: 'succeeded' });
    expect(bench.log('long')).toBe('5\n');
  });

  it('gets its share of several hosts', async () => {
    const job = processingJob(['sh', '-c', 'cat /opt/ml/processing/input/data/*'], {
      image,
      inputs: { data: privateFolder('hosts') },
      sharded: ['data'],
      instanceCount: 2,
    });
    await bench.run('hosts', job);
    expect(bench.log('hosts')).toContain('algo-1: private\n');
  });
});
