import { setCurrentDetails } from '@temporalio/workflow';
import { SluiceError } from '../core/errors.ts';
import { parseSweepInput, sweepLines, type SweepReport } from '../core/sweep.ts';
import { runFailure, verdict } from './failures.ts';
import { longActivities } from './proxies.ts';

/**
 * Stops the jobs of SageMaker that no open run of this namespace needs; for schedules. The result says which. One that could not be
 * stopped goes on costing, so the sweep fails then, with the same report in its details.
 */
export async function sweep(input: unknown): Promise<SweepReport> {
  try {
    const report = await longActivities.sweepJobs.executeWithOptions(
      { activityId: 'sweep', summary: 'stop jobs of SageMaker whose runs are closed' },
      [parseSweepInput(input)],
    );
    setCurrentDetails(
      sweepLines(report)
        .map((line) => `- ${line}`)
        .join('\n'),
    );
    const left = report.jobs.filter(({ action }) => action === 'failed').map(({ name }) => name);
    if (left.length === 0) return report;
    throw new SluiceError('ServiceUnavailable', `Jobs that could not be stopped: ${left.join(', ')}`, {
      details: { ...report },
    });
  } catch (error) {
    throw error instanceof SluiceError ? verdict(error) : runFailure(error);
  }
}
