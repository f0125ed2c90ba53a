import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { folderPerTest } from '../support/folders.ts';
import { describeS3, startS3Server } from '../support/s3-server.ts';
import { rehash } from './uploads.ts';

const folder = folderPerTest();
withoutAwsSettings(folder);

describeS3('what was uploaded under the hash of its content', () => {
  it('has that hash, and another one when any of its objects has changed', async () => {
    const server = await startS3Server();
    try {
      useAwsSettings(server.env);
      server.makeBucket('bucket');
      const code = join(folder(), 'code');
      await mkdir(join(code, 'lib'), { recursive: true });
      await writeFile(join(code, 'train.py'), 'train');
      await writeFile(join(code, 'lib', 'run.sh'), 'run');
      await chmod(join(code, 'lib', 'run.sh'), 0o755);
      await writeFile(join(folder(), 'data.csv'), '1,2');
      const data = join(folder(), 'data');
      await mkdir(data);
      for (const name of ['b.csv', 'a.csv']) await writeFile(join(data, name), name);

      const storage = createS3Storage(createS3(), 's3://bucket/sluice');
      await storage.uploadCode(code);
      await storage.upload(join(folder(), 'data.csv'));
      await storage.upload(data);
      const bucket = join(server.folder, 'bucket');
      const keys = await server.keys('bucket');
      const wrong = async () =>
        (await rehash(bucket, keys)).filter(({ key, sha256 }) => !key.includes(sha256)).map(({ key }) => key);

      expect(await rehash(bucket, keys)).toHaveLength(4);
      expect(await wrong()).toEqual([]);
      for (const key of keys) {
        const file = join(bucket, key);
        const right = await readFile(file);
        await appendFile(file, '!');
        // It is the object, or the folder that it is in.
        expect((await wrong()).filter((one) => `${key}/`.startsWith(`${one}/`))).toHaveLength(1);
        await writeFile(file, right);
      }
    } finally {
      await server.stop();
    }
  });
});
