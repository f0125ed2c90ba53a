import { randomBytes } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { readConfig, type Config } from '../config.ts';
import { modesOf } from '../core/parse-pipeline.ts';
import { priorityOf } from '../core/priority.ts';
import { newReport } from '../core/run-report.ts';
import { workflowType, type RunReport } from '../core/run.ts';
import { createFileStorage } from '../storage/file-storage.ts';
import { exitCodes, usageError } from './errors.ts';
import { onInterrupt } from './interrupts.ts';
import { createLocalInputs, uploader } from './local-inputs.ts';
import { printJson, say } from './output.ts';
import { readPipeline, type GivenPipeline } from './pipeline-file.ts';
import { closingLines } from './run/closing.ts';
import { followRun } from './run/follow.ts';
import { exitCodeOfRun, jsonOf, reportWithoutRun, type RunRef } from './run/report.ts';
import { openView, type View } from './run/view.ts';
import { letOtherWorkersEnd, tellOfOtherWorker } from './server/other-workers.ts';
import { openLine, type Line } from './server/patience.ts';
import { findServer, isLasting, runPage } from './server/session.ts';

interface RunOptions {
  mode?: string;
  param?: string[];
  priority?: string;
  scheduledTime?: string;
  json?: true;
  detach?: true;
  workflowId?: string;
}

/** What Ctrl-C means changes as the command goes on. */
interface Interrupt {
  handle(): void;
}

/** Starts a run and follows it to its end. With `--json` there is one object on stdout however it ends. */
export async function runCommand(path: string, options: RunOptions): Promise<number> {
  let started: RunRef | null = null;
  const tellJson = (report: RunReport) => {
    if (options.json) printJson(jsonOf(started, report));
  };
  // Before there is a run there is nothing to cancel.
  const interrupt: Interrupt = {
    handle: () => {
      tellJson(reportWithoutRun('canceled'));
      process.exit(exitCodes.canceled);
    },
  };
  onInterrupt(() => interrupt.handle());
  try {
    return await startAndFollow(path, options, interrupt, (run) => (started = run));
  } catch (error) {
    tellJson(reportWithoutRun(error));
    throw error;
  }
}

async function startAndFollow(
  path: string,
  options: RunOptions,
  interrupt: Interrupt,
  onStarted: (run: RunRef) => void,
): Promise<number> {
  const config = readConfig();
  if (options.workflowId === '') throw usageError('--workflow-id is empty');
  const server = findServer(config);
  if (options.detach && (server === null || !isLasting(server))) {
    throw usageError(
      '--detach needs a server that stays: start `sluice dev` in another terminal, or set TEMPORAL_ADDRESS',
    );
  }
  const storage = createFileStorage(config.storageFolder, [config.root]);
  const given = await readPipeline(path, options, createLocalInputs(config, uploader(storage, say)));
  const mayChoose = server?.kind !== 'configured' && modesOf(given.pipeline).has('local');
  if (mayChoose) await letOtherWorkersEnd(config, say);
  const line = await openLine(config, 'worker', say);
  if (mayChoose) tellOfOtherWorker(config, say);
  try {
    // While the request is on its way there may be a run already: the signal counts when its answer is there.
    const early = new AbortController();
    interrupt.handle = () => early.abort();
    const run = await startRun(config, line, given, options.workflowId);
    onStarted(run);
    if (options.detach) {
      printJson(run);
      return exitCodes.accepted;
    }
    const ending = follow(config, line, run, options, interrupt);
    if (early.signal.aborted) interrupt.handle();
    return await ending;
  } finally {
    line.hangUp();
  }
}

async function startRun(
  config: Config,
  line: Line,
  given: GivenPipeline,
  wantedId?: string,
): Promise<RunRef> {
  const { pipeline } = given;
  const workflowId = wantedId ?? newWorkflowId(pipeline.name);
  // A start that was answered by a broken line is asked for again under the same id, and must not be refused then.
  let tried = false;
  const start = async (client: Line['session']['client']) => {
    const again = tried;
    tried = true;
    try {
      return await client.workflow.start(workflowType, {
        taskQueue: config.taskQueue,
        workflowId,
        args: [{ pipeline: given.file, ...given.overrides }],
        priority: priorityOf(pipeline),
        workflowIdConflictPolicy: again ? 'USE_EXISTING' : 'FAIL',
        staticSummary: `${pipeline.name} (${pipeline.executionMode})`.slice(0, 150),
        staticDetails: parameterTable(given),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      throw usageError(
        `A run with the workflow id ${workflowId} is open already; follow it with \`sluice status\``,
      );
    }
  };
  const handle = await line.patiently(({ client }) => start(client));
  return { workflowId, runId: handle.firstExecutionRunId };
}

function newWorkflowId(pipeline: string): string {
  const time = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
  return `${pipeline}-${time}-${randomBytes(2).toString('hex')}`;
}

/** Markdown, for the details of the run in the Web UI. */
function parameterTable({ parameters }: GivenPipeline): string {
  const cell = (value: unknown) =>
    String(value)
      .replace(/[|`\p{Cc}]/gu, ' ')
      .slice(0, 300);
  const rows = Object.entries(parameters).map(([name, value]) => `| ${name} | ${cell(value)} |`);
  return rows.length === 0 ? 'No parameters' : ['| parameter | value |', '| --- | --- |', ...rows].join('\n');
}

async function follow(
  config: Config,
  line: Line,
  run: RunRef,
  options: RunOptions,
  interrupt: Interrupt,
): Promise<number> {
  const view = openView(process.stderr);
  // The server may be another one at the end.
  const page = () => runPage(line.session.server, run.workflowId, run.runId);
  view.tell(`Run ${run.workflowId}: ${page() ?? `run id ${run.runId}, at ${line.session.server.address}`}`);
  const detached = new Promise<'detached'>((resolve) => {
    interrupt.handle = () => cancelOrLeave(line, run, view, () => resolve('detached'));
  });
  let latest = newReport();
  const show: View['show'] = (report, phases) => {
    latest = report;
    view.show(report, phases);
  };
  const following = followRun({ line, run, taskQueue: config.taskQueue, show, tell: view.tell });
  const report = await Promise.race([following, detached]).finally(view.close);
  if (report === 'detached') {
    following.catch(() => undefined);
    if (options.json) printJson(jsonOf(run, latest));
    return exitCodes.canceled;
  }
  const exitCode = exitCodeOfRun(report);
  // Already here, for a reader of our output who leaves early.
  process.exitCode = exitCode;
  for (const text of closingLines(report, page())) say(text);
  if (options.json) printJson(jsonOf(run, report));
  return exitCode;
}

/** A run of our own server is cancelled; one of a server that stays goes on without us. */
function cancelOrLeave(line: Line, { workflowId, runId }: RunRef, view: View, leave: () => void): void {
  const { server } = line.session;
  if (isLasting(server)) {
    view.tell(
      `Leaving; the run goes on at ${server.address}. \`sluice status ${workflowId}\` looks at it, \`sluice cancel ${workflowId}\` cancels it.`,
    );
    leave();
    return;
  }
  view.tell('Cancelling the run and waiting until its job is stopped. (Ctrl-C again leaves at once.)');
  line
    .patiently(({ client }) => client.workflow.getHandle(workflowId, runId).cancel())
    .catch((error: Error) => view.tell(`It could not be cancelled: ${error.message}`));
}
