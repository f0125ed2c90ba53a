import { z } from 'zod';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest } from '../../core/jobs.ts';
import { requestHash } from '../local/request-hash.ts';
import type { Call } from './calls.ts';
import type { Clock } from './clock.ts';
import type { Description } from './descriptions.ts';
import { lookClosely } from './look.ts';
import { requestHashTag, tagsRequest } from './requests.ts';

const tagList = z.object({ Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).nullish() });

interface Tools {
  call: Call;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Looks at a job that has the name already, in whatever state it is. Null: there is none.
 * @throws SluiceError `SpecMismatch` if it was made from another request, or not by Sluice.
 */
export async function adopt(name: string, job: JobRequest, tools: Tools): Promise<Description | null> {
  const found = await lookClosely(tools, job.kind, name, tools.signal);
  if (found === null) return null;
  if ((await hashOf(found.arn, tools)) === requestHash(job)) return found;
  throw new SluiceError(
    'SpecMismatch',
    `${name} is there already, made from another request (${found.arn})`,
    {
      details: { arn: found.arn },
    },
  );
}

/** Tags, too, may come a moment after the job. */
async function hashOf(arn: string, { call, clock, signal }: Tools): Promise<string | undefined> {
  const read = async () => {
    const { Tags } = tagList.parse(await call(tagsRequest(arn), { signal }));
    return Tags?.find(({ Key }) => Key === requestHashTag)?.Value;
  };
  const first = await read();
  if (first !== undefined) return first;
  await clock.wait(2000, signal);
  return read();
}
