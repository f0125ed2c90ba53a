import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Cloud, Dependencies } from '../../src/activities/dependencies.ts';
import { placeInput } from '../../src/activities/pipeline-files.ts';
import { createS3 } from '../../src/aws/s3.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const folder = folderPerTest();
const { bucket } = s3PerFile();
const s3 = createS3();
const session = { region: 'us-east-1', accountId: '1', roleArn: 'r', bucket: 'b', prefix: 'p' };
const uri = (key: string) => `s3://${bucket()}/${key}`;

async function fill(...keys: string[]): Promise<void> {
  for (const key of keys) await s3.put({ bucket: bucket(), key }, Buffer.from(key), {});
}

function place(location: string) {
  const storage = createS3Storage(s3, `s3://${bucket()}/sluice`);
  const deps = {
    cloud: () => ({ storage }) as unknown as Cloud,
    findInput: (_what: string, name: string) =>
      Promise.resolve({ path: join(folder(), name), isFolder: true }),
  } as unknown as Dependencies;
  return placeInput(deps, 'steps.preprocess.input', location, session, new AbortController().signal);
}

/** SageMaker takes every object whose key begins with what it is given. */
async function taken(given: string): Promise<string[]> {
  const key = given.slice(uri('').length);
  return (await s3.list({ bucket: bucket(), key }, null, 1000)).objects.map((object) => object.key);
}

describeS3('input data of a run with a session', () => {
  it.each(['abalone', 'abalone/'])(
    'are what lies below the folder, and nothing beside it: %s',
    async (key) => {
      await fill('abalone/data.csv', 'abalone-holdout/data.csv');
      expect(await taken((await place(uri(key))).uri)).toEqual(['abalone/data.csv']);
    },
  );

  it('are the object of that key', async () => {
    await fill('data.csv', 'data.bak');
    expect((await place(uri('data.csv'))).uri).toBe(uri('data.csv'));
  });

  it.each(['data.csv.bak', 'data.csv2/part-1'])(
    'are refused where SageMaker would take %s as well',
    async (key) => {
      await fill('data.csv', key);
      expect(await failureOf(place(uri('data.csv')))).toMatchObject({
        code: 'InvalidInput',
        message: expect.stringMatching(`^steps\\.preprocess\\.input: .*${uri(key)}`),
      });
    },
  );

  it('are refused where there is nothing', async () => {
    await fill('data-1.csv');
    expect(await failureOf(place(uri('data')))).toMatchObject({ code: 'InvalidInput' });
  });

  it('that are uploaded are not taken together with the same under a longer name', async () => {
    for (const name of ['train', 'train-2']) {
      await mkdir(join(folder(), name));
      await writeFile(join(folder(), name, 'data.csv'), '1,2\n');
    }
    await place('train-2');
    expect(await taken((await place('train')).uri)).toHaveLength(1);
  });
});
