import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogsApi, type LogEvent } from '../../src/aws/cloudwatch-logs.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { startFakeAws, type AwsCall, type FakeAws } from '../support/fake-aws.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

withoutAwsSettings(folderPerTest());

const streams = { group: '/aws/sagemaker/TrainingJobs', prefix: 'job-1/' };
const from = Date.UTC(2026, 10, 25);
/** Lines of two instances, the oldest first; the last two in the same millisecond. */
const lines = [
  ['job-1/algo-1-17', 1, 'first'],
  ['job-1/algo-2-17', 2, 'second\n'],
  ['job-1/algo-1-17', 3, 'third'],
  ['job-1/algo-1-17', 3, 'fourth'],
].map(([logStreamName, at, message], index) => ({
  eventId: `event-${index}`,
  logStreamName,
  timestamp: from + Number(at),
  message,
}));

let aws: FakeAws;
let refusal: string | null;
/** From which call on. */
let refusedFrom: number;
let pageSize: number;
let isFirstEmpty: boolean;

/** FilterLogEvents in pages of two, with an empty page between them, as CloudWatch has it. */
function filterLogEvents({ input }: AwsCall): object {
  if (refusal !== null && aws.calls.length >= refusedFrom) return { __type: refusal };
  const forward = input.startFromHead !== false;
  const sorted = forward ? lines : [...lines].reverse();
  const at = Number(input.nextToken ?? (isFirstEmpty ? -0.5 : 0));
  const size = Math.min(Number(input.limit ?? 2), pageSize);
  if (at % 1 !== 0) return { events: [], nextToken: String(Math.ceil(at)) };
  const next = at + size;
  return {
    events: sorted.slice(at, next),
    ...(next < lines.length && { nextToken: String(next - 0.5) }),
  };
}

beforeEach(async () => {
  refusal = null;
  refusedFrom = 1;
  pageSize = Infinity;
  isFirstEmpty = false;
  aws = await startFakeAws((call, response) => {
    if (refusal !== null && aws.calls.length >= refusedFrom) response.statusCode = 400;
    return filterLogEvents(call);
  });
  useAwsSettings({
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: aws.url,
    AWS_ACCESS_KEY_ID: 'AKIAGOOD',
    AWS_SECRET_ACCESS_KEY: 'secret',
  });
});
afterEach(() => aws.close());

describe('the last lines of a job', () => {
  it('come by one call, the oldest first, without their line ends', async () => {
    expect(await createLogsApi('eu-west-1').lastEvents(streams, from, 3)).toEqual({
      events: [
        { id: 'event-1', stream: 'algo-2-17', timestamp: from + 2, message: 'second' },
        { id: 'event-2', stream: 'algo-1-17', timestamp: from + 3, message: 'third' },
        { id: 'event-3', stream: 'algo-1-17', timestamp: from + 3, message: 'fourth' },
      ],
      cutOff: null,
    });
    expect(aws.calls).toHaveLength(1);
    expect(aws.calls[0]!.input).toEqual({
      logGroupName: '/aws/sagemaker/TrainingJobs',
      logStreamNamePrefix: 'job-1/',
      startTime: from,
      limit: 3,
      startFromHead: false,
    });
  });

  it('come over several pages, also empty ones', async () => {
    pageSize = 2;
    isFirstEmpty = true;
    const { events, cutOff } = await createLogsApi('eu-west-1').lastEvents(streams, from, 3);
    expect(events.map(({ message }) => message)).toEqual(['second', 'third', 'fourth']);
    expect(cutOff).toBeNull();
  });

  it('say why they are fewer', async () => {
    pageSize = 2;
    refusal = 'AccessDeniedException';
    refusedFrom = 2;
    const { events, cutOff } = await createLogsApi('eu-west-1').lastEvents(streams, from, 3);
    expect(events.map(({ message }) => message)).toEqual(['third', 'fourth']);
    expect(cutOff).toMatchObject({ code: 'AccessDenied' });
  });

  it('are none before the first job of an account has written any', async () => {
    refusal = 'ResourceNotFoundException';
    expect(await createLogsApi('eu-west-1').lastEvents(streams, from, 3)).toEqual({
      events: [],
      cutOff: null,
    });
  });

  it('are refused without permission, and it is said to what', async () => {
    refusal = 'AccessDeniedException';
    expect(await failureOf(createLogsApi('eu-west-1').lastEvents(streams, from, 3))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('FilterLogEvents /aws/sagemaker/TrainingJobs job-1/'),
    });
  });
});

describe('the whole log of a job', () => {
  it('comes page by page, over empty ones, to its end', async () => {
    const events: LogEvent[] = [];
    const sizes: number[] = [];
    for await (const page of createLogsApi('eu-west-1').pages(streams, from)) {
      sizes.push(page.length);
      events.push(...page);
    }
    expect(sizes).toEqual([2, 0, 2]);
    expect(events.map(({ message }) => message)).toEqual(['first', 'second', 'third', 'fourth']);
  });
});
