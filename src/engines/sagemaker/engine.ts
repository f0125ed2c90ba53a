import type { LogsApi } from '../../aws/cloudwatch-logs.ts';
import type { SageMakerApi } from '../../aws/sagemaker.ts';
import { isAwsError } from '../../core/aws-facts.ts';
import { SluiceError } from '../../core/errors.ts';
import type { JobRef, JobRequest, JobState } from '../../core/jobs.ts';
import type { EnsuredJob, Engine } from '../engine.ts';
import { adopt } from './adopt.ts';
import type { Budget } from './budget.ts';
import { createCalls, type Call } from './calls.ts';
import { checkRequest } from './check.ts';
import { realClock, type Clock } from './clock.ts';
import { createdJob, type Description } from './descriptions.ts';
import { logTail } from './log-tail.ts';
import { lookClosely, look } from './look.ts';
import { pollIntervalMs } from './polling.ts';
import { createRequest, type JobKind } from './requests.ts';
import { createSeenJobs, type SeenJob, type SeenJobs } from './seen-jobs.ts';
import { jobState } from './states.ts';
import { stopJob, stopIfOverdue } from './stop.ts';

export interface SageMakerEngineOptions {
  api: SageMakerApi;
  logs: LogsApi;
  /** Shared by all engines of the worker for the same account and region. */
  budget: Budget;
  clock?: Clock;
}

export interface Tools {
  call: Call;
  clock: Clock;
  seen: SeenJobs;
  logs: LogsApi;
}

/**
 * Jobs of Amazon SageMaker. Its name is all that a job needs to be found: SageMaker takes each name once in an account and region.
 *
 * SageMaker is not consistent at once: a job may be unknown for a while after it was made, also where the answer of Create was
 * lost. So "not found" counts only when it is confirmed, and a stop is repeated until it was heard.
 */
export function createSageMakerEngine({
  api,
  logs,
  budget,
  clock = realClock,
}: SageMakerEngineOptions): Engine {
  const tools: Tools = {
    call: createCalls(api, budget, clock),
    clock,
    seen: createSeenJobs(clock),
    logs,
  };
  return {
    name: 'sagemaker',
    check: checkRequest,
    ensure: (name, job, signal, _tell, isFirst = false) =>
      ensure(tools, name, job, { signal, seen: tools.seen.remember(name, job, isFirst) }),
    describe: (ref, signal) => describe(tools, ref, signal),
    stop: (ref) => stopJob(tools, kindOf(ref), ref.name),
    pollIntervalMs: (elapsedMs, remainingMs = Infinity) =>
      pollIntervalMs(elapsedMs * clock.speed, remainingMs * clock.speed) / clock.speed,
  };
}

interface Ensuring {
  seen: SeenJob;
  signal: AbortSignal;
}

async function ensure(tools: Tools, name: string, job: JobRequest, ensuring: Ensuring): Promise<EnsuredJob> {
  const { seen, signal } = ensuring;
  signal.throwIfAborted();
  const { found, adopted } = await createOrAdopt(tools, name, job, ensuring);
  seen.tell(found);
  // The job is there; whoever wants it stopped finds it.
  signal.throwIfAborted();
  return { engine: 'sagemaker', name, kind: job.kind, adopted };
}

async function createOrAdopt(
  tools: Tools,
  name: string,
  job: JobRequest,
  { seen, signal }: Ensuring,
): Promise<{ found: Description; adopted: boolean }> {
  try {
    const answer = await tools.call(createRequest(name, job), { signal, onLost: () => seen.sent() });
    seen.sent();
    return { found: createdJob(job.kind, answer, new Date(tools.clock.date())), adopted: false };
  } catch (error) {
    const isThere = isAwsError(error, 'ResourceInUse');
    // A quota may be full with the very job that another worker made, so that its name is not even looked at.
    if (!isThere && !isRefusal(error)) throw error;
    const found = await adopt(name, job, { ...tools, signal, mayAppear: () => seen.mayAppear() });
    if (found) return { found, adopted: true };
    if (!isThere) {
      seen.refused();
      throw error;
    }
    throw new SluiceError(
      'ServiceUnavailable',
      `SageMaker says that ${name} is there, and does not find it`,
      {
        cause: error,
      },
    );
  }
}

const isRefusal = (error: unknown) =>
  error instanceof SluiceError && (error.code === 'QuotaExceeded' || error.code === 'InvalidInput');

async function describe(tools: Tools, ref: JobRef, signal?: AbortSignal): Promise<JobState> {
  const { seen: jobs, call } = tools;
  const kind = kindOf(ref);
  const { name } = ref;
  const seen = jobs.get(name);
  if (seen?.isRefused) return { status: 'missing' };
  const found =
    seen?.takeNews() ??
    (seen?.mayAppear() ? await look(call, kind, name, signal) : await lookClosely(tools, kind, name, signal));
  if (found === null) {
    if (seen?.mayAppear()) return { status: 'running', phase: 'starting', startedAt: null };
    jobs.forget(name);
    return { status: 'missing' };
  }
  const state = jobState(kind, found, seen?.maxRuntimeSeconds ?? null);
  if (state.status === 'running') {
    await stopIfOverdue(tools, kind, name, found);
    return state;
  }
  jobs.forget(name);
  return state.status === 'failed'
    ? { ...state, logTail: await logTail(tools.logs, kind, name, found) }
    : state;
}

function kindOf({ kind, name }: JobRef): JobKind {
  if (kind) return kind;
  throw new SluiceError('InvalidInput', `${name}: nothing says what kind of job it is`);
}
