import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createS3 } from '../../../src/aws/s3.ts';
import { createStagedEngine } from '../../../src/engines/staged.ts';
import { createS3Storage } from '../../../src/storage/s3-storage.ts';
import { describeDocker } from '../../support/docker.ts';
import { s3PerFile, whyNoS3 } from '../../support/s3-server.ts';
import { buildImage, createContainerBench, shell } from '../container/jobs.ts';
import { see } from './fixtures.ts';

const { bucket } = s3PerFile();

describeDocker('a container with its data on S3', () => {
  const bench = createContainerBench();

  it.skipIf(whyNoS3 !== undefined)(
    'reads and writes them as another user, in several instances',
    async () => {
      const image = await buildImage('staged-user', 'USER 1000');
      const storage = createS3Storage(createS3(), `s3://${bucket()}`);
      const uri = (key: string) => `s3://${bucket()}/${key}`;
      for (const name of ['a', 'b', 'c', 'd'])
        await createS3().put({ bucket: bucket(), key: `data/${name}` }, Buffer.from(`${name}\n`), {});
      const job = shell('cd /opt/ml/processing; cat input/data/* > output/o/$(hostname)', {
        image,
        instanceCount: 2,
        inputs: { data: '/x' },
        outputs: { o: '/x' },
      });
      const [input] = job.body.ProcessingInputs;
      input!.S3Input.S3Uri = uri('data/');
      input!.S3Input.S3DataDistributionType = 'ShardedByS3Key';
      job.body.ProcessingOutputConfig.Outputs[0]!.S3Output.S3Uri = uri('o');
      const engine = createStagedEngine(bench.engine, storage, join(bench.folder, 'staged'));
      expect(await see(engine, bench.name('sharded'), job)).toMatchObject({ status: 'succeeded' });
      expect(await storage.readText(uri('o/algo-1'), 100)).toBe('a\nc\n');
      expect(await storage.readText(uri('o/algo-2'), 100)).toBe('b\nd\n');
    },
  );
});
