import {
  ScheduleAlreadyRunning,
  type Client,
  type ScheduleHandle,
  type ScheduleOptions,
} from '@temporalio/client';
import { readConfig, type Config } from '../../config.ts';
import { workflowType } from '../../core/run.ts';
import { usageError } from '../errors.ts';
import { print, printJson } from '../output.ts';
import type { PipelineOptions } from './commands.ts';
import { laterRun } from './pipeline.ts';
import { withServer } from './server.ts';
import { durationText, overlapOf, parseDuration, timeText } from './words.ts';

export interface CreateOptions extends PipelineOptions {
  id?: string;
  cron?: string[];
  interval?: string[];
  timeZone?: string;
  jitter?: string;
  overlap: string;
  catchupWindow?: string;
  pauseOnFailure?: true;
  pauseOnRejection?: true;
  note?: string;
  paused?: true;
  json?: true;
}

/** The least that Temporal takes. */
const leastWindowMs = 10_000;
/** Where there is no second time that would tell an interval. */
const windowOfOneMs = 3_600_000;

/** Creates a schedule of Temporal that starts the pipeline. */
export async function createSchedule(file: string, options: CreateOptions): Promise<number> {
  const config = readConfig();
  const spec = specOf(options);
  const window =
    options.catchupWindow === undefined ? null : parseDuration('--catchup-window', options.catchupWindow);
  const run = await laterRun(config, file, options);
  const id = options.id ?? run.name;
  const created = await withServer(config, ({ client }) =>
    create(client, optionsOf(config, id, run, spec, options), window),
  );
  if (options.json) printJson({ scheduleId: id, ...created });
  else {
    const next = created.nextTimes.slice(0, 3).map((time) => timeText(new Date(time)));
    print(
      `Schedule ${id} is created${options.paused ? ', paused' : ''}. Next: ${next.join(', ') || 'never'}`,
    );
    print(`A missed run is caught up for ${durationText(created.catchupWindowMs)}.`);
  }
  return 0;
}

/** With a type for the jitter: the one that the client imports does not resolve. */
type Spec = Omit<ScheduleOptions['spec'], 'jitter'> & { jitter?: number };
type Options = Omit<ScheduleOptions, 'spec' | 'state'> & {
  spec: Spec;
  state: NonNullable<ScheduleOptions['state']>;
};

function specOf({ cron, interval, timeZone, jitter }: CreateOptions): Spec {
  if (cron === undefined && interval === undefined)
    throw usageError("When? Say --cron '0 3 * * *' or --interval 1d");
  return {
    ...(cron && { cronExpressions: cron }),
    ...(interval && { intervals: interval.map(parseInterval) }),
    ...(timeZone !== undefined && { timezone: timeZone }),
    ...(jitter !== undefined && { jitter: parseDuration('--jitter', jitter) }),
  };
}

function parseInterval(text: string) {
  const [every = '', offset] = text.split('/');
  return {
    every: parseDuration('--interval', every),
    ...(offset !== undefined && { offset: parseDuration('--interval', offset) }),
  };
}

type Run = Awaited<ReturnType<typeof laterRun>>;

function optionsOf(
  { taskQueue }: Config,
  scheduleId: string,
  { name, executionMode, input }: Run,
  spec: Spec,
  { overlap, pauseOnFailure, pauseOnRejection, paused, note }: CreateOptions,
): Options {
  const pauses = pauseOnFailure === true || pauseOnRejection === true;
  // A rejected model is an answer and no fault: it pauses only if it was asked for.
  const onRejected = pauseOnRejection ? 'fail' : 'complete';
  return {
    scheduleId,
    spec,
    action: {
      type: 'startWorkflow',
      workflowType,
      taskQueue,
      // Temporal appends the time that was meant.
      workflowId: scheduleId,
      args: [{ ...input, ...(pauses && { onRejected }) }],
      staticSummary: `${name} (${executionMode}), schedule ${scheduleId}`.slice(0, 150),
    },
    policies: { overlap: overlapOf(overlap), catchupWindow: leastWindowMs, pauseOnFailure: pauses },
    state: { paused: paused === true, ...(note !== undefined && { note }) },
  };
}

async function create(client: Client, options: Options, window: number | null) {
  const times = { ...options.spec };
  delete times.jitter;
  try {
    // Without jitter, so that what the server makes of the times tells the interval; paused, so that half a schedule starts nothing.
    const state = { paused: true, note: 'being made by `sluice schedule create`' };
    const handle = await client.schedule.create({ ...options, spec: times, state });
    const catchupWindow = await completed(handle, options, window);
    const { info } = await handle.describe();
    return { catchupWindowMs: catchupWindow, nextTimes: info.nextActionTimes.map(timeText) };
  } catch (error) {
    // So the client tells what the server finds wrong with the times.
    if (error instanceof TypeError) throw usageError(`The Temporal server refuses: ${error.message}`);
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    throw usageError(
      `There is a schedule ${options.scheduleId} already; \`sluice schedule delete ${options.scheduleId}\` removes it, --id names another`,
    );
  }
}

/** Makes the schedule what was asked for, or no schedule at all. */
async function completed(handle: ScheduleHandle, options: Options, window: number | null): Promise<number> {
  try {
    const catchupWindow = window ?? intervalOf((await handle.describe()).info.nextActionTimes);
    await handle.update(() => ({ ...options, policies: { ...options.policies, catchupWindow } }));
    return catchupWindow;
  } catch (error) {
    await handle.delete().catch(() => undefined);
    throw error;
  }
}

/** The shortest time between two of them: a run that was missed longer ago has been overtaken by the next. */
function intervalOf(times: readonly Date[]): number {
  const gaps = times.slice(1).map((time, index) => time.getTime() - (times[index]?.getTime() ?? 0));
  return gaps.length === 0 ? windowOfOneMs : Math.max(leastWindowMs, Math.min(...gaps));
}
