import type { Client } from '@temporalio/client';
import { readConfig } from '../../config.ts';
import {
  parseRetrainRequest,
  quietUntil,
  retrainSignal,
  retrainingType,
  type RetrainingState,
} from '../../core/retraining.ts';
import { statusQuery } from '../../core/run.ts';
import { exitCodes } from '../errors.ts';
import { print, printJson, say } from '../output.ts';
import type { PipelineOptions } from './commands.ts';
import { laterRun } from './pipeline.ts';
import { withServer } from './server.ts';
import { parseDuration, timeText } from './words.ts';

export interface RetrainOptions extends PipelineOptions {
  reason: string;
  key?: string;
  minimumInterval: string;
  id?: string;
  json?: true;
}

/** Asks for a run by signal-with-start; the workflow decides what is one and the same. */
export async function retrainCommand(file: string, options: RetrainOptions): Promise<number> {
  const config = readConfig();
  const { name, input } = await laterRun(config, file, options);
  const request = {
    reason: options.reason,
    ...(options.key !== undefined && { key: options.key }),
    minimumIntervalSeconds: parseDuration('--minimum-interval', options.minimumInterval) / 1000,
    run: input,
  };
  // What the workflow could only write into its log.
  parseRetrainRequest(request);
  const workflowId = options.id ?? `retrain-${name}`;
  const state = await withServer(config, async ({ client }) => {
    await client.workflow.signalWithStart(retrainingType, {
      taskQueue: config.taskQueue,
      workflowId,
      args: [],
      signal: retrainSignal,
      signalArgs: [request],
      staticSummary: `retraining of ${name}`.slice(0, 150),
    });
    return stateOf(client, workflowId);
  });
  if (options.json) printJson({ workflowId, ...state });
  else if (state !== null) print(sentence(workflowId, state));
  if (state !== null) return exitCodes.accepted;
  say(
    `${workflowId} is asked, and no worker has answered in ${answerMs / 1000} s. The request is kept; \`sluice doctor\` tells whether a ` +
      `worker polls ${config.taskQueue}, and the Web UI whether the workflow is stuck`,
  );
  return exitCodes.other;
}

const answerMs = 10_000;

/** Null if no worker answers in time. */
async function stateOf(client: Client, workflowId: string): Promise<RetrainingState | null> {
  try {
    return await client.withDeadline(Date.now() + answerMs, () =>
      client.workflow.getHandle(workflowId).query<RetrainingState>(statusQuery),
    );
  } catch {
    return null;
  }
}

function sentence(workflowId: string, state: RetrainingState): string {
  const { open, waiting, duplicates } = state;
  const quiet = quietUntil(state);
  const parts = [
    ...(open === null ? [] : [`a run is open (${open.reasons.join(', ')})`]),
    ...(waiting === null ? [] : [`one waits (${waiting.reasons.join(', ')})`]),
    ...(quiet === 0 ? [] : [`the same is not run again before ${timeText(new Date(quiet))}`]),
    ...(duplicates === 0 ? [] : [`${duplicates} requests were the same as another`]),
  ];
  return `${workflowId} is asked: ${parts.join('; ') || 'it begins'}`;
}
