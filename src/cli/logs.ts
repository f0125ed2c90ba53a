import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig, type Config } from '../config.ts';
import { stepNames, type StepReport } from '../core/run.ts';
import { jobFolder } from '../engines/process/job-folder.ts';
import { usageError } from './errors.ts';
import { print, printable, say } from './output.ts';
import { findRun, reportOf, type FoundRun } from './run/lookup.ts';
import { openLine, type Line } from './server/patience.ts';

/** What the jobs of a run wrote, in the order of the steps. */
export async function logsCommand(
  workflowId: string,
  step: string | undefined,
  options: { follow?: true },
): Promise<number> {
  if (step !== undefined && !stepNames.some((name) => name === step)) {
    throw usageError(`There is no step ${JSON.stringify(step)}; steps are ${stepNames.join(', ')}`);
  }
  const config = readConfig();
  const line = await openLine(config, say);
  try {
    const run = await findRun(line, workflowId);
    const copied = new Map<string, number>();
    for (;;) {
      const current = await findRun(line, workflowId);
      const found = await copyNew(config, await stepsOf(line, current), step, copied);
      if (options.follow && current.open) {
        await sleep(500);
        continue;
      }
      if (found === 0) say(`No job of ${run.workflowId} has a log on this machine (${config.jobsFolder})`);
      return 0;
    }
  } finally {
    await line.close();
  }
}

async function stepsOf(line: Line, run: FoundRun): Promise<StepReport[]> {
  return (await reportOf(line, run)).steps.filter(({ engine }) => engine !== null);
}

/** Prints what came since the last time. @returns how many logs there are. */
async function copyNew(
  config: Config,
  steps: readonly StepReport[],
  only: string | undefined,
  copied: Map<string, number>,
): Promise<number> {
  for (const { name, jobName } of steps) {
    if (jobName === null || (only !== undefined && only !== name)) continue;
    const { log } = jobFolder(config.jobsFolder, jobName);
    const size = (await stat(log).catch(() => null))?.size;
    if (size === undefined) continue;
    const from = copied.get(jobName);
    if (from === undefined) print(`── ${name}: ${jobName}`);
    if (size > (from ?? 0)) await copyBytes(log, from ?? 0, size);
    copied.set(jobName, size);
  }
  return copied.size;
}

async function copyBytes(path: string, start: number, end: number): Promise<void> {
  const stream = createReadStream(path, { start, end: end - 1 });
  if (process.stdout.isTTY) stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    // A terminal obeys what it is sent; a file or a pipe gets the bytes as they are.
    const out = typeof chunk === 'string' ? printable(chunk) : chunk;
    if (!process.stdout.write(out)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}
