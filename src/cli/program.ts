import { Command, InvalidArgumentError, Option } from 'commander';
import type { ListOptions } from './list.ts';
import { addSchedules } from './schedule/commands.ts';
import { printJson } from './output.ts';
import { jsonOf, reportWithoutRun } from './run/report.ts';

type ExitCode = number | undefined;

/** Every command; what it needs is loaded when it is called, so that `--help` is quick. */
export function createProgram(exitWith: (code: number) => void): Command {
  const program = new Command('sluice')
    .description('Runs SageMaker-style machine-learning pipelines durably on Temporal.')
    .version('0.1.0', '--version')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for usage)')
    .exitOverride();
  /** Commander's actions have no result; ours is the exit code. */
  const exitCode = (code: ExitCode) => exitWith(code ?? 0);

  addServers(program, exitCode);
  addDeployment(program, exitCode);
  addRuns(program, exitCode);
  addFiles(program, exitCode);
  addSweep(program, exitCode);
  addSchedules(program, exitCode, () => [mode(), parameters(), priority()]);
  return program;
}

const collect = (text: string, all: readonly string[] = []) => [...all, text];
const parameters = () =>
  new Option('--param <name=value>', 'a value for a parameter; may be given several times').argParser(
    (text: string, all: readonly string[] | undefined) => collect(text, all),
  );
const mode = () =>
  new Option('--mode <mode>', "overrides the file's executionMode").choices(['local', 'sagemaker']);
const priority = () =>
  new Option('--priority <number>', 'whose turn it is where runs wait: 1 goes first, 5 last').choices([
    '1',
    '2',
    '3',
    '4',
    '5',
  ]);
const scheduledTime = () =>
  new Option('--scheduled-time <time>', 'Execution.ScheduledTime, as in 2026-11-28T03:00:00Z; default: now');
const json = () => new Option('--json', 'one JSON object on stdout, and nothing else');

function addServers(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('dev')
    .description('Temporal dev server, Web UI and worker in one, until Ctrl-C')
    .addOption(new Option('--while-used', 'for `sluice run`: ends when nobody needs it').hideHelp())
    .action(async (options: { whileUsed?: true }) => {
      const { devCommand } = await import('./dev.ts');
      exitCode(await devCommand(options));
    });
  program
    .command('worker')
    .description('a worker for the Temporal server that TEMPORAL_ADDRESS or a profile names')
    .action(async () => {
      const { workerCommand } = await import('./worker.ts');
      exitCode(await workerCommand());
    });
  program
    .command('temporal')
    .description(
      "the Temporal CLI that was found or fetched, with everything behind it: 'temporal workflow list'",
    )
    .argument('[arguments...]')
    .helpOption(false)
    .allowUnknownOption();
  program
    .command('emulator')
    .description("a strict emulator of SageMaker's jobs, models and registry, until Ctrl-C")
    .option('--port <port>', 'default: a free one', Number)
    .option('--host <host>', 'the address to listen on', '127.0.0.1')
    .option('--script <file>', 'how jobs go, limits and faults (JSON, see docs/emulator.md)')
    .option('--ledger <file>', 'appends everything that is asked and that happens, as lines of JSON')
    .option('--speed <factor>', 'emulated seconds in a real one; 0: only when advanced', Number)
    .option('--account <id>', 'twelve digits', '123456789012')
    .option('--execute', 'runs the jobs for real, on this machine, with their data on S3')
    .action(async (options: Record<string, never>) => {
      const { emulatorCommand } = await import('./emulator.ts');
      exitCode(await emulatorCommand(options));
    });
}

function addDeployment(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('setup')
    .description('prepares the namespace of the Temporal server: registers the search attributes')
    .action(async () => {
      const { setupCommand } = await import('./setup.ts');
      exitCode(await setupCommand());
    });
  program
    .command('codec-server')
    .description('decodes encrypted payloads for the Web UI and the Temporal CLI, until Ctrl-C')
    .option('--port <port>', 'default: 8081', Number)
    .option('--host <host>', 'the address to listen on', '127.0.0.1')
    .option(
      '--origin <origin...>',
      "the Web UIs that may ask; default: the server's, and those of this machine",
    )
    .action(async (options: { port?: number; host: string; origin?: string[] }) => {
      const { codecServerCommand } = await import('./codec-server.ts');
      exitCode(await codecServerCommand(options));
    });
  program
    .command('doctor')
    .description('how machine and deployment are: what is missing, what to do')
    .addOption(json())
    .option('--aws', 'looks at AWS even if neither SLUICE_ROLE nor SLUICE_BUCKET is set')
    .action(async (options: { json?: true; aws?: true }) => {
      const { doctorCommand } = await import('./doctor.ts');
      exitCode(await doctorCommand(options));
    });
}

function addRuns(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('run')
    .description('runs a pipeline and follows it to its end')
    .argument('<file>', 'the pipeline file (JSON)')
    .addOption(mode())
    .addOption(parameters())
    .addOption(priority())
    .addOption(json())
    .addOption(scheduledTime())
    .option('--detach', 'starts it and returns; needs a server that stays')
    .option('--workflow-id <id>', 'default: the name of the pipeline, the time and four characters')
    .addHelpText(
      'after',
      '\nExit codes: 0 accepted, 3 rejected, 2 wrong input, 130 canceled, 1 anything else.',
    )
    .action(async (file: string, options: Record<string, never>) => {
      const { runCommand } = await import('./run.ts');
      exitCode(await runCommand(file, options));
    })
    // What the parser refuses never comes to the action; programs read stdout all the same.
    .exitOverride((error) => {
      if (error.exitCode !== 0 && process.argv.includes('--json')) {
        printJson(jsonOf(null, reportWithoutRun(error)));
      }
      throw error;
    });
  program
    .command('status')
    .description('what a run has come to, open or closed')
    .argument('<id>', 'its workflow id')
    .addOption(json())
    .action(async (id: string, options: { json?: true }) => {
      const { statusCommand } = await import('./status.ts');
      exitCode(await statusCommand(id, options));
    });
  addList(program, exitCode);
  program
    .command('logs')
    .description('what the jobs of a run wrote')
    .argument('<id>', 'its workflow id')
    .argument('[step]', 'only this step')
    .option('-f, --follow', 'goes on until the run is over')
    .action(async (id: string, step: string | undefined, options: { follow?: true }) => {
      const { logsCommand } = await import('./logs.ts');
      exitCode(await logsCommand(id, step, options));
    });
  program
    .command('cancel')
    .description('cancels a run and waits until its jobs are stopped')
    .argument('<id>', 'its workflow id')
    .action(async (id: string) => {
      const { cancelCommand } = await import('./cancel.ts');
      exitCode(await cancelCommand(id));
    });
}

function addList(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('list')
    .description('the runs that a filter finds, the latest first')
    .option('--pipeline <name>', 'of this pipeline')
    .addOption(new Option('--mode <mode>', 'that ran in this mode').choices(['local', 'sagemaker']))
    .addOption(
      new Option('--outcome <outcome...>', 'that came to one of these').choices([
        ...['accepted', 'rejected', 'failed', 'canceled', 'running'],
      ]),
    )
    .option('--metric <comparison...>', "whose metric at the gate compares so: '> 6'")
    .option('--since <time>', 'that began since then: 30d, 2026-11-26, 2026-11-26T03:00:00Z')
    .option('--until <time>', 'that began until then')
    .option('--query <query>', "and for which this holds, in the words of Temporal's list filter")
    .option('--limit <count>', 'at most so many', parseCount, 50)
    .addOption(json())
    .addHelpText('after', "\nMSE above 6 this month: sluice list --mode sagemaker --metric '> 6' --since 30d")
    .action(async (options: ListOptions) => {
      const { listCommand } = await import('./list.ts');
      exitCode(await listCommand(options));
    });
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It takes a whole number from 1 on.');
}

function addSweep(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('sweep')
    .description('stops the jobs of SageMaker that closed runs left behind')
    .option('--dry-run', 'only says what it would stop')
    .option('--unknown', 'also jobs of runs of this namespace that the server asked does not know')
    .option('--region <region>', 'default: that of the AWS configuration')
    .addOption(json())
    .action(async (options: Record<string, never>) => {
      const { sweepCommand } = await import('./sweep.ts');
      exitCode(await sweepCommand(options));
    });
}

function addFiles(program: Command, exitCode: (code: ExitCode) => void): void {
  program
    .command('validate')
    .description('checks a pipeline file, and that what it names is there')
    .argument('<file>', 'the pipeline file (JSON)')
    .addOption(parameters())
    .addOption(scheduledTime())
    .action(async (file: string, options: { param?: string[]; scheduledTime?: string }) => {
      const { validateCommand } = await import('./validate.ts');
      exitCode(await validateCommand(file, options));
    });
  program
    .command('upload')
    .description('copies a file or folder into the storage, once, and prints its URI')
    .argument('<path>')
    .action(async (path: string) => {
      const { uploadCommand } = await import('./upload.ts');
      exitCode(await uploadCommand(path));
    });
  const models = program.command('models').description('the registered models');
  models
    .command('list')
    .addOption(json())
    .action(async (options: { json?: true }) => {
      const { listModels } = await import('./models.ts');
      exitCode(await listModels(options));
    });
  models
    .command('show')
    .argument('<group[/version]>', 'without a version: the latest')
    .option('--pipeline <name>', 'when several pipelines have such a group')
    .addOption(json())
    .action(async (name: string, options: { json?: true; pipeline?: string }) => {
      const { showModel } = await import('./models.ts');
      exitCode(await showModel(name, options));
    });
  program
    .command('clean')
    .description(
      'stops and removes the jobs that no open run owns, and temporary files; never outputs or models',
    )
    .option('--dry-run', 'only says what it would do')
    .option('--unknown', 'also jobs of runs that the server asked does not know')
    .action(async (options: { dryRun?: true; unknown?: true }) => {
      const { cleanCommand } = await import('./clean.ts');
      exitCode(await cleanCommand(options));
    });
}
