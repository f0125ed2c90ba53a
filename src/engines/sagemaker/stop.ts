import { isAwsError } from '../../core/aws-facts.ts';
import { visibleAfterMs } from '../../core/closely.ts';
import { SluiceError } from '../../core/errors.ts';
import type { Call } from './calls.ts';
import type { Clock } from './clock.ts';
import type { Description } from './descriptions.ts';
import { look, lookClosely } from './look.ts';
import { stopRequest, type JobKind } from './requests.ts';
import type { SeenJobs } from './seen-jobs.ts';
import { isOverdue } from './states.ts';

interface Tools {
  call: Call;
  clock: Clock;
  seen: SeenJobs;
}

const patienceMs = 120_000;
const pauseMs = 2000;

/**
 * Asks a job to stop. SageMaker refuses that, by one and the same code, for jobs that are over and for those it does not know,
 * or not yet; so Describe decides what it meant.
 */
export async function stopJob(tools: Tools, kind: JobKind, name: string): Promise<void> {
  const { call, clock, seen } = tools;
  const job = seen.get(name);
  if (job?.isRefused) return;
  const asked = clock.now();
  while (!(await requestStop(call, kind, name))) {
    // Who knows nothing of it may come after a worker that asked for it and died.
    const mayAppear = job?.mayAppear() ?? clock.now() - asked < visibleAfterMs;
    const found = mayAppear ? await look(call, kind, name) : await lookClosely(tools, kind, name);
    if (found === null ? !mayAppear : isEnding(found)) return;
    if (clock.now() - asked > patienceMs) {
      throw new SluiceError(
        'ServiceUnavailable',
        `${name} is under way, and SageMaker does not let it be stopped`,
      );
    }
    await clock.wait(found === null ? 2 * pauseMs : pauseMs);
  }
}

const isEnding = ({ status }: Description) =>
  ['Completed', 'Failed', 'Stopped', 'Stopping', 'Deleting'].includes(status);

/** False: SageMaker refuses. */
async function requestStop(call: Call, kind: JobKind, name: string): Promise<boolean> {
  try {
    await call(stopRequest(kind, name));
    return true;
  } catch (error) {
    if (isAwsError(error, 'ResourceNotFound', 'Validation')) return false;
    throw error;
  }
}

/** Transform jobs have no StoppingCondition: what other jobs leave to SageMaker is done here. */
export async function stopIfOverdue(
  { call, clock, seen }: Tools,
  kind: JobKind,
  name: string,
  job: Description,
): Promise<void> {
  const limit = seen.get(name)?.maxRuntimeSeconds;
  if (kind !== 'Transform' || limit === undefined || isEnding(job)) return;
  // A refusal means that it is over, which the next look will tell.
  if (isOverdue(job, limit, clock.date())) await requestStop(call, kind, name);
}
