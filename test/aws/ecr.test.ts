import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loginToEcr } from '../../src/aws/ecr.ts';
import { startFakeEcr, type FakeEcr } from '../support/fake-ecr.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

const folder = folderPerTest();
let ecr: FakeEcr;

/** Of this machine's own AWS settings the SDK sees none. */
beforeEach(async () => {
  ecr = await startFakeEcr('token-1');
  for (const name of Object.keys(process.env).filter((key) => key.startsWith('AWS_')))
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', join(folder(), 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder(), 'credentials'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_ENDPOINT_URL_ECR', ecr.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await ecr.close();
});

function useKey(key: string): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', key);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wJalr-secret');
}

describe('a token of Amazon ECR', () => {
  it('is asked for in the region of the registry, with the credentials that the SDK finds', async () => {
    useKey('AKIAGOOD');
    vi.stubEnv('AWS_REGION', 'us-east-1');
    expect(await loginToEcr('eu-west-1')).toEqual({ username: 'AWS', password: 'token-1' });
    expect(ecr.requests).toEqual([
      {
        target: 'GetAuthorizationToken',
        credential: expect.stringMatching(/^AKIAGOOD\/\d{8}\/eu-west-1\/ecr\/aws4_request$/),
      },
    ]);
  });

  it('is not to be had without credentials, and it is said what to do', async () => {
    const failure = await failureOf(loginToEcr('eu-west-1'));
    expect(failure).toMatchObject({ code: 'AccessDenied', retryable: false });
    expect(failure.message).toMatch(
      /^Amazon ECR in eu-west-1 needs AWS credentials .*AWS_PROFILE.*aws sso login/,
    );
    expect(ecr.requests).toEqual([]);
  });

  it('is refused for credentials that are not valid, which are not shown', async () => {
    useKey('AKIABAD');
    const failure = await failureOf(loginToEcr('eu-west-1'));
    expect(failure).toMatchObject({ code: 'AccessDenied' });
    expect(failure.message).toMatch(
      /refuses a token: UnrecognizedClientException: .*ecr:GetAuthorizationToken/,
    );
    expect(failure.message).not.toContain('wJalr-secret');
  });

  it.each([
    ['AKIADOWN', 'ServerException'],
    ['AKIABUSY', 'ThrottlingException'],
    ['AKIAEMPTY', 'an authorization without a token'],
  ])('may come at the next try when ECR is not well: %s', async (key, why) => {
    useKey(key);
    expect(await failureOf(loginToEcr('eu-west-1'))).toMatchObject({
      code: 'ServiceUnavailable',
      retryable: true,
      message: expect.stringContaining(why),
    });
  });

  it('may come at the next try when nobody answers', async () => {
    useKey('AKIAGOOD');
    await ecr.close();
    expect(await failureOf(loginToEcr('eu-west-1'))).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
