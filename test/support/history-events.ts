import type { WorkflowHandle } from '@temporalio/client';

/** Whether the workflow has worked on a request to cancel it. */
export async function hasSeenCancellation(handle: WorkflowHandle): Promise<boolean> {
  const events = (await handle.fetchHistory()).events ?? [];
  const asked = events.findIndex((event) => event.workflowExecutionCancelRequestedEventAttributes);
  return asked >= 0 && events.slice(asked).some((event) => event.workflowTaskCompletedEventAttributes);
}

/** Whether the server has given up an activity. */
export async function hasTimedOut(handle: WorkflowHandle): Promise<boolean> {
  const events = (await handle.fetchHistory()).events ?? [];
  return events.some((event) => event.activityTaskTimedOutEventAttributes);
}
