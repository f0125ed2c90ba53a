import { readConfig } from '../config.ts';
import { print, say } from './output.ts';
import { awaitEnding } from './run/ending.ts';
import { findRun } from './run/lookup.ts';
import { openLine } from './server/patience.ts';

/** Cancels a run and waits until it is closed, which is when its jobs are over. */
export async function cancelCommand(workflowId: string): Promise<number> {
  const line = await openLine(readConfig(), say);
  try {
    const run = await findRun(line, workflowId);
    if (!run.open) {
      print(`${workflowId} is closed already`);
      return 0;
    }
    await line.patiently(({ client }) => client.workflow.getHandle(workflowId, run.runId).cancel());
    say(`${workflowId} is asked to end; waiting until its jobs are stopped`);
    const ending = await line.patiently(({ client }) => awaitEnding(client, run));
    print(`${workflowId}: ${ending.kind}`);
    return 0;
  } finally {
    await line.close();
  }
}
