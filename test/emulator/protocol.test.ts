import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmulator, type TestEmulator } from '../support/emulator.ts';
import { ask, signature, trainingJob } from './client.ts';

let emulator: TestEmulator;
beforeAll(async () => (emulator = await openEmulator()));
afterAll(() => emulator.close());

const whole = signature('sagemaker').authorization;

describe('the protocol', () => {
  it.each([
    ['nothing', { authorization: '' }, 'IncompleteSignatureException'],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }, 'IncompleteSignatureException'],
    ['a signature that is cut', { authorization: whole.slice(0, -1) }, 'IncompleteSignatureException'],
    ['another service', { authorization: whole.replace('/sagemaker/', '/s3/') }, 'InvalidSignatureException'],
    ['an unsigned host', { authorization: whole.replace('host;', '') }, 'InvalidSignatureException'],
    ['another day', { 'x-amz-date': '20200101T000000Z' }, 'InvalidSignatureException'],
  ])('refuses requests signed with %s', async (_what, headers, code) => {
    const { status, body } = await ask(emulator.endpoint, 'ListModels', {}, headers);
    expect([status, body.__type]).toEqual([403, code]);
  });

  it('refuses requests that are not signed', async () => {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'SageMaker.ListModels' };
    const response = await fetch(emulator.endpoint, { method: 'POST', body: '{}', headers });
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { __type: 'MissingAuthenticationTokenException' },
    ]);
  });

  it.each([
    ['an operation that it does not know', { 'x-amz-target': 'SageMaker.CreateEndpoint' }],
    ['a method of every object', { 'x-amz-target': 'SageMaker.toString' }],
    ['another protocol', { 'content-type': 'application/json' }],
  ])('refuses %s', async (_what, headers) => {
    const { status, body } = await ask(emulator.endpoint, 'ListModels', {}, headers);
    expect([status, body.__type]).toEqual([404, 'UnknownOperationException']);
  });

  it('answers with an id that the ledger has too', async () => {
    const { headers } = await ask(emulator.endpoint, 'ListModels', {});
    expect(headers.get('x-amzn-requestid')).toBe(emulator.requests().at(-1)!.requestId);
    expect(headers.get('content-type')).toBe('application/x-amz-json-1.1');
  });

  it('refuses a request above 6 MB', async () => {
    const response = await fetch(emulator.endpoint, { method: 'POST', body: 'x'.repeat(7 * 1024 * 1024) });
    expect(response.status).toBe(413);
  });

  it('keeps regions apart', async () => {
    const there = signature('sagemaker', { region: 'us-east-1' });
    expect((await ask(emulator.endpoint, 'CreateTrainingJob', trainingJob('job-1'))).status).toBe(200);
    const { body } = await ask(emulator.endpoint, 'CreateTrainingJob', trainingJob('job-1'), there);
    expect(body).toEqual({ TrainingJobArn: 'arn:aws:sagemaker:us-east-1:123456789012:training-job/job-1' });
  });

  it('tells who calls, as STS does', async () => {
    const post = (action: string) =>
      fetch(emulator.endpoint, {
        method: 'POST',
        body: `Action=${action}&Version=2011-06-15`,
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', ...signature('sts') },
      });
    const answer = await post('GetCallerIdentity');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('<Account>123456789012</Account>');
    const refusal = await post('AssumeRole');
    expect(refusal.status).toBe(400);
    expect(await refusal.text()).toContain('<Code>InvalidAction</Code>');
  });
});
