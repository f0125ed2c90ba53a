import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModelPackageRequest } from '../../src/core/registry.ts';
import { createFileRegistry } from '../../src/registry/file-registry.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

const folder = folderPerTest();
const registry = () => createFileRegistry(join(folder(), 'registry'));
const group = (...names: string[]) => join(folder(), 'registry', 'packages', 'abalone', 'models', ...names);
const models = (...names: string[]) => join(folder(), 'registry', 'models', ...names);

const container = { Image: 'sluice/xgboost:1.7', ModelDataUrl: 'file:///m.tar.gz', Environment: {} };
const model = { PrimaryContainer: container };

const request = (clientToken: string, changes: Partial<ModelPackageRequest> = {}): ModelPackageRequest => ({
  pipeline: 'abalone',
  group: 'models',
  tags: {},
  contentType: 'text/csv',
  accept: 'text/csv',
  approvalStatus: 'PendingManualApproval',
  clientToken,
  modelName: 'model-1',
  inference: container,
  metric: { name: 'mse', value: 1.5, comparison: '<=', threshold: 6, reportUri: 'file:///report.json' },
  lineage: {
    workflowId: 'w',
    runId: 'r',
    executionMode: 'local',
    parameters: { depth: 5, name: 'x', fast: true },
    data: { uri: 'file:///data.csv', sha256: 'ab', bytes: 3 },
    code: { uri: 'file:///code', sha256: 'cd' },
    image: 'sluice/xgboost:1.7',
    jobs: { train: 'job-1' },
  },
  ...changes,
});

const numbered = (count: number) => Array.from({ length: count }, (_none, index) => index + 1);

describe('a model', () => {
  it('is found as it was made, also by another process', async () => {
    await registry().createModel('model-1', model);
    expect(await registry().findModel('model-1')).toEqual(model);
  });

  it('may be made again from the same request, whatever the order of its keys', async () => {
    const one = { PrimaryContainer: { ...container, Environment: { A: '1', B: '2' } } };
    const other = {
      PrimaryContainer: {
        Environment: { B: '2', A: '1' },
        ModelDataUrl: container.ModelDataUrl,
        Image: container.Image,
      },
    };
    await registry().createModel('model-1', one);
    await registry().createModel('model-1', other);
    expect(await readdir(models())).toEqual(['model-1.json']);
  });

  it('of another request is refused with SpecMismatch and stays as it was', async () => {
    await registry().createModel('model-1', model);
    const another = { PrimaryContainer: { ...container, Environment: { A: '1' } } };
    expect(await failureOf(registry().createModel('model-1', another))).toMatchObject({
      code: 'SpecMismatch',
      message: expect.stringContaining('model-1'),
    });
    expect(await registry().findModel('model-1')).toEqual(model);
  });

  it('is made once by many at once', async () => {
    await Promise.all(numbered(20).map(() => registry().createModel('model-1', model)));
    expect(await readdir(models())).toEqual(['model-1.json']);
  });

  it('goes to one of two that differ', async () => {
    const another = { PrimaryContainer: { ...container, Image: 'other:1' } };
    const ends = await Promise.allSettled([
      registry().createModel('model-1', model),
      registry().createModel('model-1', another),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('that is not there is InvalidInput', async () => {
    expect(await failureOf(registry().findModel('missing'))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('missing'),
    });
  });
});

describe('versions', () => {
  it('count from 1 and are listed as numbers, 10 after 9', async () => {
    for (const number of numbered(12)) {
      expect((await registry().register(request(`token-${number}`))).version).toBe(number);
    }
    const all = await registry().list();
    expect(all.map(({ version }) => version)).toEqual(numbered(12));
    expect(all.map(({ clientToken }) => clientToken)).toEqual(
      numbered(12).map((number) => `token-${number}`),
    );
  });

  it('count in every group and pipeline on their own, and are listed by both', async () => {
    await registry().register(request('a', { group: 'z' }));
    await registry().register(request('b', { group: 'b' }));
    await registry().register(request('c', { pipeline: 'aa' }));
    const all = await registry().list();
    expect(all.map(({ pipeline, group: name, version }) => [pipeline, name, version])).toEqual([
      ['aa', 'models', 1],
      ['abalone', 'b', 1],
      ['abalone', 'z', 1],
    ]);
  });

  it('hold the whole request and when they were made', async () => {
    const made = await registry().register(request('token', { description: 'first' }));
    expect(made).toMatchObject(request('token', { description: 'first' }));
    expect(new Date(made.createdAt).toISOString()).toBe(made.createdAt);
    expect(await registry().list()).toEqual([made]);
  });

  it('come from one client token once, in turn and at once', async () => {
    await registry().register(request('before'));
    const all = await Promise.all(numbered(20).map(() => registry().register(request('token'))));
    expect(new Set(all.map(({ version, createdAt }) => `${version} ${createdAt}`)).size).toBe(1);
    expect(await registry().register(request('token'))).toEqual(all[0]);
    expect((await registry().list()).map(({ clientToken }) => clientToken)).toEqual(['before', 'token']);
  });

  it('come from a client token whose first attempt was killed before or after it made one', async () => {
    await registry().register(request('token'));
    await rm(group('1.json'));
    expect((await registry().register(request('token'))).version).toBe(1);
    expect((await registry().register(request('token'))).version).toBe(1);
    expect(await registry().list()).toHaveLength(1);
  });

  it('come from one client token never twice, not even for a moment', async () => {
    const tokens = ['one', 'two', 'three'].flatMap((token) => numbered(8).map(() => token));
    let isOver = false;
    const made = Promise.all(tokens.map((token) => registry().register(request(token)))).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const seen = (await registry().list()).map(({ clientToken }) => clientToken);
      expect(seen).toHaveLength(new Set(seen).size);
    }
    expect(new Set((await made).map(({ version }) => version))).toEqual(new Set([1, 2, 3]));
  });

  it('come from 20 client tokens at once without a gap', async () => {
    const all = await Promise.all(numbered(20).map((number) => registry().register(request(`t${number}`))));
    expect(all.map(({ version }) => version).sort((a, b) => a - b)).toEqual(numbered(20));
    expect(new Set((await registry().list()).map(({ clientToken }) => clientToken)).size).toBe(20);
  });

  it('that two attempts made are settled for the lower one', async () => {
    const made = await registry().register(request('token'));
    await writeFile(group('2.json'), await readFile(group('1.json')));
    expect(await registry().register(request('token'))).toEqual(made);
    expect(await readdir(group())).toEqual(['1.json']);
  });

  it('are what the file is called', async () => {
    await registry().register(request('token'));
    await writeFile(group('7.json'), (await readFile(group('1.json'), 'utf8')).replace('"token"', '"other"'));
    expect((await registry().list()).map(({ version }) => version)).toEqual([1, 7]);
    expect((await registry().register(request('next'))).version).toBe(8);
  });

  it('pass over what a crash or a person left', async () => {
    await registry().register(request('token'));
    for (const name of ['.2.json.0b8a7c3e-0000-4000-8000-000000000000', '03.json', '4.json~', 'notes.txt']) {
      await writeFile(group(name), 'half a rec');
    }
    await mkdir(group('folder'));
    expect(await registry().list()).toHaveLength(1);
    expect((await registry().register(request('next'))).version).toBe(2);
  });

  it('keep what a later version of Sluice added out of the way', async () => {
    await registry().register(request('token'));
    const record = JSON.parse(await readFile(group('1.json'), 'utf8')) as object;
    await writeFile(group('1.json'), JSON.stringify({ ...record, later: 1 }));
    expect(await registry().list()).toMatchObject([{ version: 1 }]);
  });

  it('are none before the first', async () => {
    expect(await registry().list()).toEqual([]);
  });

  it('leave no file but their own', async () => {
    await Promise.all(numbered(5).map((number) => registry().register(request(`t${number}`))));
    expect((await readdir(group())).sort()).toEqual(numbered(5).map((number) => `${number}.json`));
  });
});

it('a record with variables, which may be secrets, is for its owner alone', async () => {
  const inference = { ...container, Environment: { API_KEY: 'secret' } };
  await registry().createModel('secret', { PrimaryContainer: inference });
  await registry().createModel('open', { PrimaryContainer: { ...container, Environment: {} } });
  await registry().register({ ...request('token'), inference });
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
  expect(await modeOf(models('secret.json'))).toBe(0o600);
  expect(await modeOf(group('1.json'))).toBe(0o600);
  await writeFile(models('ordinary'), '');
  expect(await modeOf(models('open.json'))).toBe(await modeOf(models('ordinary')));
});

describe('a damaged record', () => {
  const damages: [what: string, text: string][] = [
    ['half a record', '{"version": 1, "pipe'],
    ['nothing', ''],
    ['another shape', '{"version": 1}'],
    ['no object', 'null'],
    ['a key twice', '{"clientToken": "a", "clientToken": "b"}'],
  ];

  it.each(damages)('is named when versions are read: %s', async (_what, text) => {
    await registry().register(request('token'));
    await writeFile(group('1.json'), text);
    for (const failing of [() => registry().list(), () => registry().register(request('token'))]) {
      expect(await failureOf(failing())).toMatchObject({
        name: 'SluiceError',
        code: 'StorageError',
        retryable: false,
        message: expect.stringContaining(group('1.json')),
      });
    }
    expect(await readFile(group('1.json'), 'utf8')).toBe(text);
    // Whoever comes for the first time needs none of those before.
    expect((await registry().register(request('next'))).version).toBe(2);
  });

  it.each(damages)('is named when a model is read: %s', async (_what, text) => {
    await registry().createModel('model-1', model);
    await writeFile(models('model-1.json'), text);
    for (const failing of [
      () => registry().findModel('model-1'),
      () => registry().createModel('model-1', model),
    ]) {
      expect(await failureOf(failing())).toMatchObject({
        code: 'StorageError',
        retryable: false,
        message: expect.stringContaining(models('model-1.json')),
      });
    }
  });

  it('that is a folder is named too', async () => {
    await registry().register(request('token'));
    await mkdir(group('2.json'));
    expect(await failureOf(registry().list())).toMatchObject({
      code: 'StorageError',
      message: expect.stringContaining(group('2.json')),
    });
  });

  it('that was moved away hinders nobody', async () => {
    await registry().register(request('token'));
    await registry().register(request('token-2'));
    await rm(group('1.json'));
    expect((await registry().register(request('next'))).version).toBe(3);
  });
});
