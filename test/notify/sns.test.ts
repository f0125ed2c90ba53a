import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSnsApi } from '../../src/aws/sns.ts';
import { createSnsNotifier } from '../../src/notify/sns.ts';
import { startFakeSns, type FakeSns } from '../support/fake-sns.ts';
import { failureOf } from '../support/folders.ts';
import { notification, target } from '../support/notification.ts';

const topic = 'arn:aws:sns:eu-west-1:123456789012:ml';
const never = new AbortController().signal;
let sns: FakeSns;

beforeEach(async () => {
  sns = await startFakeSns([topic, `${topic}.fifo`]);
  for (const name of Object.keys(process.env).filter((key) => key.startsWith('AWS_')))
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_ENDPOINT_URL_SNS', sns.url);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  useKey('AKIAGOOD');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await sns.close();
});

const useKey = (key: string | undefined) => vi.stubEnv('AWS_ACCESS_KEY_ID', key);
const send = (written: object, facts = {}) =>
  createSnsNotifier(createSnsApi()).notify(target(written), { ...notification, ...facts }, never);

describe('a message to a topic', () => {
  it('has text, subject, and attributes to filter by, in the region of the topic', async () => {
    await send({ sns: topic });
    expect(sns.published).toHaveLength(1);
    const { parameters, credential } = sns.published[0]!;
    expect(credential).toMatch(/^AKIAGOOD\/\d{8}\/eu-west-1\/sns\//);
    expect(parameters).toMatchObject({
      TopicArn: topic,
      Subject: '[Sluice] abalone rejected',
      Message: expect.stringMatching(/QualityGateRejected[\s\S]*http:..ui.example/),
    });
    const attributes = Object.entries(parameters).filter(([name]) => name.startsWith('MessageAttributes'));
    expect(attributes.map(([, value]) => value).filter((value) => value !== 'String')).toEqual([
      ...['event', 'rejected', 'pipeline', 'abalone', 'executionMode', 'local'],
      ...['code', 'QualityGateRejected'],
    ]);
  });

  it('of its own words is sent as it is, the subject in ASCII', async () => {
    await send(
      { sns: topic, text: '{pipeline}: {message}', subject: '{message}' },
      { message: 'ß\nwar da'.padEnd(300, 'x') },
    );
    expect(sns.published[0]!.parameters.Message).toMatch(/^abalone: ß\nwar dax/);
  });

  it('to a FIFO topic is one for a run', async () => {
    await send({ sns: `${topic}.fifo` });
    expect(sns.published[0]!.parameters).toMatchObject({
      MessageGroupId: 'abalone',
      MessageDeduplicationId: 'run-1',
    });
  });

  it.each([
    ['AKIADENIED', 'AccessDenied', false],
    ['AKIABUSY', 'Throttled', true],
    ['AKIADOWN', 'ServiceUnavailable', true],
    [undefined, 'CredentialsExpired', true],
  ])('that is refused to %s is %s', async (key, code, retryable) => {
    useKey(key);
    const failure = await failureOf(send({ sns: topic }));
    expect(failure).toMatchObject({ code, retryable, message: expect.stringContaining(topic) });
  });

  it('to no topic is not tried again', async () => {
    expect(await failureOf(send({ sns: `${topic}s` }))).toMatchObject({ code: 'InvalidInput' });
  });
});
