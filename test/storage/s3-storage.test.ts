import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { hashFiles } from '../../src/storage/content.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { server, bucket } = s3PerFile();
const s3 = createS3();
const storage = () => createS3Storage(s3, `s3://${bucket()}/sluice`);
const uri = (key: string) => `s3://${bucket()}/${key}`;
const local = (...names: string[]) => join(folder(), ...names);
const objects = async () =>
  (await readdir(join(server().folder, bucket()), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(server().folder.length + bucket().length + 2))
    .filter((name) => !name.startsWith('.sgwtmp/'))
    .sort();
/** Parts that were sent for objects that are not there. */
const openUploads = async () =>
  (
    await readdir(join(server().folder, bucket(), '.sgwtmp', 'multipart'), { recursive: true }).catch(
      () => [],
    )
  ).filter((name) => /\/[^/]+\/\d+$/.test(name)).length;
const mebibyte = 1024 ** 2;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function makeCode(name = 'code'): Promise<string> {
  await mkdir(local(name, 'lib'), { recursive: true });
  await writeFile(local(name, 'train.py'), 'print(1)\n');
  await writeFile(local(name, 'lib', 'util.py'), 'x = 1\n');
  await writeFile(local(name, 'run.sh'), '#!/bin/sh\n');
  await chmod(local(name, 'run.sh'), 0o755);
  return local(name);
}

describeS3('a file that is put and downloaded', () => {
  it.each([
    ['nothing', 0],
    ['one byte', 1],
    ['as much as one part', 8 * mebibyte],
    ['more than two parts', 20 * mebibyte + 1],
  ])('is the same: %s', async (_what, bytes) => {
    const content = randomBytes(bytes);
    await writeFile(local('file'), content);
    await storage().put(local('file'), uri('a/file'));
    await storage().download(uri('a/file'), local('new', 'copy'));
    expect(sha256(await readFile(local('new', 'copy')))).toBe(sha256(content));
    expect(await readdir(local('new'))).toEqual(['copy']);
    expect(await storage().hash(uri('a/file'))).toEqual({ sha256: sha256(content), bytes });
    expect(await objects()).toEqual(['a/file']);
  });

  it('replaces what was there, on either side', async () => {
    for (const text of ['the first', 'second']) {
      await writeFile(local('file'), text);
      await storage().put(local('file'), uri('file'));
      await storage().download(uri('file'), local('copy'));
      expect(await readFile(local('copy'), 'utf8')).toBe(text);
    }
  });

  it('goes below the folder that a URI with a slash at its end names', async () => {
    await writeFile(local('file'), 'x');
    await storage().put(local('file'), uri('folder/'));
    expect(await objects()).toEqual(['folder/file']);
    expect(await storage().find(uri('folder/'))).toBe('folder');
  });

  it('may have a key that other URIs would have to encode', async () => {
    await writeFile(local('file'), 'x');
    const key = 'a b/100%25 #1?+é😀';
    await storage().put(local('file'), uri(key));
    expect(await storage().find(uri(key))).toBe('file');
    expect(await storage().readText(uri(key), 10)).toBe('x');
    await storage().download(uri('a b'), local('copy'));
    expect(await readdir(local('copy'))).toEqual(['100%25 #1?+é😀']);
  });

  it.each(['s3://', 's3:///key', 's3://B/key', 'file:///tmp/x', 'bucket/key', 'https://bucket/key'])(
    'has a URI of S3, which %s is not',
    async (wrong) => {
      expect(await failureOf(storage().download(wrong, local('x')))).toMatchObject({ code: 'InvalidInput' });
    },
  );

  it('is in a bucket that is there', async () => {
    await writeFile(local('file'), 'x');
    const error = await failureOf(storage().put(local('file'), 's3://no-such-bucket/x'));
    expect(error).toMatchObject({ code: 'InvalidInput', details: { awsCode: 'NoSuchBucket' } });
  });
});

describeS3('a folder that is put and downloaded', () => {
  it('is the same, its commands still executable', async () => {
    const code = await makeCode();
    await storage().put(code, uri('code'));
    expect(await objects()).toEqual(['code/lib/util.py', 'code/run.sh', 'code/train.py']);
    await storage().download(uri('code'), local('copy'));
    expect(await hashFiles(local('copy'))).toEqual(await hashFiles(code));
    expect(await storage().hash(uri('code'))).toEqual(await hashFiles(code));
    expect((await stat(local('copy', 'run.sh'))).mode & 0o111).not.toBe(0);
    expect((await stat(local('copy', 'train.py'))).mode & 0o111).toBe(0);
  });

  it('has more objects than a page of the list', async () => {
    await mkdir(local('many'));
    const names = Array.from({ length: 20 }, (_, index) => `${index}.txt`);
    await Promise.all(names.map((name) => writeFile(local('many', name), name)));
    let pages = 0;
    const list: typeof s3.list = (at, token, _limit, signal) => {
      pages += 1;
      return s3.list(at, token, 3, signal);
    };
    const inSmallPages = createS3Storage({ ...s3, list }, uri('sluice'));
    await inSmallPages.put(local('many'), uri('many'));
    await inSmallPages.download(uri('many'), local('copy'));
    expect(await hashFiles(local('copy'))).toEqual(await hashFiles(local('many')));
    expect(pages).toBe(7);
  });

  it('leaves other objects alone whose keys only begin alike', async () => {
    await writeFile(local('x'), 'x');
    for (const key of ['train/a', 'training/b', 'train.csv']) await storage().put(local('x'), uri(key));
    await storage().download(uri('train'), local('copy'));
    expect(await readdir(local('copy'))).toEqual(['a']);
    expect(await storage().find(uri('trai'))).toBeNull();
  });

  it('may be a whole bucket', async () => {
    await storage().put(await makeCode(), `s3://${bucket()}`);
    await storage().download(`s3://${bucket()}/`, local('copy'));
    expect((await readdir(local('copy'))).sort()).toEqual(['lib', 'run.sh', 'train.py']);
  });

  it('has no objects for the marks of empty folders', async () => {
    await mkdir(join(server().folder, bucket(), 'a', 'empty'), { recursive: true });
    await s3.put({ bucket: bucket(), key: 'a/marked/' }, Buffer.alloc(0), {});
    expect(await storage().find(uri('a'))).toBeNull();
    await s3.put({ bucket: bucket(), key: 'a/marked/file' }, Buffer.from('x'), {});
    await storage().download(uri('a'), local('copy'));
    expect(await readdir(local('copy'), { recursive: true })).toEqual(['marked', 'marked/file']);
  });

  it('is not downloaded where nothing is', async () => {
    expect(await failureOf(storage().download(uri('none'), local('copy')))).toMatchObject({
      code: 'InvalidInput',
    });
    expect(await readdir(folder())).toEqual([]);
  });

  it('does not replace a folder that is there', async () => {
    await storage().put(await makeCode(), uri('code'));
    await makeCode('other');
    expect(await failureOf(storage().download(uri('code'), local('other')))).toMatchObject({
      code: 'InvalidInput',
    });
    expect((await readdir(folder())).sort()).toEqual(['code', 'other']);
  });

  it('follows links that stay inside, and refuses those that leave', async () => {
    await makeCode();
    await symlink('train.py', local('code', 'link.py'));
    await storage().put(local('code'), uri('code'));
    expect(await storage().readText(uri('code/link.py'), 100)).toBe('print(1)\n');
    await writeFile(local('secret'), 'x');
    await symlink(local('secret'), local('code', 'leaving.py'));
    expect(await failureOf(storage().put(local('code'), uri('again')))).toMatchObject({
      code: 'InvalidInput',
    });
  });
});

describeS3('what is uploaded by its content', () => {
  it('is put once', async () => {
    await writeFile(local('data.csv'), '1,2\n');
    const object = await storage().upload(local('data.csv'));
    const hash = sha256(Buffer.from('1,2\n'));
    expect(object).toEqual({
      uri: uri(`sluice/uploads/${hash}/data.csv`),
      sha256: hash,
      bytes: 4,
    });
    const path = join(server().folder, bucket(), 'sluice', 'uploads', hash, 'data.csv');
    const before = (await stat(path)).ino;
    expect(await storage().upload(local('data.csv'))).toEqual(object);
    expect((await stat(path)).ino).toBe(before);
  });

  it('does no harm when several do it at once', async () => {
    const code = await makeCode();
    await writeFile(join(code, 'big'), randomBytes(9 * mebibyte));
    const all = await Promise.all([1, 2, 3, 4].map(() => storage().upload(code)));
    expect(new Set(all.map((one) => one.uri)).size).toBe(1);
    expect(await storage().hash(all[0]!.uri)).toEqual(await hashFiles(code));
    expect(await openUploads()).toBe(0);
  });

  it.each([
    ['one part', 5],
    ['more than one part', 9 * mebibyte],
  ])('is not taken for what lies under its name, damaged: %s', async (_what, bytes) => {
    await writeFile(local('data.csv'), randomBytes(bytes));
    const { sha256: hash } = await hashFiles(local('data.csv'));
    await s3.put({ bucket: bucket(), key: `sluice/uploads/${hash}/data.csv` }, Buffer.from('1,2'), {});
    expect(await failureOf(storage().upload(local('data.csv')))).toMatchObject({
      code: 'StorageError',
      retryable: false,
      message: expect.stringContaining('3 bytes'),
    });
    expect(await openUploads()).toBe(0);
  });

  it('is completed where an upload was interrupted', async () => {
    const code = await makeCode();
    const content = await hashFiles(code);
    const key = `sluice/uploads/${content.sha256}/code`;
    await s3.put({ bucket: bucket(), key: `${key}/train.py` }, Buffer.from('print(1)\n'), {});
    expect((await storage().upload(code)).uri).toBe(uri(key));
    expect(await storage().hash(uri(key))).toEqual(content);
  });

  it('leaves caches and version control out', async () => {
    const code = await makeCode();
    const before = await storage().upload(code);
    await mkdir(join(code, '__pycache__'));
    await writeFile(join(code, '__pycache__', 'x'), 'x');
    expect(await storage().upload(code)).toEqual(before);
  });
});

describeS3('code', () => {
  it('is there as files and as an archive that Python opens', async () => {
    const code = await makeCode();
    const uploaded = await storage().uploadCode(code);
    const content = await hashFiles(code);
    expect(uploaded).toEqual({
      uri: uri(`sluice/code/${content.sha256}/source`),
      archiveUri: uri(`sluice/code/${content.sha256}/sourcedir.tar.gz`),
      ...content,
    });
    expect(await storage().hash(uploaded.uri)).toEqual(content);
    await storage().download(uploaded.archiveUri, local('sourcedir.tar.gz'));
    execFileSync('python3', [
      '-c',
      'import sys, tarfile; tarfile.open(sys.argv[1], "r:gz").extractall(sys.argv[2])',
      local('sourcedir.tar.gz'),
      local('opened'),
    ]);
    expect(await hashFiles(local('opened'))).toEqual(content);
  });

  it('is uploaded once', async () => {
    const code = await makeCode();
    const first = await storage().uploadCode(code);
    const before = await Promise.all(
      (await objects()).map((name) => stat(join(server().folder, bucket(), name))),
    );
    expect(await storage().uploadCode(code)).toEqual(first);
    const after = await Promise.all(
      (await objects()).map((name) => stat(join(server().folder, bucket(), name))),
    );
    expect(after.map(({ ino }) => ino)).toEqual(before.map(({ ino }) => ino));
  });
});

describeS3('streams', () => {
  it('are read and written in bytes of any number', async () => {
    const content = randomBytes(25 * mebibyte + 7);
    await storage().write(
      uri('object'),
      Readable.from([content.subarray(0, 5), content.subarray(5)]) as AsyncIterable<Buffer>,
    );
    const hash = createHash('sha256');
    for await (const chunk of await storage().read(uri('object'))) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(sha256(content));
  });

  it('that fail leave nothing', async () => {
    const failing = async function* () {
      for (let count = 0; count < 20; count += 1) yield randomBytes(mebibyte);
      await Promise.resolve();
      throw new Error('no more');
    };
    expect((await failureOf(storage().write(uri('object'), failing()))).message).toBe('no more');
    expect(await storage().find(uri('object'))).toBeNull();
    expect(await openUploads()).toBe(0);
  });

  it('that are cancelled leave nothing, and throw the reason', async () => {
    const controller = new AbortController();
    const endless = async function* () {
      for (let count = 0; ; count += 1) {
        if (count === 30) controller.abort(new Error('enough'));
        yield Promise.resolve(randomBytes(mebibyte));
      }
    };
    const error = await failureOf(storage().write(uri('object'), endless(), controller.signal));
    expect(error.message).toBe('enough');
    expect(await openUploads()).toBe(0);
  });
});

describeS3('what is looked up', () => {
  it('is read as text only when it is small and there', async () => {
    await writeFile(local('file'), 'twelve bytes');
    await storage().put(local('file'), uri('a/file'));
    expect(await storage().readText(uri('a/file'), 12)).toBe('twelve bytes');
    for (const [key, limit] of [
      ['a/file', 11],
      ['a/none', 12],
      ['a', 12],
    ] as const) {
      expect(await failureOf(storage().readText(uri(key), limit))).toMatchObject({ code: 'OutputMissing' });
    }
  });

  it('is an object, a folder or nothing', async () => {
    await writeFile(local('file'), 'x');
    await storage().put(local('file'), uri('a/b/file'));
    expect(await storage().find(uri('a/b/file'))).toBe('file');
    expect(await storage().find(uri('a'))).toBe('folder');
    expect(await storage().find(uri('a/b/'))).toBe('folder');
    expect(await storage().find(uri('a/b/fi'))).toBeNull();
    expect(await failureOf(storage().find('s3://no-such-bucket/x'))).toMatchObject({ code: 'InvalidInput' });
  });
});
