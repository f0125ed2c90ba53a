import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../config.ts';
import { stepNames, type RunReport, type StepName } from '../core/run.ts';
import { jobFolder } from '../engines/local/job-folder.ts';
import { usageError } from './errors.ts';
import { createLogReader, type LogReader } from './log-reader.ts';
import { say } from './output.ts';
import { findRun, lookAtHistory, reportOf } from './run/lookup.ts';

const pollMs = 300;

/** What the jobs of a run wrote, step after step, as far as they ran on this machine. */
export async function logsCommand(
  workflowId: string,
  step: string | undefined,
  { follow }: { follow?: true },
): Promise<number> {
  const only = checkStep(step);
  const { jobsFolder } = readConfig();
  const line = await lookAtHistory(readConfig(), workflowId);
  const logs = createLogs(jobsFolder, only);
  try {
    for (;;) {
      // Asked first, so that the last look comes after the end of the run.
      const run = await findRun(line, workflowId);
      await logs.writeNew(await reportOf(line, run));
      if (!follow || !run.open) break;
      await sleep(pollMs);
    }
  } finally {
    line.hangUp();
  }
  logs.tellWhatIsMissing();
  return 0;
}

function checkStep(step: string | undefined): StepName | undefined {
  const known = stepNames.find((name) => name === step);
  if (step !== undefined && known === undefined)
    throw usageError(`There is no step ${JSON.stringify(step)}; steps are ${stepNames.join(', ')}`);
  return known;
}

function createLogs(jobsFolder: string, only: StepName | undefined) {
  const readers = new Map<string, LogReader>();
  const readerOf = (name: StepName, jobName: string): LogReader => {
    const reader =
      readers.get(jobName) ?? createLogReader(jobFolder(jobsFolder, jobName).log, `${name}: ${jobName}`);
    readers.set(jobName, reader);
    return reader;
  };
  return {
    async writeNew(report: RunReport): Promise<void> {
      for (const { name, jobName, engine, status } of report.steps) {
        if (jobName === null || engine === null || (only ?? name) !== name) continue;
        await readerOf(name, jobName).writeNew();
        // One step at a time: the next has its turn when this one is over.
        if (status === 'running') return;
      }
    },
    tellWhatIsMissing(): void {
      if (readers.size === 0) say(only ? `The step ${only} has run no job` : 'The run has run no job');
      for (const { found, title } of readers.values()) {
        if (!found())
          say(`${title} has no log here: it ran on another machine, has not started, or was cleaned away`);
      }
    },
  };
}
