import { makeContinueAsNewFunc, workflowInfo, type Workflow } from '@temporalio/workflow';

/** For what waits long: it has to be woken to be renewed. */
export function isRenewalDue(): boolean {
  const { targetWorkerDeploymentVersionChanged: isOld, continueAsNewSuggested: isLong } = workflowInfo();
  return isOld || isLong;
}

/**
 * For workflows that may live longer than any version of the worker: goes on in a new run when the history has become long, or when the
 * server has new runs done by another version than the one that this run is pinned to. Without that the old workers could never end.
 */
export async function renewIfDue<W extends Workflow>(...args: Parameters<W>): Promise<void> {
  if (!isRenewalDue()) return;
  const isOld = workflowInfo().targetWorkerDeploymentVersionChanged;
  await makeContinueAsNewFunc<W>({ ...(isOld && { initialVersioningBehavior: 'AUTO_UPGRADE' }) })(...args);
}
