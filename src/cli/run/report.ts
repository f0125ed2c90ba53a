import { SluiceError } from '../../core/errors.ts';
import { newReport } from '../../core/run-report.ts';
import { spotSavings } from '../../core/remote-job.ts';
import type { Outcome, RunReport, StepReport } from '../../core/run.ts';
import { exitCodeOf, exitCodes, explain, isWrongInput } from '../errors.ts';

export interface RunRef {
  workflowId: string;
  runId: string;
}

/** How Temporal says that a run has ended. */
export type Ending =
  | { kind: 'completed'; report: RunReport }
  | { kind: 'failed'; code: string; message: string }
  | { kind: 'canceled' | 'terminated' | 'timedOut'; message: string };

/** The report of a closed run: what the run told last, put right by how it was closed. */
export function closedReport(last: RunReport | null, ending: Ending): RunReport {
  const report = last ?? newReport();
  switch (ending.kind) {
    case 'completed':
      return ending.report;
    case 'failed': {
      const outcome = ending.code === 'QualityGateRejected' ? 'rejected' : 'failed';
      return broughtToEnd(report, outcome, { code: ending.code, message: ending.message });
    }
    case 'canceled':
      return broughtToEnd(report, 'canceled');
    case 'terminated':
      return broughtToEnd(report, 'failed', { code: 'Terminated', message: ending.message });
    case 'timedOut':
      return broughtToEnd(report, 'failed', { code: 'TimedOut', message: ending.message });
  }
}

/** A run that was closed from outside could not say what became of its steps. */
function broughtToEnd(
  report: RunReport,
  outcome: Outcome,
  failure: RunReport['failure'] = report.failure,
): RunReport {
  const status = (step: StepReport): StepReport['status'] =>
    step.status === 'running' || step.status === 'waiting'
      ? 'canceled'
      : step.status === 'pending'
        ? 'skipped'
        : step.status;
  return {
    ...report,
    outcome,
    steps: report.steps.map((step) => ({ ...step, status: status(step) })),
    ...(failure && { failure }),
  };
}

/** The report of a run that could not be started or followed, or was given up before it began. */
export function reportWithoutRun(error: unknown): RunReport {
  if (error === 'canceled') return broughtToEnd(newReport(), 'canceled');
  const code =
    error instanceof SluiceError
      ? error.code
      : exitCodeOf(error) === exitCodes.wrongInput
        ? 'InvalidInput'
        : 'JobInternalError';
  return broughtToEnd(newReport(), 'failed', { code, message: explain(error) });
}

/** The body of `--json`; without a run there are no ids. */
export function jsonOf(run: RunRef | null, report: RunReport) {
  const { workflowId = null, runId = null } = run ?? {};
  const { outcome, metric, model, transform, modelPackage, failure } = report;
  return {
    workflowId,
    runId,
    outcome,
    metric: metric && {
      name: metric.name,
      value: metric.value,
      comparison: metric.comparison,
      threshold: metric.threshold,
    },
    steps: report.steps.map(stepJson),
    model,
    transform,
    modelPackage: modelPackage && {
      group: modelPackage.group,
      version: modelPackage.version,
      approvalStatus: modelPackage.approvalStatus,
    },
    ...(failure && { failure: { code: failure.code, message: failure.message } }),
  };
}

/** Jobs of SageMaker have one key more. */
function stepJson({ name, status, engine, jobName, seconds, waitsFor, remote }: StepReport) {
  const saved = remote && spotSavings(remote);
  return {
    name,
    status,
    engine,
    jobName,
    seconds,
    ...(status === 'waiting' && waitsFor && { waitsFor }),
    ...(remote && {
      remote: {
        arn: remote.arn,
        consoleUrl: remote.consoleUrl,
        status: remote.status,
        secondaryStatus: remote.secondaryStatus,
        billableSeconds: remote.billableSeconds,
        trainingSeconds: remote.trainingSeconds,
        spotSavings: saved === undefined || saved === null ? null : Math.round(saved * 1000) / 1000,
      },
    }),
  };
}

export function exitCodeOfRun({ outcome, failure }: RunReport): number {
  switch (outcome) {
    case 'accepted':
      return exitCodes.accepted;
    case 'rejected':
      return exitCodes.rejected;
    case 'canceled':
      return exitCodes.canceled;
    case 'failed':
      return failure && isWrongInput(failure.code) ? exitCodes.wrongInput : exitCodes.other;
    // It can't be, of a run that is closed.
    case 'running':
      return exitCodes.other;
  }
}
