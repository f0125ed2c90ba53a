import type { Reading } from '../core/gate.ts';
import { SluiceError } from '../core/errors.ts';
import { maxReportBytes, readMetric } from '../core/report.ts';
import type { ResolvedSession } from '../core/session.ts';
import { storageOf, type Dependencies } from './dependencies.ts';

/** Reads one metric out of the evaluation report; why it could not is an answer too, and the gate stays closed. */
export async function readReport(
  deps: Dependencies,
  { uri, metric, session }: { uri: string; metric: string; session: ResolvedSession | null },
): Promise<Reading> {
  try {
    return readMetric(await storageOf(deps, session).readText(uri, maxReportBytes), metric);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'OutputMissing')
      return { kind: 'unreadable', reason: `the report: ${error.message}` };
    throw error;
  }
}
