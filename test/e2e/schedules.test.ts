import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScheduleNotFoundError, type ScheduleDescription } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/expressions.ts';
import { createRoot, type Root } from '../cli/fixtures.ts';
import { command, sluice } from '../support/commands.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { temporalCli } from '../support/toolchain.ts';
import { until } from '../support/until.ts';

/** A root with pipelines of shell steps, and a real server and worker for it. */
let root: Root;
let stage: Stage;
let env: Record<string, string>;
beforeAll(async () => {
  root = createRoot();
  stage = await openStage('schedules', { root: root.path });
  env = { ...stage.env };
  await stage.startWorker({ SLUICE_LOCAL_SLOTS: '4' });
});
afterAll(async () => {
  await stage.close();
  await root.remove();
});

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sluice(args, env);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const describeSchedule = (id: string) => stage.client.schedule.getHandle(id).describe();
const runsOf = ({ info }: ScheduleDescription) =>
  info.recentActions.map(({ action }) => action.workflow.workflowId);
const result = (workflowId: string) => stage.client.workflow.getHandle(workflowId).result();

/** The data of the day that the schedule meant. */
const dayFile = {
  'Sluice:FormatTime': { Time: { Get: 'Execution.ScheduledTime' }, Format: 'data-%F.csv' },
};
/** Its preprocessing writes down which data it read. */
const ofItsDay = (name: string, input: Json = dayFile) =>
  root.pipeline(
    {
      preprocess: {
        entrypoint: [
          '/bin/sh',
          '-c',
          'set -e; base="${SAGEMAKER_BASE_DIR:-/opt/ml}"; cat "$base"/processing/input/data/* >> "$LEDGER"; for name in train test; do echo 1 > "$base/processing/output/$name/data.csv"; done',
        ],
        environment: { LEDGER: root.ledger },
        input,
        outputs: ['train', 'test'],
      },
      register: undefined,
    },
    { name },
  );

describe('a schedule', () => {
  it('starts three runs at its times, none of which overlap', async () => {
    await ok(
      'schedule',
      'create',
      root.pipeline({ train: 'sleep 3', register: undefined }, { name: 'often' }),
      '--interval',
      '2s',
    );
    await until(async () => (await describeSchedule('often')).info.recentActions.length >= 3, 170);
    await ok('schedule', 'pause', 'often', '--reason', 'seen enough');
    const description = await describeSchedule('often');
    expect(description.state).toMatchObject({ paused: true, note: 'seen enough' });
    expect(description.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 10_000 });
    // A run takes longer than two seconds.
    expect(description.info.numActionsSkippedOverlap).toBeGreaterThan(0);
    const runs = await Promise.all(
      runsOf(description).map(async (workflowId) => {
        await result(workflowId);
        return stage.client.workflow.getHandle(workflowId).describe();
      }),
    );
    expect(runs.map(({ status }) => status.name)).toEqual(runs.map(() => 'COMPLETED'));
    const open = runs.map(({ startTime, closeTime }) => [startTime.getTime(), closeTime!.getTime()] as const);
    for (const [index, [start]] of open.entries())
      if (index > 0) expect(start).toBeGreaterThanOrEqual(open[index - 1]![1] - 1000);
    const listed = JSON.parse(await ok('schedule', 'list', '--json')) as {
      scheduleId: string;
      lastRun: string;
    }[];
    expect(listed.find(({ scheduleId }) => scheduleId === 'often')?.lastRun).toMatch(/^often-\d{4}-/);
    expect(await ok('schedule', 'describe', 'often')).toMatch(/often-\S+ +\S+Z +accepted/);
  });

  it('backfills two days, each with the data of its day', async () => {
    root.write('data-2026-11-25.csv', 'of the 25th\n');
    root.write('data-2026-11-26.csv', 'of the 26th\n');
    const file = ofItsDay('daily');
    await ok('schedule', 'create', file, '--cron', '0 3 * * *', '--time-zone', 'Europe/Berlin', '--paused');
    await ok('schedule', 'backfill', 'daily', '--start-time', '2026-11-25', '--end-time', '2026-11-26');
    await until(async () => (await describeSchedule('daily')).info.recentActions.length === 2);
    const description = await describeSchedule('daily');
    expect(runsOf(description)).toEqual(['daily-2026-11-25T02:00:00Z', 'daily-2026-11-26T02:00:00Z']);
    for (const workflowId of runsOf(description)) await result(workflowId);
    const ledger = root.ledgerLines().filter((line) => line.startsWith('of the'));
    expect(ledger).toEqual(['of the 25th', 'of the 26th']);
    expect(description.policies.catchupWindow).toBe(86_400_000);
  });

  it('runs by hand as of a time that is said', async () => {
    root.write('data-2026-11-20.csv', 'of the 20th\n');
    const file = ofItsDay('manual');
    await ok('validate', file, '--scheduled-time', '2026-11-20T00:00:00Z');
    await ok('run', file, '--scheduled-time', '2026-11-20T00:00:00Z', '--json');
    expect(root.ledgerLines()).toContain('of the 20th');
    const missing = await sluice(['validate', file, '--scheduled-time', '2026-11-19T00:00:00Z'], env);
    expect(missing.stderr).toContain('data-2026-11-19.csv');
  });

  it('pauses on a failure with a note, on a rejected run only when it was asked to', async () => {
    const never = { metric: 'metrics.mse', lessThanOrEqualTo: 1 };
    const rejected = root.pipeline(
      { condition: never, register: undefined },
      { name: 'rejected', parameters: {} },
    );
    await ok('schedule', 'create', rejected, '--interval', '30d', '--pause-on-failure');
    await ok('schedule', 'create', rejected, '--interval', '30d', '--id', 'strict', '--pause-on-rejection');
    const broken = root.pipeline({ train: 'exit 3', register: undefined }, { name: 'broken' });
    await ok('schedule', 'create', broken, '--interval', '30d', '--pause-on-failure');
    for (const id of ['rejected', 'strict', 'broken']) await ok('schedule', 'trigger', id);
    await until(async () => (await describeSchedule('broken')).state.paused);
    await until(async () => (await describeSchedule('strict')).state.paused);
    expect((await describeSchedule('broken')).state.note).toContain('paused due to workflow failure');
    await until(async () => runsOf(await describeSchedule('rejected')).length > 0);
    const [run = ''] = runsOf(await describeSchedule('rejected'));
    expect(await result(run)).toMatchObject({ outcome: 'rejected' });
    expect((await describeSchedule('rejected')).state.paused).toBe(false);
    expect(await ok('schedule', 'describe', 'rejected')).toMatch(/rejected-\S+ +\S+Z +rejected/);
    await ok('schedule', 'resume', 'strict', '--reason', 'looked at');
    expect((await describeSchedule('strict')).state).toMatchObject({ paused: false, note: 'looked at' });
    await ok('schedule', 'delete', 'strict');
    const gone = await sluice(['schedule', 'describe', 'strict'], env);
    expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no schedule strict') });
  });

  it('is made with the options that are said', async () => {
    const file = root.pipeline({}, { name: 'options' });
    const times = ['--cron', '0 6 * * MON-FRI', '--time-zone', 'America/New_York', '--jitter', '20m'];
    const others = ['--overlap', 'BufferOne', '--note', 'of the team', '--by-path', '--param', 'limit=5'];
    await ok('schedule', 'create', file, ...times, ...others, '--paused');
    const { spec, policies, state, action } = await describeSchedule('options');
    expect(spec).toMatchObject({ timezone: 'America/New_York', jitter: 1_200_000 });
    // The shortest of the intervals, though the times that the server tells are jittered.
    expect(policies).toMatchObject({
      overlap: 'BUFFER_ONE',
      catchupWindow: 86_400_000,
      pauseOnFailure: false,
    });
    expect(state).toMatchObject({ paused: true, note: 'of the team' });
    expect(action.args).toEqual([{ pipeline: 'pipeline.json', parameters: { limit: 5 } }]);
    const twice = await sluice(['schedule', 'create', file, ...times], env);
    expect(twice).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is a schedule options already'),
    });
  });

  it.each<[string, string[], string]>([
    ['no time', [], "Say --cron '0 3 * * *' or --interval 1d"],
    ['a bad interval', ['--interval', 'daily'], '--interval takes a number with s, m, h or d'],
    ['a bad cron expression', ['--cron', 'every day', '--id', 'bad-cron'], 'The Temporal server refuses'],
    [
      'a bad time zone',
      ['--cron', '0 3 * * *', '--time-zone', 'Mars', '--id', 'bad-zone'],
      'The Temporal server refuses',
    ],
  ])('is refused with %s', async (_title, options, message) => {
    const ended = await sluice(['schedule', 'create', root.pipeline(), ...options], env);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('needs a server that stays', async () => {
    const ended = await sluice(['schedule', 'list'], { ...env, TEMPORAL_ADDRESS: '' });
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('need a server that stays') });
  });
});

describe('the Temporal CLI', () => {
  it('does what docs/schedules.md says of it', async () => {
    const docs = fileURLToPath(new URL('../../docs/schedules.md', import.meta.url));
    const blocks = [...readFileSync(docs, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
      ([, text]) => text!,
    );
    const commands = blocks
      .flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'))
      .filter((line) => line.startsWith('temporal '));
    expect(commands.length).toBeGreaterThan(7);
    const file = root.pipeline({ register: undefined }, { name: 'abalone' });
    root.write('examples/abalone/pipeline.json', readFileSync(file, 'utf8'));
    const id = 'abalone-nightly';
    for (const line of commands) {
      if (line.startsWith('temporal schedule delete')) await checkSchedule(id);
      const script = `temporal() { "${temporalCli()}" "$@"; }; ${line}`;
      const { code, stderr } = await command('/bin/sh', ['-c', script], { ...env, HOME: join(stage.folder) });
      expect({ line, code, stderr: code === 0 ? '' : stderr }).toEqual({ line, code: 0, stderr: '' });
    }
    await expect(describeSchedule(id)).rejects.toThrow(ScheduleNotFoundError);
  });

  /** What docs/schedules.md says of the schedule that its commands have made, paused, triggered and backfilled. */
  const checkSchedule = async (id: string) => {
    await until(async () => (await describeSchedule(id)).info.recentActions.length === 3);
    const { spec, policies, state, ...description } = await describeSchedule(id);
    expect(spec).toMatchObject({ timezone: 'Europe/Berlin', jitter: 600_000 });
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 86_400_000, pauseOnFailure: true });
    expect(state).toMatchObject({ paused: true, note: 'new sensor, see ticket 12' });
    const runs = runsOf({ spec, policies, state, ...description });
    expect(runs).toEqual(
      expect.arrayContaining([`${id}-2026-11-25T02:00:00Z`, `${id}-2026-11-26T02:00:00Z`]),
    );
    for (const run of runs) expect(await result(run)).toMatchObject({ outcome: 'accepted' });
  };
});
