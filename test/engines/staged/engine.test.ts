import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.ts';
import type { ModelBody, TransformJob } from '../../../src/core/jobs.ts';
import { withStaging } from '../../../src/engines/staged/cleaning.ts';
import type { LocalEngine } from '../../../src/engines/engine.ts';
import { failureOf } from '../../support/folders.ts';
import { describeS3 } from '../../support/s3-server.ts';
import {
  base,
  makeFolder,
  shell,
  tinyServe,
  trainingJob,
  waitUntil,
  writeFiles,
} from '../process/fixtures.ts';
import { createLedger, createStage, never, see } from './fixtures.ts';

const model: ModelBody = {
  PrimaryContainer: { Image: 'sluice/tiny:1', ModelDataUrl: 'file:///m.tar.gz', Environment: {} },
};
const stage = createStage({
  frameworksDir: writeFiles(makeFolder(), {
    'script-mode/serve': tinyServe,
    'tiny/Dockerfile': '',
    'sklearn/Dockerfile': '',
  }),
  findModel: () => Promise.resolve(model),
  extractModel: (_uri, folder) => {
    writeFiles(folder, { prefix: '>' });
    return Promise.resolve();
  },
});
const ml = `${base}/processing`;
const after = ['ended.json', 'record.json'];

describeS3('a processing job of this machine with its data on S3', () => {
  it('finds folders and objects at their places, and its outputs are on S3 before it has succeeded', async () => {
    await stage.putFiles({
      'data/a.csv': '1\n',
      'data/deep/b.csv': '2\n',
      'data2/c.csv': '3\n',
      'm/model.tar.gz': 'm',
    });
    const job = stage.onS3(
      shell(
        `cd ${ml}; find input -type f | sort > output/list/names; cat input/data/deep/b.csv > output/copy/b.csv; mkdir output/copy/x; echo y > output/copy/x/y`,
        {
          inputs: { data: '/data', model: '/m/model.tar.gz' },
          outputs: { list: '/out/list', copy: '/out/copy' },
        },
      ),
    );
    job.body.ProcessingInputs[0]!.S3Input.S3Uri += '/';
    const state = await see(stage.worker(), 'good', job);
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(stage.text('out/list/names').trim().split('\n')).toEqual([
      'input/data/a.csv',
      'input/data/deep/b.csv',
      'input/model/model.tar.gz',
    ]);
    expect(stage.objects().filter((key) => key.startsWith('out/'))).toEqual([
      'out/copy/b.csv',
      'out/copy/x/y',
      'out/list/names',
    ]);
    expect(stage.left('good')).toEqual(after);
    expect(await stage.worker().describe({ engine: 'process', name: 'good' })).toEqual(state);
    expect(await see(stage.worker(), 'good', job)).toEqual(state);
  });

  it('may have some of its data here', async () => {
    await stage.putFiles({ 'data/a.csv': '1\n' });
    const here = writeFiles(makeFolder(), { 'b.csv': '2\n' });
    const job = shell(`cd ${ml}; cat input/*/*.csv > output/all/all`, {
      inputs: { data: here, more: '/data' },
      outputs: { all: '/all' },
    });
    job.body.ProcessingInputs[1]!.S3Input.S3Uri = `s3://${stage.bucket()}/data`;
    job.body.ProcessingOutputConfig.Outputs[0]!.S3Output.S3Uri = `s3://${stage.bucket()}/all`;
    expect(await see(stage.worker(), 'mixed', job)).toMatchObject({ status: 'succeeded' });
    expect(stage.text('all/all')).toBe('2\n1\n');
  });

  it('is nothing special without data on S3', async () => {
    expect(await see(stage.worker(), 'plain', shell('true'))).toMatchObject({ status: 'succeeded' });
    expect(stage.left('plain')).toEqual([]);
  });

  it.each([
    ['nothing', 'none'],
    ['the beginning of a key', 'data/a'],
    ['an object with a slash behind it', 'data/a.csv/'],
  ])('is not made when its input is %s', async (_what, key) => {
    await stage.putFiles({ 'data/a.csv': '1\n' });
    const job = stage.onS3(shell('true', { inputs: { data: '/data' } }));
    job.body.ProcessingInputs[0]!.S3Input.S3Uri = `s3://${stage.bucket()}/${key}`;
    const name = `no-input-${key.replace(/\W/g, '-')}x`;
    expect(await failureOf(see(stage.worker(), name, job))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('name a folder'),
    });
    expect(await stage.bench.describe(name)).toEqual({ status: 'missing' });
  });

  it('uploads nothing when it fails', async () => {
    const job = stage.onS3(shell(`echo half > ${ml}/output/o/half; exit 3`, { outputs: { o: '/o' } }));
    const state = await see(stage.worker(), 'bad', job);
    expect(state).toMatchObject({ status: 'failed', exitCode: 3 });
    expect(stage.objects()).toEqual([]);
    expect(stage.left('bad')).toEqual(after);
    expect(await see(stage.worker(), 'bad', job)).toEqual(state);
  });

  it('stays missing when it was never made', async () => {
    expect(await stage.worker().describe({ engine: 'process', name: 'unknown' })).toEqual({
      status: 'missing',
    });
    await stage.worker().stop({ engine: 'process', name: 'unknown' });
    expect(stage.left('unknown')).toEqual([]);
  });

  it('is another than one of the same name from another request', async () => {
    await see(stage.worker(), 'same', stage.onS3(shell('true', { outputs: { o: '/o' } })));
    const other = stage.onS3(shell('true', { outputs: { o: '/other' } }));
    expect(await failureOf(see(stage.worker(), 'same', other))).toMatchObject({ code: 'SpecMismatch' });
  });

  it('is tried again when its outputs could not be uploaded, and did its work once', async () => {
    const { write, count } = createLedger();
    const job = stage.onS3(shell(`${write}; echo x > ${ml}/output/o/x`, { outputs: { o: '/o' } }));
    const broken = new SluiceError('StorageError', 'the bucket is away');
    const put = () => Promise.reject(broken);
    expect(await failureOf(see(stage.worker({ storage: { put } }), 'away', job))).toBe(broken);
    expect(stage.objects()).toEqual([]);
    expect(await see(stage.worker(), 'away', job)).toMatchObject({ status: 'succeeded' });
    expect(stage.text('o/x')).toBe('x\n');
    expect(count()).toBe(1);
  });
});

describeS3('a job with its data on S3 that is stopped', () => {
  const ref = (name: string) => ({ engine: 'process', name });

  it('uploads nothing', async () => {
    const job = stage.onS3(
      shell(`echo x > ${ml}/output/o/x; sleep 300`, { outputs: { o: '/o' }, graceSeconds: 0 }),
    );
    const engine = stage.worker();
    await engine.ensure('running', job, new AbortController().signal);
    await stage.worker().stop(ref('running'));
    expect(await see(engine, 'running', job)).toMatchObject({ status: 'stopped' });
    expect(stage.objects()).toEqual([]);
    expect(stage.left('running')).toEqual([...after, 'stop']);
  });

  it('never starts when that happens while its input is downloaded', async () => {
    await stage.putFiles({ 'data/a.csv': '1\n' });
    const job = stage.onS3(shell('true', { inputs: { data: '/data' } }));
    const { download } = stage.storage();
    const slow: typeof download = async (...parameters) => {
      await stage.worker().stop(ref('early'));
      await download(...parameters);
    };
    const engine = stage.worker({ storage: { download: slow } });
    expect(await see(engine, 'early', job)).toMatchObject({ status: 'stopped' });
    expect(await stage.bench.describe('early')).toEqual({ status: 'missing' });
  });

  it('is stopped by whoever looks next, if it was just being started', async () => {
    const job = stage.onS3(shell('sleep 300', { outputs: { o: '/o' }, graceSeconds: 0 }));
    const { ensure } = stage.bench.engine;
    const late: typeof ensure = async (...parameters) => {
      await stage.worker().stop(ref('late'));
      await ensure(...parameters);
      return never();
    };
    void stage.worker({ engine: { ensure: late } }).ensure('late', job, new AbortController().signal);
    await waitUntil('it runs', async () => (await stage.bench.describe('late')).status === 'running');
    expect(await see(stage.worker(), 'late', job)).toMatchObject({ status: 'stopped' });
  });

  it('has not succeeded when that happens before its outputs were uploaded', async () => {
    const job = stage.onS3(shell(`echo x > ${ml}/output/o/x`, { outputs: { o: '/o' } }));
    await stage.worker().ensure('over', job, new AbortController().signal);
    await stage.bench.ended('over');
    await stage.worker().stop(ref('over'));
    const state = await stage.worker().describe(ref('over'));
    expect(state).toMatchObject({ status: 'stopped' });
    expect(await stage.worker().describe(ref('over'))).toEqual(state);
    expect(stage.objects()).toEqual([]);
  });

  it('has succeeded when it had', async () => {
    const job = stage.onS3(shell('true', { outputs: { o: '/o' } }));
    const state = await see(stage.worker(), 'done', job);
    await stage.worker().stop(ref('done'));
    expect(await stage.worker().describe(ref('done'))).toEqual(state);
  });
});

describeS3('a training job of this machine with its data on S3', () => {
  it('finds its channels, an archive of code too, and leaves its archives where SageMaker would', async () => {
    await stage.putFiles({ 'train/a.csv': '1\n', 'code/sourcedir.tar.gz': 'code' });
    const script = `cd ${base}; find input/data -type f | sort > model/names; echo d > output/data/metrics.json; echo c > checkpoints/c`;
    const job = stage.onS3(
      trainingJob(['sh', '-ec', script], '/run/train', { train: '/train', code: '/code/sourcedir.tar.gz' }),
    );
    job.body.CheckpointConfig = {
      S3Uri: `s3://${stage.bucket()}/checkpoints`,
      LocalPath: '/opt/ml/checkpoints',
    };
    expect(await see(stage.worker(), 'training', job)).toMatchObject({ status: 'succeeded' });
    expect(stage.objects().filter((key) => /^(run|check)/.test(key))).toEqual([
      'run/train/training/output/model.tar.gz',
      'run/train/training/output/output.tar.gz',
    ]);
    const names = execFileSync('tar', ['xzO', 'names'], {
      input: stage.bytes('run/train/training/output/model.tar.gz'),
      encoding: 'utf8',
    });
    expect(names.trim().split('\n')).toEqual(['input/data/code/sourcedir.tar.gz', 'input/data/train/a.csv']);
    expect(stage.left('training')).toEqual(after);
  });
});

describeS3('a transform job of this machine with its data on S3', () => {
  const job = (input: string): TransformJob => ({
    kind: 'Transform',
    body: {
      ModelName: 'm',
      TransformInput: {
        DataSource: { S3DataSource: { S3Uri: `file:///${input}`, S3DataType: 'S3Prefix' } },
        SplitType: 'Line',
      },
      TransformOutput: { S3OutputPath: 'file:///answers/', AssembleWith: 'Line' },
      TransformResources: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge' },
      Environment: { SUFFIX: ':' },
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
    tags: {},
  });

  it('answers every object of a folder', async () => {
    await stage.putFiles({ 'batch/a.csv': 'a\nb\n', 'batch/deep/b.csv': 'c\n' });
    expect(await see(stage.worker(), 'folder', stage.onS3(job('batch/')))).toMatchObject({
      status: 'succeeded',
      records: 3,
    });
    expect(stage.objects().filter((key) => key.startsWith('answers'))).toEqual([
      'answers/a.csv.out',
      'answers/deep/b.csv.out',
    ]);
    expect(stage.text('answers/a.csv.out')).toBe('>:A\n>:B\n');
  });

  it('answers an object', async () => {
    await stage.putFiles({ 'batch/a b.csv': 'a\n' });
    const state = await see(stage.worker(), 'object', stage.onS3(job('batch/a b.csv')));
    expect(state).toMatchObject({ status: 'succeeded', records: 1 });
    expect(stage.text('answers/a b.csv.out')).toBe('>:A\n');
  });
});

describeS3('what jobs with their data on S3 leave on this machine', () => {
  const signal = new AbortController().signal;
  const engine = () => withStaging(stage.bench.engine as LocalEngine, stage.folder);
  const names = async () => (await engine().list()).map(({ name, state }) => `${name} ${state}`);

  it('is listed and removed with the job, and where the engine has none', async () => {
    const job = { ...stage.onS3(shell('true', { outputs: { o: '/o' } })), tags: { 'sluice:step': 'train' } };
    await see(stage.worker(), 'whole', job);
    await see(stage.worker(), 'half', job);
    await (stage.bench.engine as LocalEngine).remove('half');
    void stage.worker({ engine: { ensure: never } }).ensure('unmade', job, signal);
    await waitUntil('it is there', () => stage.left('unmade').length > 0);
    const mine = (await engine().list()).filter(({ name }) => ['half', 'unmade', 'whole'].includes(name));
    expect(mine.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'half ended',
      'unmade prepared',
      'whole ended',
    ]);
    for (const { name, tags } of mine) {
      expect(tags).toEqual({ 'sluice:step': 'train' });
      expect(await engine().remove(name)).toBe(true);
      expect(stage.left(name)).toEqual([]);
    }
    expect(await names()).not.toContain('whole ended');
  });

  it('stays while the job runs', async () => {
    const job = stage.onS3(shell('sleep 300', { outputs: { o: '/o' }, graceSeconds: 0 }));
    await stage.worker().ensure('lives', job, signal);
    expect(await engine().remove('lives')).toBe(false);
    expect(stage.left('lives')).toEqual(['record.json']);
    await stage.worker().stop({ engine: 'process', name: 'lives' });
    await see(stage.worker(), 'lives', job);
  });

  it('is listed for removal when its record is damaged', async () => {
    const job = stage.onS3(shell('true', { outputs: { o: '/o' } }));
    void stage.worker({ engine: { ensure: never } }).ensure('damaged', job, signal);
    await waitUntil('it is there', () => stage.left('damaged').length > 0);
    writeFileSync(join(stage.folder, 'damaged', 'record.json'), '{');
    expect(await names()).toContain('damaged prepared');
    await engine().remove('damaged');
  });
});
