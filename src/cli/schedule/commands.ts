import { Option, type Command } from 'commander';
import type { BackfillOptions } from './change.ts';
import type { CreateOptions } from './create.ts';
import type { RetrainOptions } from './retrain.ts';

type Exit = (code: number | undefined) => void;

/** The options that say what is run, as `sluice run` has them. */
export interface PipelineOptions {
  mode?: string;
  param?: string[];
  priority?: string;
  byPath?: true;
}

const overlapPolicies = ['Skip', 'BufferOne', 'BufferAll', 'CancelOther', 'AllowAll'];
const overlap = (description: string) =>
  new Option('--overlap <policy>', description).choices(overlapPolicies);
const json = () => new Option('--json', 'one JSON value on stdout, and nothing else');
const reason = () => new Option('--reason <text>', 'kept as the note of the schedule');
const repeatable = (flags: string, description: string) =>
  new Option(flags, description).argParser((text: string, all: readonly string[] | undefined) => [
    ...(all ?? []),
    text,
  ]);

/** `sluice schedule …` and `sluice retrain`: runs that nobody starts by hand. */
export function addSchedules(
  program: Command,
  exitCode: Exit,
  pipelineOptions: () => readonly Option[],
): void {
  const schedule = program.command('schedule').description('runs at times, as schedules of Temporal');
  const create = schedule
    .command('create')
    .description('runs a pipeline at times from now on')
    .argument('<file>', 'the pipeline file (JSON)')
    .option('--id <id>', 'default: the name of the pipeline')
    .addOption(repeatable('--cron <expression>', "'0 3 * * *'; may be given several times"))
    .addOption(repeatable('--interval <every[/offset]>', "'1d', '6h/30m'; may be given several times"))
    .option('--time-zone <name>', 'of --cron, as in Europe/Berlin; default: UTC')
    .option('--jitter <duration>', 'starts up to so much later, so that not all start at once: 10m')
    .addOption(overlap('when a run is still open at the next time').default('Skip'))
    .option('--catchup-window <duration>', 'how late a missed run is still started; default: one interval')
    .option('--pause-on-failure', 'pauses when a run fails; a rejected one counts as completed')
    .option('--pause-on-rejection', 'pauses also when a run is rejected')
    .option('--note <text>', 'kept with the schedule')
    .option('--paused', 'creates it paused')
    .option('--by-path', 'the worker reads the file anew for every run, below its root')
    .addOption(json());
  for (const option of pipelineOptions()) create.addOption(option);
  create.action(async (file: string, options: CreateOptions) => {
    const { createSchedule } = await import('./create.ts');
    exitCode(await createSchedule(file, options));
  });
  schedule
    .command('list')
    .addOption(json())
    .action(async (options: { json?: true }) => {
      const { listSchedules } = await import('./list.ts');
      exitCode(await listSchedules(options));
    });
  schedule
    .command('describe')
    .description('its times, its last runs and what became of them')
    .argument('<id>')
    .addOption(json())
    .action(async (id: string, options: { json?: true }) => {
      const { describeSchedule } = await import('./describe.ts');
      exitCode(await describeSchedule(id, options));
    });
  addChanges(schedule, exitCode);
  addRetrain(program, exitCode, pipelineOptions);
}

function addChanges(schedule: Command, exitCode: Exit): void {
  for (const [name, description] of [
    ['pause', 'starts no run until it is resumed; an open one goes on'],
    ['resume', 'goes on'],
  ] as const)
    schedule
      .command(name)
      .description(description)
      .argument('<id>')
      .addOption(reason())
      .action(async (id: string, options: { reason?: string }) => {
        const { pauseSchedule, resumeSchedule } = await import('./change.ts');
        exitCode(await (name === 'pause' ? pauseSchedule : resumeSchedule)(id, options));
      });
  schedule
    .command('trigger')
    .description('one run now')
    .argument('<id>')
    .addOption(overlap('when a run is open; default: that of the schedule'))
    .action(async (id: string, options: { overlap?: string }) => {
      const { triggerSchedule } = await import('./change.ts');
      exitCode(await triggerSchedule(id, options));
    });
  schedule
    .command('backfill')
    .description('the runs of a time that has passed, each as of its own time')
    .argument('<id>')
    .requiredOption('--start-time <time>', '2026-11-26, or 2026-11-26T03:00:00Z; inclusive')
    .requiredOption('--end-time <time>', 'a day (UTC) to its end, or a time; inclusive')
    .addOption(overlap('one after the other, or all at once (AllowAll)').default('BufferAll'))
    .action(async (id: string, options: BackfillOptions) => {
      const { backfillSchedule } = await import('./change.ts');
      exitCode(await backfillSchedule(id, options));
    });
  schedule
    .command('delete')
    .description('no more runs; open ones go on')
    .argument('<id>')
    .action(async (id: string) => {
      const { deleteSchedule } = await import('./change.ts');
      exitCode(await deleteSchedule(id));
    });
}

function addRetrain(program: Command, exitCode: Exit, pipelineOptions: () => readonly Option[]): void {
  const retrain = program
    .command('retrain')
    .description('asks for a run because something has happened; what happens often starts one run')
    .argument('<file>', 'the pipeline file (JSON)')
    .requiredOption('--reason <text>', "why: 'drift of length'")
    .option('--key <text>', 'what is one and the same event; default: the reason')
    .option('--minimum-interval <duration>', 'from the start of one run to the start of the next', '1h')
    .option('--id <id>', 'workflow id of what collects the requests; default: retrain-<pipeline>')
    .option('--by-path', 'the worker reads the file when the run starts, below its root')
    .addOption(json());
  for (const option of pipelineOptions()) retrain.addOption(option);
  retrain.action(async (file: string, options: RetrainOptions) => {
    const { retrainCommand } = await import('./retrain.ts');
    exitCode(await retrainCommand(file, options));
  });
}
