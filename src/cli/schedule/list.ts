import type { ScheduleSummary } from '@temporalio/client';
import { readConfig } from '../../config.ts';
import { workflowType } from '../../core/run.ts';
import { alignColumns, print, printJson } from '../output.ts';
import { withServer } from './server.ts';
import { timeText } from './words.ts';

/** The schedules that start pipelines; others of the namespace are not Sluice's. */
export async function listSchedules(options: { json?: true }): Promise<number> {
  const all = await withServer(readConfig(), async ({ client }) => {
    const found: ScheduleSummary[] = [];
    for await (const schedule of client.schedule.list())
      if (schedule.action?.workflowType === workflowType) found.push(schedule);
    return found.sort((one, other) => one.scheduleId.localeCompare(other.scheduleId));
  });
  if (options.json) printJson(all.map(jsonOf));
  else if (all.length === 0) print('There is no schedule yet; `sluice schedule create` makes one');
  else print(alignColumns([['SCHEDULE', 'STATE', 'NEXT', 'LAST RUN', 'NOTE'], ...all.map(rowOf)]).join('\n'));
  return 0;
}

function jsonOf({ scheduleId, state, info }: ScheduleSummary) {
  return {
    scheduleId,
    paused: state.paused,
    note: state.note ?? '',
    nextTimes: info.nextActionTimes.map(timeText),
    lastRun: info.recentActions.at(-1)?.action.workflow.workflowId ?? null,
  };
}

function rowOf(schedule: ScheduleSummary): string[] {
  const { scheduleId, paused, note, nextTimes, lastRun } = jsonOf(schedule);
  return [
    scheduleId,
    paused ? 'paused' : 'active',
    nextTimes[0] ?? '-',
    lastRun ?? '-',
    note.replace(/\s+/g, ' '),
  ];
}
