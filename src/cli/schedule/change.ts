import { readConfig } from '../../config.ts';
import { usageError } from '../errors.ts';
import { print } from '../output.ts';
import { withSchedule } from './server.ts';
import { overlapOf, parseMoment, timeText } from './words.ts';

export async function pauseSchedule(id: string, { reason }: { reason?: string }): Promise<number> {
  await withSchedule(readConfig(), id, (handle) => handle.pause(reason ?? 'Paused by sluice schedule pause'));
  print(`Schedule ${id} is paused; an open run goes on. \`sluice schedule resume ${id}\` resumes it.`);
  return 0;
}

export async function resumeSchedule(id: string, { reason }: { reason?: string }): Promise<number> {
  await withSchedule(readConfig(), id, (handle) =>
    handle.unpause(reason ?? 'Resumed by sluice schedule resume'),
  );
  print(`Schedule ${id} goes on.`);
  return 0;
}

export async function triggerSchedule(id: string, { overlap }: { overlap?: string }): Promise<number> {
  await withSchedule(readConfig(), id, async (handle) => {
    // The client's own default is AllowAll, which would run beside an open run and, if it failed, not pause the schedule.
    const own = async () => (await handle.describe()).policies.overlap;
    await handle.trigger(overlap === undefined ? await own() : overlapOf(overlap));
  });
  print(`Schedule ${id} is triggered; \`sluice schedule describe ${id}\` shows the run.`);
  return 0;
}

export interface BackfillOptions {
  startTime: string;
  endTime: string;
  overlap: string;
}

/** Starts the runs of the times between two moments, both inclusive. */
export async function backfillSchedule(id: string, options: BackfillOptions): Promise<number> {
  const start = parseMoment('--start-time', options.startTime, false);
  const end = parseMoment('--end-time', options.endTime, true);
  if (end < start) throw usageError('--end-time is before --start-time');
  await withSchedule(readConfig(), id, (handle) =>
    handle.backfill({ start, end, overlap: overlapOf(options.overlap) }),
  );
  print(`Schedule ${id} runs what it had from ${timeText(start)} to ${timeText(end)}, each as of its time.`);
  return 0;
}

export async function deleteSchedule(id: string): Promise<number> {
  await withSchedule(readConfig(), id, (handle) => handle.delete());
  print(`Schedule ${id} is deleted; an open run goes on.`);
  return 0;
}
