import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import type { Cloud } from '../../src/activities/dependencies.ts';
import { hashInput } from '../../src/activities/hash-input.ts';
import { createS3 } from '../../src/aws/s3.ts';
import { createFileStorage } from '../../src/storage/file-storage.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { bucket } = s3PerFile();
const session = { region: 'us-east-1', accountId: '1', roleArn: 'r', bucket: 'b', prefix: 'p' };

describeS3('the hash of input data on S3', () => {
  it('is that of the content, and of large data that of their version', async () => {
    const storage = createS3Storage(createS3(), `s3://${bucket()}`);
    const uri = `s3://${bucket()}/data`;
    for (const name of ['a', 'b'])
      await createS3().put({ bucket: bucket(), key: `data/${name}` }, Buffer.from(name), {});
    const deps = {
      storage: createFileStorage(folder(), []),
      cloud: () => ({ storage }) as Cloud,
    };
    const hash = (limit: number) =>
      new MockActivityEnvironment().run(() => hashInput(deps, { uri, session }, limit));
    expect(await hash(2)).toEqual({ uri, ...(await storage.hash(uri)) });
    expect(await hash(1)).toEqual({ uri, ...(await storage.fingerprint(uri)) });
  });
});
