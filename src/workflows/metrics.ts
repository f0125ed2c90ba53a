import { metricMeter } from '@temporalio/workflow';
import { measure, measureSigned } from '../core/metrics.ts';
import type { RemoteJob } from '../core/remote-job.ts';
import type { RunReport, StepName } from '../core/run.ts';

/** What a run tells its worker's metrics. In a replay the meter is silent, so that nothing counts twice. */

export function measureOutcome({ pipeline, executionMode, outcome, failure }: RunReport): void {
  measure(metricMeter, 'sluice_runs', 1, {
    pipeline: pipeline ?? '',
    mode: executionMode ?? '',
    outcome,
    code: failure?.code ?? '',
  });
}

/** Only of a gate that could decide. */
export function measureGate({ pipeline, executionMode, metric }: RunReport): void {
  const value = metric?.value ?? null;
  if (metric === null || value === null) return;
  const { name, comparison, threshold } = metric;
  const labels = { pipeline: pipeline ?? '', mode: executionMode ?? '', metric: name, comparison };
  measureSigned(metricMeter, 'sluice_gate_value', value, labels);
  measureSigned(metricMeter, 'sluice_gate_threshold', threshold, labels);
  measure(metricMeter, 'sluice_gate_time_seconds', Date.now() / 1000, labels);
}

/** @param remote - what SageMaker said last of the step's job. */
export function measureStep(
  { pipeline }: RunReport,
  step: StepName,
  ended: { engine: string | null; status: string; seconds: number; remote: RemoteJob | null },
): void {
  const labels = { pipeline: pipeline ?? '', step };
  const { engine, status, seconds, remote } = ended;
  measure(metricMeter, 'sluice_step_seconds', seconds, { ...labels, engine: engine ?? '', status });
  const billed = remote?.billableSeconds ?? null;
  if (billed === null) return;
  measure(metricMeter, 'sluice_billable_seconds', billed, labels);
  measure(metricMeter, 'sluice_training_seconds', remote?.trainingSeconds ?? billed, labels);
}

export function measureNotification({ pipeline }: RunReport, event: string, isDelivered: boolean): void {
  measure(metricMeter, 'sluice_notifications', 1, {
    pipeline: pipeline ?? '',
    event,
    result: isDelivered ? 'delivered' : 'failed',
  });
}
