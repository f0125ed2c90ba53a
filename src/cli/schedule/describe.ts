import type { Client, ScheduleDescription } from '@temporalio/client';
import { readConfig } from '../../config.ts';
import { searchAttributes } from '../../core/run.ts';
import { alignColumns, print, printJson } from '../output.ts';
import { withSchedule } from './server.ts';
import { durationText, timeText } from './words.ts';

/** Its times, its last ten runs and what became of them. */
export async function describeSchedule(id: string, options: { json?: true }): Promise<number> {
  const found = await withSchedule(readConfig(), id, async (handle, { client }) =>
    detailsOf(client, await handle.describe()),
  );
  if (options.json) printJson(found);
  else print(linesOf(found).join('\n'));
  return 0;
}

type Details = Awaited<ReturnType<typeof detailsOf>>;

async function detailsOf(
  client: Client,
  { scheduleId, spec, policies, state, info, action }: ScheduleDescription,
) {
  const runs = info.recentActions.map(async ({ scheduledAt, action: { workflow } }) => ({
    workflowId: workflow.workflowId,
    startedFor: timeText(scheduledAt),
    ended: await endOf(client, workflow.workflowId, workflow.firstExecutionRunId),
  }));
  const { timezone = '' } = spec;
  return {
    scheduleId,
    paused: state.paused,
    note: state.note ?? '',
    timeZone: timezone === '' ? 'UTC' : timezone,
    jitterMs: spec.jitter ?? 0,
    overlap: policies.overlap ?? 'SKIP',
    catchupWindowMs: policies.catchupWindow,
    pauseOnFailure: policies.pauseOnFailure,
    input: action.args,
    nextTimes: info.nextActionTimes.map(timeText),
    missed: info.numActionsMissedCatchupWindow,
    skipped: info.numActionsSkippedOverlap,
    runs: await Promise.all(runs),
  };
}

/** The outcome, else how Temporal calls the end; null if the namespace keeps the run no longer. */
async function endOf(client: Client, workflowId: string, runId: string): Promise<string | null> {
  try {
    const { status, typedSearchAttributes } = await client.workflow.getHandle(workflowId, runId).describe();
    const outcome = typedSearchAttributes.getAll().find(({ key }) => key.name === searchAttributes.outcome);
    return typeof outcome?.value === 'string' ? outcome.value : status.name.toLowerCase();
  } catch {
    return null;
  }
}

function linesOf(found: Details): string[] {
  const facts: string[][] = [
    ['State', found.paused ? 'paused' : 'active'],
    ['Note', found.note || '-'],
    ['Next', found.nextTimes.slice(0, 5).join(', ') || 'never'],
    ['Time zone', found.timeZone],
    ['Jitter', durationText(found.jitterMs)],
    ['Overlap', found.overlap],
    ['Catch-up', durationText(found.catchupWindowMs)],
    ['On failure', found.pauseOnFailure ? 'pauses' : 'goes on'],
    ['Missed', `${found.missed} too late to catch up, ${found.skipped} because a run was open`],
  ];
  const runs = found.runs.map(({ workflowId, startedFor, ended }) => [
    workflowId,
    startedFor,
    ended ?? 'no longer kept',
  ]);
  return [
    `Schedule ${found.scheduleId}`,
    '',
    ...alignColumns(facts),
    '',
    ...(runs.length === 0 ? ['No run yet'] : alignColumns([['RUN', 'TIME', 'ENDED'], ...runs])),
  ];
}
