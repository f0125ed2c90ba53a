import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../config.ts';
import { createLogsApi } from '../aws/cloudwatch-logs.ts';
import { jobInArn } from '../core/remote-job.ts';
import { stepNames, type RunReport, type StepName, type StepReport } from '../core/run.ts';
import { createCloudLogReader } from './cloud-log-reader.ts';
import { jobFolder } from '../engines/local/job-folder.ts';
import { usageError } from './errors.ts';
import { createLogReader, type LogReader } from './log-reader.ts';
import { say } from './output.ts';
import { findRun, lookAtHistory, reportOf } from './run/lookup.ts';

const pollMs = 300;

/** What the jobs of a run wrote, step after step: those that ran on this machine, and those of SageMaker. */
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

/** The clock of AWS and that of the server of Temporal may differ by so much. */
const skewMs = 15 * 60_000;

function createLogs(jobsFolder: string, only: StepName | undefined) {
  const readers = new Map<string, LogReader>();
  const readerOf = ({ name, startedAt, remote }: StepReport, jobName: string): LogReader => {
    const title = `${name}: ${jobName}`;
    const inCloud = remote?.arn ? jobInArn(remote.arn) : null;
    const from = Math.max(0, Date.parse(startedAt ?? '') - skewMs || 0);
    const make = () =>
      inCloud === null
        ? createLogReader(jobFolder(jobsFolder, jobName).log, title)
        : createCloudLogReader(createLogsApi(inCloud.region), inCloud, from, title);
    const reader = readers.get(jobName) ?? make();
    readers.set(jobName, reader);
    return reader;
  };
  return {
    async writeNew(report: RunReport): Promise<void> {
      for (const step of report.steps) {
        const { name, jobName, engine, status } = step;
        if (jobName === null || engine === null || (only ?? name) !== name) continue;
        await readerOf(step, jobName).writeNew(status === 'running');
        // One step at a time: the next has its turn when this one is over.
        if (status === 'running') return;
      }
    },
    tellWhatIsMissing(): void {
      if (readers.size === 0) say(only ? `The step ${only} has run no job` : 'The run has run no job');
      for (const { found, missing } of readers.values()) if (!found()) say(missing);
    },
  };
}
