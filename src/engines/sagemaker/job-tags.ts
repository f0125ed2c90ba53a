import { z } from 'zod';
import { isAwsError } from '../../core/aws-facts.ts';
import type { Call } from './calls.ts';
import { tagsRequest } from './requests.ts';

const tagList = z.array(z.object({ Key: z.string(), Value: z.string() })).nullish();

/** The tags of a job as AWS has them; none of one that is deleted meanwhile, or not known yet where tags are kept. */
export async function readTags(call: Call, arn: string, signal: AbortSignal): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  let token: string | undefined;
  do {
    const answer = await call(tagsRequest(arn, token), { signal }).catch(noTags);
    for (const { Key, Value } of tagList.parse(answer.Tags) ?? []) tags.set(Key, Value);
    token = typeof answer.NextToken === 'string' ? answer.NextToken : undefined;
  } while (token !== undefined);
  return tags;
}

function noTags(error: unknown): Record<string, unknown> {
  if (isAwsError(error, 'ResourceNotFound', 'Validation')) return {};
  throw error;
}
