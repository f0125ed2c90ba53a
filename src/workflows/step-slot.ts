import {
  CancellationScope,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobRequest } from '../core/jobs.ts';
import { withoutRunId } from '../core/job-name.ts';
import { countOf, ordinaryPriority, slotSignals, slotsId, type Claim } from '../core/instance-slots.ts';
import type { JobStep } from '../core/pipeline.ts';
import { withStep } from '../core/run-report.ts';
import type { Run } from './open-run.ts';
import { isCanceled } from './failures.ts';
import { tellWait } from './telemetry.ts';
import { shortActivities } from './proxies.ts';

const grantedSignal = defineSignal<[unknown]>(slotSignals.granted);

/** The jobs of this run that may have their instances. */
export interface Grants {
  has(job: string): boolean;
}

export function listenForGrants(): Grants {
  const grants = new Set<string>();
  // A run that was reset hears again what was said to the run that it replaced.
  setHandler(grantedSignal, (job) => void grants.add(withoutRunId(String(job))), {
    description: 'A job may have the instances that it waits for.',
  });
  return { has: (job) => grants.has(withoutRunId(job)) };
}

/** Of a wait that is none nobody needs to know. */
const unnoticed = '2 seconds';
const longestMinutes = 60;

/**
 * Does the work of a job while it has what it needs of an instance type that is capped, if it needs any: waits for its turn, and gives
 * back what it had whatever way the work ends.
 */
export async function withSlot<T>(
  run: Run,
  step: JobStep,
  job: { name: string; kind: JobRequest['kind'] },
  work: () => Promise<T>,
): Promise<T> {
  const cap = run.prepared.caps?.[step];
  const { session, pipeline } = run.plan;
  if (cap === undefined || session === null) return work();
  const { workflowId, runId, taskQueue, priority } = workflowInfo();
  const slots = slotsId(taskQueue, cap.instances, session);
  const claim: Claim = {
    ...cap,
    job: job.name,
    kind: job.kind,
    session: { ...session },
    workflowId,
    runId,
    pipeline: pipeline.name,
    step,
    count: countOf(pipeline, step),
    priority: pipeline.priority ?? priority?.priorityKey ?? ordinaryPriority,
  };
  try {
    await turnOf(run, claim, slots);
    return await work();
  } finally {
    await CancellationScope.nonCancellable(() => giveBack(slots, claim));
  }
}

async function turnOf(run: Run, claim: Claim, slots: string): Promise<void> {
  const { step, job, instances, cap } = claim;
  const { progress, grants } = run;
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1000;
  try {
    await ask(run, claim, slots);
    if (!(await condition(() => grants.has(job), unnoticed))) {
      const waitsFor = { instances, cap, slotsId: slots };
      const startedAt = new Date(began).toISOString();
      progress.show(
        withStep(progress.report, step, { status: 'waiting', startedAt, waitsFor, jobName: job }),
      );
      log.info('step waits for instances', { step, job, instances, cap });
      // Asked again in case somebody has terminated the workflow that keeps the slots.
      for (let minutes = 1; !(await condition(() => grants.has(job), `${minutes} minutes`));) {
        await ask(run, claim, slots);
        minutes = Math.min(2 * minutes, longestMinutes);
      }
      log.info('step has its instances', { step, job, instances, seconds: seconds() });
    }
    tellWait(progress.report, step, instances, seconds());
  } catch (error) {
    const ended = isCanceled(error) ? 'canceled' : 'failed';
    progress.show(withStep(progress.report, step, { status: ended }));
    throw error;
  }
}

function ask({ place }: Run, claim: Claim, slots: string): Promise<void> {
  const { step, instances, cap } = claim;
  const { taskQueue } = workflowInfo();
  const { priority } = place;
  return shortActivities.requestInstances.executeWithOptions(
    { activityId: `${step}-instances`, summary: `${instances}, at most ${cap} at once`, priority },
    [{ slotsId: slots, taskQueue, claim }],
  );
}

/** What keeps the slots finds out by itself, too, if this run is closed before. */
async function giveBack(slots: string, { job }: Claim): Promise<void> {
  try {
    await getExternalWorkflowHandle(slots).signal(slotSignals.release, job);
  } catch (error) {
    log.warn('instances could not be given back: nobody keeps the slots', { job, error });
  }
}
