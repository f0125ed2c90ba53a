import { createRunOwners } from '../activities/run-owners.ts';
import { createCloudDependencies } from '../cloud.ts';
import { readConfig } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import { parseSweepInput, sweepLines } from '../core/sweep.ts';
import { exitCodes } from './errors.ts';
import { onInterrupt } from './interrupts.ts';
import { print, printJson, say } from './output.ts';
import { hasHistory, openSession } from './server/session.ts';

interface SweepOptions {
  dryRun?: true;
  unknown?: true;
  region?: string;
  json?: true;
}

/** Stops the jobs of SageMaker that runs of this namespace left behind. Exit code 1 if one could not be stopped. */
export async function sweepCommand({ json, ...options }: SweepOptions): Promise<number> {
  const config = readConfig();
  const input = parseSweepInput(options);
  const interrupted = new AbortController();
  onInterrupt(() => interrupted.abort(new Error('The sweep was interrupted')));
  if (!hasHistory(config)) {
    throw new SluiceError(
      'ServiceUnavailable',
      `No job is touched, since nobody can say which runs are open: no server has run for ${config.home} yet, and TEMPORAL_ADDRESS names none`,
    );
  }
  const session = await openSession(config, 'server', say);
  try {
    const { namespace } = session.server;
    const ownerOf = createRunOwners(session.client.workflow);
    const { sweep } = createCloudDependencies(config);
    const report = await sweep({ ...input, namespace, ownerOf }, interrupted.signal);
    if (json) printJson(report);
    else print(sweepLines(report).join('\n'));
    if (!json && report.jobs.some(({ action, run }) => action === 'kept' && run === 'unknown'))
      say('--unknown stops jobs of unknown runs, too: only if no other Temporal server uses this account.');
    return report.jobs.some(({ action }) => action === 'failed') ? exitCodes.other : 0;
  } finally {
    await session.close();
  }
}
