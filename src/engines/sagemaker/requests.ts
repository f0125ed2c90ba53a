import type { SageMakerOperation } from '../../aws/sagemaker.ts';
import type { JobRequest } from '../../core/jobs.ts';
import { requestHash } from '../local/request-hash.ts';
import { tagListOf } from '../../core/tags.ts';

export type JobKind = JobRequest['kind'];

export interface AwsRequest {
  operation: SageMakerOperation;
  input: Record<string, unknown>;
}

/** The tag by which a job is known to be made from one request and no other. */
export const requestHashTag = 'sluice:request-hash';

/** The body of the request is SageMaker's already; it lacks the name, and whose job it is. */
export function createRequest(name: string, job: JobRequest): AwsRequest {
  const tags = { ...job.tags, [requestHashTag]: requestHash(job) };
  return {
    operation: `Create${job.kind}Job`,
    input: {
      [`${job.kind}JobName`]: name,
      ...bodyOf(job),
      Tags: tagListOf(tags),
    },
  };
}

/** A list of channels that is there is not empty: InputDataConfig of the service model has at least one. */
function bodyOf({ kind, body }: JobRequest): object {
  if (kind !== 'Training' || body.InputDataConfig.length > 0) return body;
  return Object.fromEntries(Object.entries(body).filter(([key]) => key !== 'InputDataConfig'));
}

export const describeRequest = (kind: JobKind, name: string): AwsRequest => ({
  operation: `Describe${kind}Job`,
  input: { [`${kind}JobName`]: name },
});

export const stopRequest = (kind: JobKind, name: string): AwsRequest => ({
  operation: `Stop${kind}Job`,
  input: { [`${kind}JobName`]: name },
});

/** A job has at most 50 tags, which is one page. */
export const tagsRequest = (arn: string, token?: string): AwsRequest => ({
  operation: 'ListTags',
  input: { ResourceArn: arn, ...(token !== undefined && { NextToken: token }) },
});

/** A page of the jobs in progress, oldest first: what is made meanwhile comes last. */
export const listRequest = (kind: JobKind, token?: string): AwsRequest => ({
  operation: `List${kind}Jobs`,
  input: {
    StatusEquals: 'InProgress',
    SortBy: 'CreationTime',
    SortOrder: 'Ascending',
    MaxResults: 100,
    ...(token !== undefined && { NextToken: token }),
  },
});
