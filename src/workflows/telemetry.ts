import { log, metricMeter, workflowInfo } from '@temporalio/workflow';
import { measure, measureSigned } from '../core/metrics.ts';
import type { RemoteJob } from '../core/remote-job.ts';
import { runEnded, stepEnded, type RunEnded, type StepEnded } from '../core/run-events.ts';
import type { RunReport, StepName } from '../core/run.ts';

/** What a run tells its worker's metrics and log. In a replay both are silent, so that nothing is told twice. */

export function tellOutcome({ pipeline, executionMode, outcome, failure }: RunReport): void {
  const code = failure?.code ?? null;
  const labels = { pipeline: pipeline ?? '', mode: executionMode ?? '', outcome, code: code ?? '' };
  measure(metricMeter, 'sluice_runs', 1, labels);
  const started = workflowInfo().startTime.getTime();
  const event: RunEnded = { pipeline, executionMode, outcome, code, ...since(started) };
  log.info(runEnded, { ...event });
}

/** Only of a gate that could decide. */
export function tellGate({ pipeline, executionMode, metric }: RunReport): void {
  const value = metric?.value ?? null;
  if (metric === null || value === null) return;
  const { name, comparison, threshold } = metric;
  const labels = { pipeline: pipeline ?? '', mode: executionMode ?? '', metric: name, comparison };
  measureSigned(metricMeter, 'sluice_gate_value', value, labels);
  measureSigned(metricMeter, 'sluice_gate_threshold', threshold, labels);
  measure(metricMeter, 'sluice_gate_time_seconds', Date.now() / 1000, labels);
}

interface EndedStep extends Pick<StepEnded, 'name' | 'status' | 'engine' | 'seconds'> {
  activityId: string;
  jobName: string | null;
  /** Milliseconds since 1970. */
  started: number;
  /** What SageMaker said last of the step's job. */
  remote: RemoteJob | null;
}

export function tellStep(
  { pipeline }: RunReport,
  { activityId, name, status, engine, jobName, started, seconds, remote }: EndedStep,
): void {
  const labels = { pipeline: pipeline ?? '', step: name };
  measure(metricMeter, 'sluice_step_seconds', seconds, { ...labels, engine: engine ?? '', status });
  const billed = remote?.billableSeconds ?? null;
  if (billed !== null) {
    measure(metricMeter, 'sluice_billable_seconds', billed, labels);
    measure(metricMeter, 'sluice_training_seconds', remote?.trainingSeconds ?? billed, labels);
  }
  const event: StepEnded = { step: activityId, name, status, engine, job: jobName, ...since(started) };
  log.info(stepEnded, { ...event });
}

const since = (started: number) => ({
  startedAt: new Date(started).toISOString(),
  seconds: (Date.now() - started) / 1000,
});

export function tellNotification({ pipeline }: RunReport, event: string, isDelivered: boolean): void {
  measure(metricMeter, 'sluice_notifications', 1, {
    pipeline: pipeline ?? '',
    event,
    result: isDelivered ? 'delivered' : 'failed',
  });
}

export function tellWait({ pipeline }: RunReport, step: StepName, instances: string, seconds: number): void {
  const labels = { pipeline: pipeline ?? '', step, instances };
  measure(metricMeter, 'sluice_instance_wait_seconds', seconds, labels);
}
