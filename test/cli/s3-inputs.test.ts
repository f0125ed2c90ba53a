import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createS3 } from '../../src/aws/s3.ts';
import { createS3Storage } from '../../src/storage/s3-storage.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';
import { createRoot, jsonFrom, type Root } from './fixtures.ts';

const { server, bucket } = s3PerFile();
let root: Root;
beforeEach(() => {
  root = createRoot();
});
afterEach(() => root.remove());

function pipeline(input: string, changes: Record<string, string> = {}): string {
  const file = root.pipeline({}, changes);
  const content = JSON.parse(readFileSync(file, 'utf8'));
  content.steps.preprocess.input = input;
  writeFileSync(file, JSON.stringify(content));
  return file;
}

describeS3('a run of this machine', () => {
  it('takes code and data from S3, and downloads them once for the same content', async () => {
    const storage = createS3Storage(createS3(), `s3://${bucket()}`);
    await storage.put(join(root.path, 'code'), `s3://${bucket()}/code`);
    await storage.put(join(root.path, 'data.csv'), `s3://${bucket()}/data.csv`);
    const file = pipeline(`s3://${bucket()}/data.csv`, { code: `s3://${bucket()}/code` });
    for (let run = 1; run <= 2; run += 1) {
      const ended = await root.start(['run', file, '--json'], server().env).ended;
      expect(ended.code, ended.stderr).toBe(0);
      expect(jsonFrom(ended)).toMatchObject({ outcome: 'accepted' });
    }
    const copies = readdirSync(join(root.home, 'storage/downloads'));
    expect(copies).toHaveLength(2);
    await root.hostGone();
  });

  it('says before anything runs that nothing is there', async () => {
    const file = pipeline(`s3://${bucket()}/none`);
    const ended = await root.start(['run', file], server().env).ended;
    expect(ended.code).not.toBe(0);
    expect(ended.stdout + ended.stderr).toContain(`s3://${bucket()}/none does not exist`);
    expect(root.ledgerLines()).toEqual([]);
    await root.hostGone();
  });
});
