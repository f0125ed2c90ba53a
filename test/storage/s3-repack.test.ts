import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { repackModelOnS3 } from '../../src/storage/s3/repack.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import type { S3Storage } from '../../src/storage/storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { server, bucket } = s3PerFile();
const s3 = createS3();
const storage = () => createS3Storage(s3, `s3://${bucket()}`);
const uri = (key: string) => `s3://${bucket()}/${key}`;
const local = (...names: string[]) => join(folder(), ...names);
const uris = () => ({
  artifactUri: uri('train/model.tar.gz'),
  codeFolder: local('code'),
  targetUri: uri('model/model.tar.gz'),
});
const repack = (changes: Partial<S3Storage> = {}, signal?: AbortSignal) =>
  repackModelOnS3({ ...storage(), ...changes }, uris(), signal);
const objects = async () =>
  (await readdir(join(server().folder, bucket()))).filter((name) => !name.startsWith('.'));
/** Larger than a part, and not to be compressed. */
const weights = randomBytes(20 * 1024 ** 2);

async function putModel(files: Record<string, string | Buffer>, ...options: string[]): Promise<void> {
  await mkdir(local('model/code'), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(local('model', name), content);
  execFileSync('tar', ['-C', local('model'), '-czf', local('model.tar.gz'), ...options, '.']);
  await storage().put(local('model.tar.gz'), uris().artifactUri);
}

beforeEach(async () => {
  await mkdir(local('code/lib'), { recursive: true });
  await writeFile(local('code/inference.py'), 'new\n');
  await writeFile(local('code/lib/x.py'), 'x\n');
});

describeS3('a model that is repacked on S3', () => {
  it('has the code in it and everything else as it was', async () => {
    await putModel({ 'model.bin': weights, 'code/old.py': 'old\n' });
    await repack();
    await storage().download(uris().targetUri, local('new.tar.gz'));
    await mkdir(local('opened'));
    execFileSync('tar', ['-C', local('opened'), '-xzf', local('new.tar.gz')]);
    expect((await readdir(local('opened'), { recursive: true })).sort()).toEqual(
      ['code', 'code/inference.py', 'code/lib', 'code/lib/x.py', 'model.bin'].sort(),
    );
    execFileSync('cmp', [local('opened/model.bin'), local('model/model.bin')]);
    await repack();
    expect((await objects()).sort()).toEqual(['model', 'train']);
  });

  it('is not there when training left none, or one that is refused', async () => {
    expect(await failureOf(repack())).toMatchObject({ code: 'OutputMissing' });
    await putModel({ 'model.bin': weights, evil: 'x' }, '--transform=s,^./evil,../evil,', '-P');
    expect(await failureOf(repack())).toMatchObject({
      code: 'OutputMissing',
      message: expect.stringContaining(`${uris().artifactUri} is not taken: entry "../evil" leaves`),
    });
    await storage().put(local('code/inference.py'), uris().artifactUri);
    expect(await failureOf(repack())).toMatchObject({
      code: 'OutputMissing',
      message: expect.stringContaining('cannot be read as tar.gz'),
    });
    expect(await objects()).toEqual(['train']);
  });

  it('is not there when reading it fails on its way, or writing it, or the code is gone', async () => {
    await putModel({ 'model.bin': weights });
    const broken = new SluiceError('StorageError', 'the object has changed');
    const read: S3Storage['read'] = async (...parameters) => {
      const bytes = await storage().read(...parameters);
      const some = async function* () {
        let left = 12 * 1024 ** 2;
        for await (const chunk of bytes as AsyncIterable<Buffer>) {
          yield chunk;
          if ((left -= chunk.length) < 0) throw broken;
        }
      };
      return Readable.from(some(), { objectMode: false });
    };
    expect(await failureOf(repack({ read }))).toBe(broken);
    const write: S3Storage['write'] = async (_uri, bytes) => {
      await bytes[Symbol.asyncIterator]().next();
      throw broken;
    };
    expect(await failureOf(repack({ write }))).toBe(broken);
    const gone = { ...uris(), codeFolder: local('gone') };
    expect(await failureOf(repackModelOnS3(storage(), gone))).toMatchObject({ code: 'StorageError' });
    expect(await objects()).toEqual(['train']);
  });

  it('is given up when that is wanted, with the reason, and without parts that are kept', async () => {
    await putModel({ 'model.bin': weights });
    const cancelled = new AbortController();
    const write: S3Storage['write'] = (target, bytes, signal) => {
      const counted = async function* () {
        let count = 0;
        for await (const chunk of bytes) {
          yield chunk;
          if ((count += chunk.length) > 10 * 1024 ** 2) cancelled.abort(new Error('enough'));
        }
      };
      return storage().write(target, counted(), signal);
    };
    await expect(repack({ write }, cancelled.signal)).rejects.toThrow('enough');
    expect(await objects()).toEqual(['train']);
    const uploads = join(server().folder, bucket(), '.sgwtmp', 'multipart');
    const parts = (await readdir(uploads, { recursive: true }).catch(() => [])).filter((name) =>
      /\/[^/]+\/\d+$/.test(name),
    );
    expect(parts).toEqual([]);
  });
});
