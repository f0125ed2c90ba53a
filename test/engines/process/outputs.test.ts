import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ModelBody, TransformJob } from '../../../src/core/jobs.ts';
import {
  base,
  canMount,
  createBench,
  isolations,
  pause,
  prepareOnly,
  projectRoot,
  python,
  shell,
  supervisorOf,
  tinyServe,
  trainingJob,
  writeFiles,
} from './fixtures.ts';

const list = (archive: string) =>
  execFileSync('tar', ['tvzf', archive], { encoding: 'utf8' }).trim().split('\n');
const names = (archive: string) =>
  execFileSync('tar', ['tzf', archive], { encoding: 'utf8' }).trim().split('\n');
const otherDevice = '/dev/shm';
const hasOtherDevice = existsSync(otherDevice) && statSync(otherDevice).dev !== statSync('/tmp').dev;

describe.each(isolations)('the outputs of a job, isolation %s', (isolation) => {
  const bench = createBench(isolation);
  const models = join(bench.folder, 'models');
  const train = (script: string, channels = {}) =>
    trainingJob(['sh', '-ec', `cd ${base}; ${script}`], models, channels);
  const output = (name: string) => join(models, name, 'output');

  it('of a training job are archives as SageMaker makes them', async () => {
    const state = await bench.run(
      'train',
      train(`
      mkdir model/code; echo m > model/model.joblib; echo c > model/code/inference.py; echo .h > model/.hidden
      ln -s model.joblib model/latest; ln -s /etc/passwd model/leaves; ln -s ../../x model/code/leaves; mkfifo model/fifo
      ln model/model.joblib model/same; echo d > output/data/metrics.json`),
    );
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(names(join(output('train'), 'model.tar.gz'))).toEqual([
      '.hidden',
      'code/',
      'code/inference.py',
      'latest',
      'model.joblib',
      'same',
    ]);
    for (const line of list(join(output('train'), 'model.tar.gz'))) expect(line).toMatch(/^[-dl]\S+ 0\/0 /);
    expect(list(join(output('train'), 'model.tar.gz')).at(-1)).toMatch(/^-/);
    expect(names(join(output('train'), 'output.tar.gz'))).toEqual(['metrics.json']);
    expect(bench.log('train')).toContain(
      'left out of the archive, because it is no file, folder or link to one of them: leaves',
    );
  });

  it('of a training job without output data are the model alone', async () => {
    await bench.run('model-only', train('echo m > model/m'));
    expect(readdirSync(output('model-only'))).toEqual(['model.tar.gz']);
  });

  it('of a training job that removes its data folder are the model alone', async () => {
    const state = await bench.run('no-data-folder', train('echo m > model/m; rm -r output/data'));
    expect(state).toMatchObject({ status: 'succeeded' });
    expect(readdirSync(output('no-data-folder'))).toEqual(['model.tar.gz']);
  });

  it('fail the job that removes its model folder', async () => {
    const state = await bench.run('no-model-folder', train('rm -r model'));
    expect(state).toMatchObject({ status: 'failed', code: 'StorageError' });
  });

  it('are none when the training fails', async () => {
    await bench.run('train-fails', train('echo m > model/m; exit 1'));
    expect(existsSync(output('train-fails'))).toBe(false);
  });

  it('come with the inputs and config files of a training job', async () => {
    const channel = writeFiles(join(bench.folder, 'channel'), { 'a.csv': '1\n' });
    await bench.run(
      'channels',
      train('find -L input -type f | sort; env | grep TRAINING', {
        train: channel,
        one: join(channel, 'a.csv'),
      }),
    );
    expect(bench.log('channels').trim().split('\n')).toEqual([
      'input/config/hyperparameters.json',
      'input/config/inputdataconfig.json',
      'input/config/resourceconfig.json',
      'input/data/one/a.csv',
      'input/data/train/a.csv',
      'TRAINING_JOB_NAME=channels',
    ]);
  });

  it.runIf(process.getuid?.() !== 0)('cannot be stored without permission', async () => {
    const locked = writeFiles(join(bench.folder, 'locked'), {});
    chmodSync(locked, 0o500);
    const state = await bench.run('locked', shell('true', { outputs: { out: join(locked, 'out') } }));
    expect(state).toMatchObject({ status: 'failed', code: 'AccessDenied' });
  });

  it('cannot be stored where a file is in the way', async () => {
    const file = join(writeFiles(join(bench.folder, 'files'), { file: '' }), 'file');
    const state = await bench.run('in-the-way', shell('true', { outputs: { out: join(file, 'out') } }));
    expect(state).toMatchObject({ status: 'failed', code: 'StorageError' });
  });

  it.runIf(hasOtherDevice)('appear whole on another file system', async () => {
    const folder = mkdtempSync(join(otherDevice, 'sluice-'));
    try {
      const outputs = { out: join(folder, 'deep/out') };
      const job = shell(`mkdir ${base}/processing/output/out/d; echo x > ${base}/processing/output/out/d/x`, {
        outputs,
      });
      expect((await bench.run('far', job)).status).toBe('succeeded');
      expect(readFileSync(join(outputs.out, 'd/x'), 'utf8')).toBe('x\n');
      await bench.run('far-train', trainingJob(['sh', '-c', `echo m > ${base}/model/m`], folder));
      expect(names(join(folder, 'far-train/output/model.tar.gz'))).toEqual(['m']);
      expect(readdirSync(join(folder, 'deep'))).toEqual(['out']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.runIf(canMount)('leave nothing behind when the other file system is full', async () => {
    const small = writeFiles(join(bench.folder, 'small'), {});
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]);
    try {
      const outputs = { a: join(small, 'a'), b: join(small, 'b') };
      const job = shell(`cd ${base}/processing/output; echo x > a/x; head -c 3000000 /dev/zero > b/big`, {
        outputs,
      });
      expect(await bench.run('full', job)).toMatchObject({ status: 'failed', code: 'StorageError' });
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  it.each([0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 25, 30])(
    'are all there or none when everything is killed after %i ms',
    async (delay) => {
      const name = `whole-${delay}`;
      const ledger = join(bench.folder, `${name}.ledger`);
      writeFileSync(ledger, '');
      const outputs = { a: join(bench.folder, name, 'a'), b: join(bench.folder, name, 'b') };
      const job = shell(`echo start >> ${ledger}; cd ${base}/processing/output; echo x > a/x; echo x > b/x`, {
        outputs,
      });
      await prepareOnly(isolation, bench.jobsDir, name, job);
      const main = join(projectRoot, 'src/engines/process/supervisor/main.py');
      const first = spawn(python, ['-I', '-S', '-B', main, join(bench.jobsDir, name)], {
        stdio: 'ignore',
        detached: true,
      });
      await pause(delay);
      first.kill('SIGKILL');
      await bench.start(name, job);
      const state = await bench.ended(name);
      if (state.status !== 'succeeded') expect(state).toMatchObject({ status: 'failed', code: 'JobLost' });
      else
        for (const path of Object.values(outputs)) expect(readFileSync(join(path, 'x'), 'utf8')).toBe('x\n');
      for (const path of Object.values(outputs))
        if (existsSync(path)) expect(readdirSync(path)).toEqual(['x']);
      expect(readFileSync(ledger, 'utf8').length).toBeLessThanOrEqual('start\n'.length);
      expect(supervisorOf(bench, name)).toBeGreaterThan(0);
    },
  );
});

describe.each(isolations)('a transform job, isolation %s', (isolation) => {
  const frameworksDir = writeFiles(join(createBench('none').folder, 'frameworks'), {
    'script-mode/serve': tinyServe,
    'tiny/Dockerfile': '',
  });
  const model: ModelBody = {
    PrimaryContainer: {
      Image: 'sluice/tiny:1',
      ModelDataUrl: 'file:///m.tar.gz',
      Environment: { SUFFIX: 'model' },
    },
  };
  const bench = createBench(isolation, {
    frameworksDir,
    findModel: (name) => (name === 'm' ? Promise.resolve(model) : Promise.reject(new Error('no model'))),
    extractModel: (_uri, folder) => {
      writeFiles(folder, { prefix: '>' });
      return Promise.resolve();
    },
  });
  const job = (input: string, out: string): TransformJob => ({
    kind: 'Transform',
    body: {
      ModelName: 'm',
      TransformInput: {
        DataSource: { S3DataSource: { S3Uri: pathToFileURL(input).href, S3DataType: 'S3Prefix' } },
        ContentType: 'text/csv',
        SplitType: 'Line',
      },
      TransformOutput: {
        S3OutputPath: `${pathToFileURL(out).href}/`,
        Accept: 'text/csv',
        AssembleWith: 'Line',
      },
      TransformResources: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge' },
      Environment: { SUFFIX: ':' },
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
    tags: {},
  });
  const run = async (name: string, request: TransformJob) => {
    await bench.engine.ensure(name, request, new AbortController().signal);
    return bench.ended(name);
  };

  it('answers every file of a folder and counts the records', async () => {
    const input = writeFiles(join(bench.folder, 'batch'), { 'a.csv': 'a\nb\n', 'deep/b.csv': 'c\n' });
    const out = join(bench.folder, 'answers');
    expect(await run('folder', job(input, out))).toMatchObject({ status: 'succeeded', records: 3 });
    expect(readdirSync(out, { recursive: true }).sort()).toEqual(['a.csv.out', 'deep', 'deep/b.csv.out']);
    expect(readFileSync(join(out, 'a.csv.out'), 'utf8')).toBe('>:A\n>:B\n');
    if (isolation === 'namespaces') expect(bench.log('folder')).toContain('Read-only file system');
  });

  it('keeps the byte code of all that its driver loads', async () => {
    const input = writeFiles(join(bench.folder, 'quick'), { 'a.csv': 'a\n' });
    await run('quick', job(input, join(bench.folder, 'quick-answers')));
    const kept = readdirSync(join(bench.jobsDir, '.pycache'), { recursive: true }) as string[];
    for (const module of ['transform/server', 'http/client']) {
      expect(kept.filter((path) => path.includes(`/${module}.cpython-`))).toHaveLength(1);
    }
  });

  it('takes links to files of its input folder, and refuses those that leave it', async () => {
    const input = writeFiles(join(bench.folder, 'linked'), { 'a.csv': 'a\n', 'deep/b.csv': 'c\n' });
    const outside = join(writeFiles(join(bench.folder, 'linked-not'), { 'secret.csv': 's\n' }), 'secret.csv');
    symlinkSync('../a.csv', join(input, 'deep/again.csv'));
    symlinkSync('nowhere', join(input, 'broken.csv'));
    const out = join(bench.folder, 'linked-answers');
    expect(await run('linked', job(input, out))).toMatchObject({ status: 'succeeded', records: 3 });
    for (const [place, target] of [
      ['one.csv', outside],
      ['deep/two.csv', '../../linked-not/secret.csv'],
    ] as const) {
      symlinkSync(target, join(input, place));
      await expect(run('leaving', job(input, `${out}-2`))).rejects.toMatchObject({
        code: 'InvalidInput',
        message: expect.stringContaining(`${join(input, place)} is a link that leaves the input folder`),
      });
      rmSync(join(input, place));
    }
  });

  it('is refused without input', async () => {
    const request = job(join(bench.folder, 'nothing'), join(bench.folder, 'never'));
    await expect(run('no-input', request)).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(
      run('empty', job(writeFiles(join(bench.folder, 'empty'), {}), '/never')),
    ).rejects.toMatchObject({
      code: 'InvalidInput',
    });
  });

  it('is refused with a model that is to have no network', async () => {
    const isolated = { ...model, EnableNetworkIsolation: true };
    const other = createBench(isolation, { frameworksDir, findModel: () => Promise.resolve(isolated) });
    const request = job(join(writeFiles(join(bench.folder, 'no-net'), { 'a.csv': 'a' }), 'a.csv'), '/never');
    await expect(
      other.engine.ensure('isolated', request, new AbortController().signal),
    ).rejects.toMatchObject({ code: 'Unsupported' });
  });

  it('leaves no answers when it is stopped', async () => {
    const input = join(writeFiles(join(bench.folder, 'one'), { 'a.csv': 'a\n' }), 'a.csv');
    const request = { ...job(input, join(bench.folder, 'stopped')) };
    await bench.engine.ensure('stop', request, new AbortController().signal);
    await bench.stop('stop');
    expect(await bench.ended('stop')).toMatchObject({ status: 'stopped' });
    expect(existsSync(join(bench.folder, 'stopped'))).toBe(false);
  });
});
