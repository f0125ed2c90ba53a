import { Context } from '@temporalio/activity';
import { instanceSlotsType, newSlots, slotSignals, type Claim } from '../core/instance-slots.ts';
import { createRunOwners } from './run-owners.ts';

export interface RequestSlotInput {
  /** The workflow that keeps the slots; made by the first who asks. */
  slotsId: string;
  taskQueue: string;
  claim: Claim;
}

/** Asks for instances of a type that is capped; the answer is a signal to the run. */
export async function requestInstances({ slotsId, taskQueue, claim }: RequestSlotInput): Promise<void> {
  const { instances, cap } = claim;
  await Context.current().client.workflow.signalWithStart(instanceSlotsType, {
    taskQueue,
    workflowId: slotsId,
    args: [newSlots(instances, cap)],
    signal: slotSignals.request,
    signalArgs: [claim],
    staticSummary: `who may use ${instances}`,
  });
}

export interface RunOfClaim {
  job: string;
  workflowId: string;
  runId: string;
}

/** @returns the jobs whose runs are closed: they have not said that they need their instances no longer. */
export async function findClosedRuns(runs: readonly RunOfClaim[]): Promise<string[]> {
  const ownerOf = createRunOwners(Context.current().client.workflow);
  const closed: string[] = [];
  for (const { job, workflowId, runId } of runs)
    if ((await ownerOf(workflowId, runId)) !== 'open') closed.push(job);
  return closed;
}
