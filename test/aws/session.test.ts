import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BucketsApi } from '../../src/aws/buckets.ts';
import { createOpenSession } from '../../src/aws/session.ts';
import { createStsApi } from '../../src/aws/sts.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

const folder = folderPerTest();
withoutAwsSettings(folder);

const account = '123456789012';
let emulator: TestEmulator;
let buckets: ReturnType<typeof createBuckets>;

/** Buckets by name, with owner and region. */
function createBuckets() {
  const all = new Map<string, { owner: string; region: string | null }>([
    ['shellfish', { owner: account, region: 'us-east-1' }],
    ['abroad', { owner: account, region: 'eu-west-1' }],
    ['somewhere', { owner: account, region: null }],
    ['of-others', { owner: '999999999999', region: 'us-east-1' }],
  ]);
  const made: string[] = [];
  const api: BucketsApi = {
    find(bucket, _region, owner) {
      const found = all.get(bucket);
      if (found && owner !== null && found.owner !== owner)
        return Promise.reject(new SluiceError('AccessDenied', 'not yours'));
      return Promise.resolve(found ? { region: found.region } : null);
    },
    create(bucket, region) {
      made.push(`${bucket} in ${region}`);
      return Promise.resolve();
    },
  };
  return { ...api, all, made };
}

beforeEach(async () => {
  emulator = await openEmulator({ accountId: account });
  buckets = createBuckets();
  useAwsSettings(emulator.env);
});
afterEach(() => emulator.close());

const open = (
  settings: Parameters<ReturnType<typeof createOpenSession>>[0] = {},
  defaults: Partial<{ role: string; bucket: string }> = {},
) =>
  createOpenSession({
    sts: createStsApi(),
    buckets,
    defaults: { role: null, bucket: null, ...defaults },
  })(settings, new AbortController().signal);

describe('a session', () => {
  it('is what the file says', async () => {
    const role = `arn:aws:iam::${account}:role/service-role/Jobs`;
    expect(await open({ region: 'us-east-1', role, bucket: 'shellfish', prefix: 'team/a' })).toEqual({
      region: 'us-east-1',
      accountId: account,
      roleArn: role,
      bucket: 'shellfish',
      prefix: 'team/a',
    });
  });

  it('is what the environment says where the file says nothing', async () => {
    expect(await open({}, { role: 'Jobs', bucket: 'shellfish' })).toEqual({
      region: 'us-east-1',
      accountId: account,
      roleArn: `arn:aws:iam::${account}:role/Jobs`,
      bucket: 'shellfish',
      prefix: 'sluice',
    });
  });

  it('prefers what the file says to what the environment says', async () => {
    const settings = { role: 'service-role/Own', bucket: 'somewhere' };
    expect(await open(settings, { role: 'Jobs', bucket: 'shellfish' })).toMatchObject({
      roleArn: `arn:aws:iam::${account}:role/service-role/Own`,
      bucket: 'somewhere',
    });
  });

  it('takes the region of the profile', async () => {
    await writeFile(
      join(folder(), 'config'),
      '[profile lab]\nregion = us-west-2\naws_access_key_id = AKIALAB\naws_secret_access_key = of the lab\n',
    );
    useAwsSettings({ AWS_PROFILE: 'lab' });
    vi.stubEnv('AWS_REGION', undefined);
    expect(await open({ role: 'Jobs', bucket: 'somewhere' })).toMatchObject({ region: 'us-west-2' });
  });
});

describe('the default bucket', () => {
  const name = `sagemaker-us-east-1-${account}`;

  it('is that of the SageMaker SDK, and is made if it is missing', async () => {
    expect(await open({ role: 'Jobs' })).toMatchObject({ bucket: name });
    expect(buckets.made).toEqual([`${name} in us-east-1`]);
  });

  it('is left as it is when it is there', async () => {
    buckets.all.set(name, { owner: account, region: 'us-east-1' });
    expect(await open({ role: 'Jobs' })).toMatchObject({ bucket: name });
    expect(buckets.made).toEqual([]);
  });

  it("is refused when it is somebody else's, who could guess its name", async () => {
    buckets.all.set(name, { owner: '999999999999', region: 'us-east-1' });
    expect(await failureOf(open({ role: 'Jobs' }))).toMatchObject({ code: 'AccessDenied' });
  });
});

describe('a session is refused before anything runs', () => {
  it('without a region', async () => {
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    expect(await failureOf(open({ role: 'Jobs' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/No region.*session\.region, AWS_REGION/),
    });
    expect(emulator.requests()).toEqual([]);
  });

  it('without credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    expect(await failureOf(open({ role: 'Jobs' }))).toMatchObject({
      code: 'AccessDenied',
      retryable: false,
      message: expect.stringMatching(/no valid credentials.*AWS_PROFILE/),
    });
  });

  it('without a role', async () => {
    expect(await failureOf(open({ bucket: 'shellfish' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/No role.*session\.role or SLUICE_ROLE/),
    });
  });

  it('with a role of another account', async () => {
    const role = 'arn:aws:iam::999999999999:role/Jobs';
    expect(await failureOf(open({ role, bucket: 'shellfish' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/999999999999.*123456789012/),
    });
  });

  it('with a bucket that is not there, which is not made', async () => {
    expect(await failureOf(open({ role: 'Jobs', bucket: 'misspelt' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/no bucket "misspelt".*aws s3 mb s3:\/\/misspelt/),
    });
    expect(buckets.made).toEqual([]);
  });

  it('with a bucket of another region', async () => {
    expect(await failureOf(open({ role: 'Jobs', bucket: 'abroad' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/"abroad" is in eu-west-1, the session in us-east-1/),
    });
  });
});

describe('expired credentials', () => {
  it('are waited for: they may be renewed', async () => {
    emulator.fault({ fault: 'expired-credentials', operation: 'GetCallerIdentity' });
    expect(await failureOf(open({ role: 'Jobs' }))).toMatchObject({
      code: 'CredentialsExpired',
      retryable: true,
    });
  });
});
