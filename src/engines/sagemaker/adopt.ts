import { visibleAfterMs } from '../../core/closely.ts';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest } from '../../core/jobs.ts';
import { requestHash } from '../local/request-hash.ts';
import type { Call } from './calls.ts';
import type { Clock } from './clock.ts';
import type { Description } from './descriptions.ts';
import { readTags } from './job-tags.ts';
import { look, lookClosely } from './look.ts';
import { requestHashTag } from './requests.ts';

const pauseMs = 4000;

interface Tools {
  call: Call;
  clock: Clock;
  signal: AbortSignal;
  /** Whether a request to make the job may have been heard, so that "not found" may be a lie. */
  mayAppear(): boolean;
}

/**
 * Looks at a job that has the name already, in whatever state it is. Null: there is none, and there will be none.
 * @throws SluiceError `SpecMismatch` if it was made from another request, or not by Sluice.
 */
export async function adopt(name: string, job: JobRequest, tools: Tools): Promise<Description | null> {
  let found = await lookClosely(tools, job.kind, name, tools.signal);
  while (found === null && tools.mayAppear()) {
    await tools.clock.wait(pauseMs, tools.signal);
    found = await look(tools.call, job.kind, name, tools.signal);
  }
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

/** Tags, too, may come after the job, or the job be unknown where tags are kept. */
async function hashOf(arn: string, { call, clock, signal }: Tools): Promise<string | undefined> {
  for (const started = clock.now(); ;) {
    const hash = (await readTags(call, arn, signal)).get(requestHashTag);
    if (hash !== undefined || clock.now() - started >= visibleAfterMs) return hash;
    await clock.wait(pauseMs, signal);
  }
}
