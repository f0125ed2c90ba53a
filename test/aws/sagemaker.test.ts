import { afterEach, describe, expect, it } from 'vitest';
import { createSageMakerApi } from '../../src/aws/sagemaker.ts';
import { useAwsSettings, withoutAwsSettings } from '../support/aws-env.ts';
import { startFakeAws, type FakeAws } from '../support/fake-aws.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

withoutAwsSettings(folderPerTest());

let aws: FakeAws;
afterEach(() => aws.close());

async function play(answer: Parameters<typeof startFakeAws>[0]) {
  aws = await startFakeAws(answer);
  useAwsSettings({
    AWS_ENDPOINT_URL_SAGEMAKER: aws.url,
    AWS_ACCESS_KEY_ID: 'AKIAGOOD',
    AWS_SECRET_ACCESS_KEY: 'secret',
  });
  return createSageMakerApi('eu-west-1');
}

const describeJob = { TrainingJobName: 'job-1' };

describe('a call of SageMaker', () => {
  it('is sent once, to the region, and answered with times as dates', async () => {
    const api = await play(() => ({ TrainingJobName: 'job-1', CreationTime: 1_764_000_000.5 }));
    expect(await api.call('DescribeTrainingJob', describeJob)).toEqual({
      TrainingJobName: 'job-1',
      CreationTime: new Date(1_764_000_000_500),
    });
    expect(aws.calls).toEqual([
      {
        operation: 'DescribeTrainingJob',
        input: describeJob,
        headers: expect.objectContaining({ authorization: expect.stringContaining('/eu-west-1/sagemaker/') }),
      },
    ]);
  });

  it('that is throttled is not sent again: who calls has the budget', async () => {
    const api = await play((_call, response) => {
      response.statusCode = 400;
      return { __type: 'ThrottlingException', message: 'Rate exceeded' };
    });
    expect(await failureOf(api.call('DescribeTrainingJob', describeJob))).toMatchObject({
      code: 'Throttled',
      message: expect.stringMatching(/^DescribeTrainingJob job-1: .*ThrottlingException: Rate exceeded/),
    });
    expect(aws.calls).toHaveLength(1);
  });

  it.each([
    ['a proxy that is down', 502, '<html>Bad gateway</html>'],
    ['somebody else', 200, '<html>Please log in</html>'],
  ])('that is answered by %s may be sent again later', async (_what, status, text) => {
    const api = await play((_call, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end(text);
      return undefined;
    });
    expect(await failureOf(api.call('DescribeTrainingJob', describeJob))).toMatchObject({
      code: 'ServiceUnavailable',
    });
  });

  it('whose answer is cut short may be sent again later', async () => {
    const api = await play((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': '100' });
      response.write('{"TrainingJobArn":');
      setTimeout(() => response.destroy(), 20);
      return undefined;
    });
    expect(await failureOf(api.call('CreateTrainingJob', describeJob))).toMatchObject({
      code: 'ServiceUnavailable',
    });
  });

  it('is given up with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const api = await play(() => {
      controller.abort(reason);
      return undefined;
    });
    expect(await failureOf(api.call('DescribeTrainingJob', describeJob, controller.signal))).toBe(reason);
    expect(await failureOf(api.call('DescribeTrainingJob', describeJob, controller.signal))).toBe(reason);
    expect(aws.calls).toHaveLength(1);
  });
});

describe('a clock that is wrong', () => {
  const refusal = { __type: 'InvalidSignatureException', message: 'Signature not yet current' };

  it('is set right by what AWS answers, and the call is sent again', async () => {
    const api = await play((call, response) => {
      if (aws.calls.length > 1) return { now: call.headers['x-amz-date'] };
      response.statusCode = 403;
      response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString());
      return refusal;
    });
    await api.call('DescribeTrainingJob', describeJob);
    const [first, second] = aws.calls.map(({ headers }) =>
      Number(String(headers['x-amz-date']).slice(9, 15)),
    );
    expect(aws.calls).toHaveLength(2);
    expect(first).not.toBe(second);
  });

  it('is not the cause if AWS has the same time: then it is the key', async () => {
    const api = await play((_call, response) => {
      response.statusCode = 403;
      return refusal;
    });
    expect(await failureOf(api.call('DescribeTrainingJob', describeJob))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringMatching(/clock.*secret access key/),
    });
    expect(aws.calls).toHaveLength(1);
  });
});
