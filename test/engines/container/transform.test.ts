import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ModelBody } from '../../../src/core/jobs.ts';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { describeDocker, dockerDo } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { createContainerBench, engineOptions, networksOf, trainingJob, urlOf, writeFiles } from './jobs.ts';
import { buildServingImage, makeModel, transformJob, type TransformParts } from './serving-image.ts';

const models = new Map<string, ModelBody>();
const findModel = (name: string) =>
  models.has(name) ? Promise.resolve(models.get(name)!) : Promise.reject(new Error('no model'));

describeDocker('a batch transform in containers', () => {
  const bench = createContainerBench({ findModel });
  let image: string;
  beforeAll(async () => {
    image = await buildServingImage('serve');
    models.set('m', makeModel(image, { prefix: '>' }));
  });
  const output = (name: string) => join(bench.folder, 'outputs', name);
  const input = (name: string, files: Record<string, string>) =>
    writeFiles(join(bench.folder, 'inputs', name), files);
  const transform = (name: string, files: Record<string, string>, parts: TransformParts = {}, model = 'm') =>
    transformJob(model, input(name, files), output(name), parts);
  const outputs = (name: string) =>
    Object.fromEntries(
      readdirSync(output(name), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(output(name).length + 1), readFileSync(path, 'utf8')]),
    );
  const leftOf = async (name: string) => [
    ...(await bench.containers(name)),
    ...(await networksOf(`sluice.job=${bench.name(name)}`)),
    ...(existsSync(output(name)) ? ['outputs'] : []),
  ];

  it('asks the server of any image, file by file, and counts the records', async () => {
    const files = { 'a.csv': 'a\nb\n', 'deep/b.csv': 'c\n', 'empty.csv': '' };
    const job = transform('folder', files, { environment: { SUFFIX: ':' } });
    expect(await bench.run('folder', job)).toMatchObject({ status: 'succeeded', records: 3 });
    expect(outputs('folder')).toEqual({
      'a.csv.out': '>:A\n>:B\n',
      'deep/b.csv.out': '>:C\n',
      'empty.csv.out': '',
    });
    expect(bench.log('folder')).toContain('server: serving as 0 []\n');
    expect(bench.log('folder')).toContain('server: asked for 2 as text/csv\n');
    expect(bench.log('folder')).toMatch(/^driver: transform: a.csv: records: 2, requests: 1$/m);
    expect(await bench.containers('folder')).toEqual([]);
  });

  it('takes one file, JSON Lines, one record a request', async () => {
    const folder = input('json', { 'a.jsonl': '{"a":1}\n{"a":2}\n{"a":3}\n', 'other.jsonl': 'x\n' });
    const parts = { contentType: 'application/jsonlines', strategy: 'SingleRecord' } as const;
    const job = transformJob('m', join(folder, 'a.jsonl'), output('json'), parts);
    expect(await bench.run('json', job)).toMatchObject({ status: 'succeeded', records: 3 });
    expect(outputs('json')).toEqual({ 'a.jsonl.out': '>{"A":1}\n>{"A":2}\n>{"A":3}\n' });
    expect(bench.log('json').match(/asked for 1 as application\/jsonlines/g)).toHaveLength(3);
  });

  it('sends a file whole when it is not split', async () => {
    await bench.run('whole', transform('whole', { a: 'a\nb\nc\n' }, { splitType: 'None' }));
    expect(bench.log('whole').match(/asked for 3/g)).toHaveLength(1);
    expect(outputs('whole')).toEqual({ 'a.out': '>A\n>B\n>C\n' });
  });

  it('shares the files among several instances, each with a server of its own', async () => {
    const files = { a: '1\n', b: '2\n2\n', c: '3\n', 'd/e': '4\n' };
    const job = transform('hosts', files, { instanceCount: 2 });
    expect(await bench.run('hosts', job)).toMatchObject({ status: 'succeeded', records: 5 });
    expect(outputs('hosts')).toEqual({
      'a.out': '>1\n',
      'b.out': '>2\n>2\n',
      'c.out': '>3\n',
      'd/e.out': '>4\n',
    });
    for (const host of ['algo-1', 'algo-2'])
      expect(bench.log('hosts').match(new RegExp(`^server ${host}: asked`, 'gm'))).toHaveLength(2);
    expect(await bench.containers('hosts')).toEqual([]);
  });

  it('fails with what the server said to a record, and keeps nothing', async () => {
    const state = await bench.run('boom', transform('boom', { good: 'a\n', worse: 'a\nBOOM\n' }));
    expect(state).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      reason: expect.stringMatching(/worse.*answered 500: no such leaf/) as string,
    });
    expect(await leftOf('boom')).toEqual([]);
  });

  it('fails with the exit code of a server that died', async () => {
    expect(await bench.run('dies', transform('dies', { a: 'a\nDIE\n' }))).toMatchObject({
      status: 'failed',
      code: 'JobFailed',
      exitCode: 9,
      reason: expect.stringContaining(
        'The server ended with exit code 9 before the transform was done',
      ) as string,
    });
    expect(await leftOf('dies')).toEqual([]);
  });

  it('fails when the image has no command serve', async () => {
    models.set('no-serve', makeModel('python:3.11-slim-bookworm', { prefix: '' }));
    expect(await bench.run('no-serve', transform('no-serve', { a: 'a\n' }, {}, 'no-serve'))).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('serve') as string,
    });
    expect(await leftOf('no-serve')).toEqual([]);
  });

  it('is over in its time when the server never answers a ping', async () => {
    const parts = { environment: { PING: 'never' }, maxRuntimeSeconds: 2 };
    expect(await bench.run('ping', transform('ping', { a: 'a\n' }, parts))).toMatchObject({
      status: 'failed',
      code: 'JobTimedOut',
    });
    expect(await leftOf('ping')).toEqual([]);
  });

  it('is sent all it reads where it cannot be mounted, to a driver that is not root, too', async () => {
    const { connect } = engineOptions(bench.folder, bench.jobsDir);
    const elsewhere = createContainerBench({
      findModel,
      connect: async () => {
        const connection = await connect();
        const { security, create } = connection.client;
        const client: ContainerClient = {
          ...connection.client,
          security: async () => ({ ...(await security()), labelsFiles: true }),
          create: (name, body) =>
            create(name, 'Cmd' in body && !('Entrypoint' in body) ? body : { ...body, User: '1000' }),
        };
        return { ...connection, client };
      },
    });
    const folder = input('sent', { 'a.csv': 'a\n' });
    for (const [name, path] of [
      ['sent-folder', folder],
      ['sent-file', join(folder, 'a.csv')],
    ] as const) {
      expect(await elsewhere.run(name, transformJob('m', path, output(name)))).toMatchObject({
        status: 'succeeded',
        records: 1,
      });
      expect(outputs(name)).toEqual({ 'a.csv.out': '>A\n' });
    }
  });

  it('gives the server time for its last words', async () => {
    const job = transform('lingers', { 'a.csv': 'a\n' }, { environment: { LINGER: '1' } });
    expect(await bench.run('lingers', job)).toMatchObject({ status: 'succeeded', records: 1 });
    expect(bench.log('lingers')).toMatch(/^server: last words$/m);
    expect(await bench.containers('lingers')).toEqual([]);
  });

  it('leaves nothing when it is stopped while its server ends', async () => {
    const job = transform('stopped-late', { 'a.csv': 'a\n' }, { environment: { LINGER: '4' } });
    await bench.start('stopped-late', job);
    await until(() => bench.log('stopped-late').includes('server: ending'));
    await bench.stop('stopped-late');
    expect(await bench.ended('stopped-late')).toMatchObject({ status: 'stopped' });
    expect(await leftOf('stopped-late')).toEqual([]);
  });

  it('leaves nothing when it is stopped in the middle', async () => {
    await bench.start('stop', transform('stop', { a: 'a\n', b: 'SLOW\n' }));
    await until(() => bench.log('stop').match(/asked for/g)?.length === 2);
    await bench.stop('stop');
    expect(await bench.ended('stop')).toMatchObject({ status: 'stopped' });
    expect(await leftOf('stop')).toEqual([]);
  });

  it('does not succeed when somebody kills the server', async () => {
    await bench.start('killed', transform('killed', { a: 'SLOW\n' }));
    await until(() => bench.log('killed').includes('asked for'));
    await dockerDo('POST', `/containers/${bench.name('killed')}.server/kill?signal=KILL`);
    expect((await bench.ended('killed')).status).not.toBe('succeeded');
    expect(await leftOf('killed')).toEqual([]);
  });

  it('refuses a model that would leave its folder before anything runs', async () => {
    const leaves = ['--transform', 's,^prefix$,../../evil,', '-P'];
    models.set('evil', makeModel(image, { prefix: '' }, {}, leaves));
    await expect(bench.start('evil', transform('evil', { a: 'a\n' }, {}, 'evil'))).rejects.toMatchObject({
      code: 'OutputMissing',
      message: expect.stringContaining('../../evil') as string,
    });
    expect(await leftOf('evil')).toEqual([]);
  });

  it('serves without a network, and as a user who is not root, the files of root', async () => {
    const user = await buildServingImage('user-serve', 'USER 1000');
    const model = makeModel(user, { prefix: '#' }, { SUFFIX: '!' }, ['--mode=600', '--owner=0']);
    models.set('user', { ...model, EnableNetworkIsolation: true });
    const job = transform('user', { a: 'a\n' }, {}, 'user');
    expect(await bench.run('user', job), bench.log('user')).toMatchObject({
      status: 'succeeded',
      records: 1,
    });
    expect(outputs('user')).toEqual({ 'a.out': '#!A\n' });
    expect(bench.log('user')).toContain('serving as 1000');
  });

  it('serves the model of a training job in the framework image, local options and all', async () => {
    const script = `mkdir model/code; cat > model/code/inference.py <<'END'
import joblib, os
def model_fn(folder): return joblib.load(os.path.join(folder, 'model.joblib'))
END
python3 -c "
import joblib, numpy
from sklearn.linear_model import LinearRegression
x = numpy.arange(10.0).reshape(-1, 1)
joblib.dump(LinearRegression().fit(x, 2 * x[:, 0]), 'model/model.joblib')"`;
    const sklearn = 'sluice/sklearn:1.2-1';
    expect(await bench.run('train', trainingJob(bench, script, { image: sklearn }))).toMatchObject({
      status: 'succeeded',
    });
    const ModelDataUrl = urlOf(bench.trained('train', 'model.tar.gz'));
    models.set('linear', { PrimaryContainer: { Image: sklearn, ModelDataUrl, Environment: {} } });
    const job = transform('linear', { 'x.csv': '1\n2\n30\n' }, {}, 'linear');
    const local = { ...job.local, init: true, hostGateway: true, cpus: 1, memoryGb: 1, sharedMemoryMb: 128 };
    expect(await bench.run('linear', { ...job, local }), bench.log('linear')).toMatchObject({
      status: 'succeeded',
      records: 3,
    });
    const numbers = outputs('linear')['x.csv.out']!.trim().split('\n').map(Number);
    [2, 4, 60].forEach((number, index) => expect(numbers[index]).toBeCloseTo(number, 9));
  }, 180_000);
});
