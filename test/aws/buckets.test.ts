import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBucketsApi } from '../../src/aws/buckets.ts';
import { createS3 } from '../../src/aws/s3.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

const signal = new AbortController().signal;

describeS3('buckets', () => {
  const s3 = s3PerFile();
  const buckets = createBucketsApi();

  it('are found by their names', async () => {
    expect(await buckets.find(s3.bucket(), 'us-east-1', null, signal)).toMatchObject({
      region: expect.toSatisfy((region) => region === null || typeof region === 'string'),
    });
  });

  it('that are not there are no error', async () => {
    expect(await buckets.find('nobody-made-this-one', 'us-east-1', null, signal)).toBeNull();
  });

  it('are made once', async () => {
    await buckets.create('made-here', 'us-east-1', signal);
    expect(await buckets.find('made-here', 'us-east-1', null, signal)).not.toBeNull();
    await buckets.create('made-here', 'us-east-1', signal);
  });

  it('of an endpoint with a name are paths: there is no host of the name of each', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://localhost:${s3.server().port}`);
    expect(await createBucketsApi().find(s3.bucket(), 'us-east-1', null, signal)).not.toBeNull();
    const at = { bucket: s3.bucket(), key: 'some/object' };
    await createS3().put(at, Buffer.from('its bytes'), {});
    expect(await createS3().head(at)).toMatchObject({ bytes: 9 });
    vi.unstubAllEnvs();
  });

  it('are not asked for any more after the signal', async () => {
    const reason = new Error('cancelled');
    expect(await failureOf(buckets.find(s3.bucket(), 'us-east-1', null, AbortSignal.abort(reason)))).toBe(
      reason,
    );
  });
});

describe('buckets of AWS', () => {
  const buckets = createBucketsApi();
  let server: Server;
  let asked: { method: string; url: string; owner: unknown; body: string }[];
  let status: number;

  withoutAwsSettings(folderPerTest());
  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        asked.push({ method, url, owner: headers['x-amz-expected-bucket-owner'], body });
        response.writeHead(status, { 'x-amz-bucket-region': 'eu-west-1' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    useAwsSettings({
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'AKIAGOOD',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('say where they are, if they are of the account that was expected', async () => {
    status = 200;
    expect(await buckets.find('shellfish', 'eu-west-1', '123456789012', signal)).toEqual({
      region: 'eu-west-1',
    });
    expect(asked).toMatchObject([
      { method: 'HEAD', url: expect.stringMatching(/^\/shellfish\b/), owner: '123456789012' },
    ]);
  });

  it('are refused to whoever may not use them, and it is said what is lacking', async () => {
    status = 403;
    expect(await failureOf(buckets.find('shellfish', 'eu-west-1', '123456789012', signal))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringMatching(
        /HeadBucket shellfish: .*s3:ListBucket, or .* not of account 123456789012/,
      ),
    });
  });

  it.each([
    ['eu-west-1', /<LocationConstraint>eu-west-1</],
    ['us-east-1', /^$/],
  ])('are made in %s, in the words that S3 wants', async (region, body) => {
    status = 200;
    await buckets.create('shellfish', region, signal);
    expect(asked).toEqual([
      {
        method: 'PUT',
        url: expect.stringMatching(/^\/shellfish\b/),
        owner: undefined,
        body: expect.stringMatching(body),
      },
    ]);
  });
});
