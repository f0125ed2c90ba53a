import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { hashFiles } from '../../src/storage/content.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { startS3Proxy } from '../support/s3-proxy.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { server, bucket } = s3PerFile();
const local = (name: string) => join(folder(), name);

describeS3('bodies that are cut again and again', () => {
  it('are put together if each brings a byte, and are given up if none does', async () => {
    const uri = `s3://${bucket()}/file`;
    await writeFile(local('file'), randomBytes(100_000));
    await createS3Storage(createS3(), uri).put(local('file'), uri);
    const proxy = await startS3Proxy(server().port);
    process.env.AWS_ENDPOINT_URL_S3 = proxy.endpoint;
    try {
      const storage = createS3Storage(createS3(), uri);
      proxy.meet(({ operation }) => (operation === 'GetObject' ? { kind: 'cut', afterBytes: 12_000 } : null));
      await storage.download(uri, local('copy'));
      expect(await hashFiles(local('copy'))).toEqual(await hashFiles(local('file')));
      proxy.meet(({ operation }) => (operation === 'GetObject' ? { kind: 'cut', afterBytes: 0 } : null));
      expect(await failureOf(storage.download(uri, local('none')))).toMatchObject({
        code: 'StorageError',
        message: expect.stringContaining('0 of 100000 bytes came'),
      });
      expect((await readdir(folder())).sort()).toEqual(['copy', 'file']);
    } finally {
      process.env.AWS_ENDPOINT_URL_S3 = server().env.AWS_ENDPOINT_URL_S3;
      await proxy.stop();
    }
  });
});
