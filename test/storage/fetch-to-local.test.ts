import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { fetchToLocal } from '../../src/storage/fetch-to-local.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { bucket } = s3PerFile();
const s3 = createS3();
const storage = () => createS3Storage(s3, `s3://${bucket()}`);
const uri = (key: string) => `s3://${bucket()}/${key}`;
const local = (...names: string[]) => join(folder(), ...names);
const downloads = () => local('downloads');
const write = (key: string, text: string) => s3.put({ bucket: bucket(), key }, Buffer.from(text), {});

describeS3('a copy on this machine of what is on S3', () => {
  it('is made once for the same content, of an object and of a folder', async () => {
    await write('data/a.csv', '1\n');
    await write('data/deep/b.csv', '2\n');
    let downloaded = 0;
    const counting = {
      ...storage(),
      download: (...parameters: Parameters<ReturnType<typeof storage>['download']>) => {
        downloaded += 1;
        return storage().download(...parameters);
      },
    };
    for (const key of ['data/a.csv', 'data', 'data/']) {
      downloaded = 0;
      const path = await fetchToLocal(counting, downloads(), uri(key));
      expect(await fetchToLocal(counting, downloads(), uri(key))).toBe(path);
      expect(downloaded).toBe(1);
      expect(basename(path)).toBe(basename(key));
    }
    const path = await fetchToLocal(storage(), downloads(), uri('data'));
    expect((await readdir(path, { recursive: true })).sort()).toEqual(['a.csv', 'deep', 'deep/b.csv']);
    const entries = await readdir(downloads());
    expect(entries).toHaveLength(3);
    for (const entry of entries) expect(entry).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is another one when the content has changed', async () => {
    await write('x', 'old');
    const before = await fetchToLocal(storage(), downloads(), uri('x'));
    await write('x', 'new');
    const after = await fetchToLocal(storage(), downloads(), uri('x'));
    expect(await readFile(before, 'utf8')).toBe('old');
    expect(await readFile(after, 'utf8')).toBe('new');
  });

  it('is made by several at once, and may be a whole bucket', async () => {
    await write('x', '1');
    await write('y/z', '2');
    const all = [1, 2, 3, 4].map(() => fetchToLocal(storage(), downloads(), `s3://${bucket()}`));
    const paths = new Set(await Promise.all(all));
    expect(paths.size).toBe(1);
    const [path = ''] = paths;
    expect(basename(path)).toBe(bucket());
    expect((await readdir(path)).sort()).toEqual(['x', 'y']);
    expect(await readdir(downloads())).toHaveLength(1);
  });

  it('is of one version, though objects are written meanwhile', async () => {
    await write('data/a', '1');
    let writes = 0;
    const written: Pick<ReturnType<typeof storage>, 'fingerprint' | 'download'> = {
      fingerprint: (...parameters) => storage().fingerprint(...parameters),
      async download(...parameters) {
        await storage().download(...parameters);
        writes += 1;
        if (writes <= limit) await write('data/a', `changed ${writes}`);
      },
    };
    let limit = 2;
    const path = await fetchToLocal(written, downloads(), uri('data'));
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('changed 2');
    limit = Infinity;
    await write('data/a', 'again');
    expect(await failureOf(fetchToLocal(written, downloads(), uri('data')))).toMatchObject({
      code: 'StorageError',
    });
    expect(await readdir(downloads())).toHaveLength(1);
  });

  it('is refused where nothing is, and where its name would be no file', async () => {
    await mkdir(downloads());
    await write('a/../b', 'x');
    for (const key of ['none', 'a/..'])
      expect(await failureOf(fetchToLocal(storage(), downloads(), uri(key)))).toMatchObject({
        code: 'InvalidInput',
      });
    expect(await readdir(downloads())).toEqual([]);
  });
});

describeS3('the fingerprint of data on S3', () => {
  it('is that of its version: of the names, the sizes and the bytes', async () => {
    await write('d/a', '1');
    await write('d/b', '22');
    const first = await storage().fingerprint(uri('d'));
    expect(first).toMatchObject({ bytes: 3 });
    expect(await storage().fingerprint(uri('d/'))).toEqual(first);
    const others = [];
    for (const [key, text] of [
      ['d/b', '23'],
      ['d/c', ''],
    ] as const) {
      await write(key, text);
      others.push((await storage().fingerprint(uri('d'))).etags);
    }
    expect(new Set([first.etags, ...others]).size).toBe(3);
    await writeFile(local('22'), '22');
    await storage().put(local('22'), uri('e/b'));
    await write('e/a', '1');
    expect(await storage().fingerprint(uri('e'))).toEqual(first);
    expect(await failureOf(storage().fingerprint(uri('none')))).toMatchObject({ code: 'InvalidInput' });
  });
});
