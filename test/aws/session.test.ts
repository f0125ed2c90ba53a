import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BucketsApi } from '../../src/aws/buckets.ts';
import { toSluiceError } from '../../src/aws/errors.ts';
import { createOpenSession } from '../../src/aws/session.ts';
import { createStsApi, type StsApi } from '../../src/aws/sts.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { knowsRegion } from '../../src/engines/sagemaker/images.ts';
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
  sts: StsApi = createStsApi(),
) =>
  createOpenSession({
    sts,
    knowsRegion,
    buckets,
    defaults: { role: null, bucket: null, ...defaults },
  })(settings, new AbortController().signal);

/** Where the resolver says that there is no such host, as Node's does. */
const openWithoutAddress = (
  settings: Parameters<typeof open>[0] = {},
  hostOf = (region: string) => `sts.${region}.amazonaws.com`,
) => {
  const getCallerIdentity: StsApi['getCallerIdentity'] = (region) => {
    const hostname = hostOf(region);
    const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
    return Promise.reject(toSluiceError(Object.assign(error, { code: 'ENOTFOUND', hostname }), 'x'));
  };
  return open(settings, { role: 'Jobs' }, { ...createStsApi(), getCallerIdentity });
};

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

  it('in a region that nobody knows', async () => {
    expect(await failureOf(openWithoutAddress({ region: 'eu-cental-1' }))).toMatchObject({
      code: 'InvalidInput',
      retryable: false,
      message: expect.stringMatching(/no region "eu-cental-1".*correct .*session\.region/),
    });
    vi.stubEnv('AWS_REGION', 'eu-cental-1');
    expect(await failureOf(openWithoutAddress())).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/no region "eu-cental-1".*correct AWS_REGION/),
    });
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

describe('a name without an address', () => {
  it('of a region that is known is asked for again: the network may come back', async () => {
    expect(await failureOf(openWithoutAddress({ region: 'eu-central-1' }))).toMatchObject({
      code: 'ServiceUnavailable',
      retryable: true,
    });
  });

  it('that is the endpoint of somebody else says nothing of the region', async () => {
    expect(
      await failureOf(openWithoutAddress({ region: 'eu-cental-1' }, () => 'aws.example.org')),
    ).toMatchObject({ code: 'ServiceUnavailable', retryable: true });
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
