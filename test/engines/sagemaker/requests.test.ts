import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { jobRequest } from '../../../src/core/jobs.ts';
import {
  createRequest,
  describeRequest,
  requestHashTag,
  stopRequest,
  tagsRequest,
} from '../../../src/engines/sagemaker/requests.ts';

/** The plan's own requests, of a pipeline with every setting. */
const jobOf = (step: string) =>
  jobRequest.parse(
    JSON.parse(readFileSync(new URL(`../../core/fixtures/online-${step}.json`, import.meta.url), 'utf8')),
  );
const steps = ['preprocess', 'train', 'evaluate', 'transform'];

describe('the request that creates a job', () => {
  it('has no tag that AWS would refuse, however long the id of the run is', () => {
    const tags = { 'sluice:workflow-id': '#'.repeat(256), 'sluice:run-id': 'run-1' };
    const { input } = createRequest('abalone-1', { ...jobOf('train'), tags });
    const values = (input.Tags as { Value: string }[]).map(({ Value }) => Value);
    expect(values[0]).toBe('=23'.repeat(85));
    expect(values[1]).toBe('run-1');
  });

  it.each(steps)('of %s with every setting is the one on file', async (step) => {
    // `vitest --update` writes them anew; look at the difference before you commit it.
    const name = `fixtures/create-${step}.json`;
    const style = await resolveConfig(fileURLToPath(new URL(name, import.meta.url)));
    const request = createRequest(`abalone-${step}-1`, jobOf(step));
    await expect(await format(JSON.stringify(request), { ...style, parser: 'json' })).toMatchFileSnapshot(
      name,
    );
  });

  it.each(steps)('of %s is the body of the plan, a name and tags, and nothing else', (step) => {
    const job = jobOf(step);
    const { operation, input } = createRequest('abalone-1', job);
    const { [`${job.kind}JobName`]: name, Tags: tags, ...body } = input;
    expect(operation).toBe(`Create${job.kind}Job`);
    expect({ name, body }).toEqual({ name: 'abalone-1', body: job.body });
    expect(tags).toContainEqual({ Key: requestHashTag, Value: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(tags).toContainEqual({ Key: 'sluice:step', Value: step });
  });

  it('of a training without channels has no list of them, which may not be empty', () => {
    const job = jobOf('train');
    if (job.kind !== 'Training') throw new Error('unreachable');
    const { input } = createRequest('abalone-1', { ...job, body: { ...job.body, InputDataConfig: [] } });
    expect(input).not.toHaveProperty('InputDataConfig');
    expect(input).toHaveProperty('OutputDataConfig');
  });

  it('has another hash for another request, and the same for the same', () => {
    const hashOf = (job: ReturnType<typeof jobOf>) =>
      (createRequest('abalone-1', job).input.Tags as { Key: string; Value: string }[]).find(
        ({ Key }) => Key === requestHashTag,
      )!.Value;
    const job = jobOf('train');
    expect(hashOf(structuredClone(job))).toBe(hashOf(job));
    expect(hashOf({ ...job, tags: { ...job.tags, team: 'b' } })).not.toBe(hashOf(job));
  });
});

describe('the other requests', () => {
  it.each(['Processing', 'Training', 'Transform'] as const)('name the %s job and nothing else', (kind) => {
    const input = { [`${kind}JobName`]: 'abalone-1' };
    expect(describeRequest(kind, 'abalone-1')).toEqual({ operation: `Describe${kind}Job`, input });
    expect(stopRequest(kind, 'abalone-1')).toEqual({ operation: `Stop${kind}Job`, input });
  });

  it('ask for tags by the ARN', () => {
    expect(tagsRequest('arn:x')).toEqual({ operation: 'ListTags', input: { ResourceArn: 'arn:x' } });
  });
});

it('tags of ours carry any text, tags of the user are taken as they are', () => {
  const job = { ...jobOf('train'), tags: { 'sluice:workflow-id': 'a=b#1', team: 'a=b' } };
  const { Tags: tags } = createRequest('a', job).input;
  expect(tags).toContainEqual({ Key: 'sluice:workflow-id', Value: 'a=3db=231' });
  expect(tags).toContainEqual({ Key: 'team', Value: 'a=b' });
});
