/**
 * What Sluice counts and measures. Temporal's SDK does the counting: its meters are those of a workflow (silent in a replay), of an
 * activity and of a worker, and whatever is exported comes with the SDK's own metrics. `docs/operating.md` has a table of these.
 */

interface Metric {
  kind: 'counter' | 'histogram' | 'gauge';
  /** Every measurement has all of them. None takes values without end: no ids, no URIs. */
  labels: readonly string[];
  description: string;
  /** Upper bounds, of histograms. */
  buckets?: readonly number[];
}

const gate = ['pipeline', 'mode', 'metric', 'comparison'] as const;

export const metrics = {
  sluice_runs: {
    kind: 'counter',
    labels: ['pipeline', 'mode', 'outcome', 'code'],
    description: 'Runs that are over, by outcome and failure code',
  },
  sluice_step_seconds: {
    kind: 'histogram',
    labels: ['pipeline', 'step', 'engine', 'status'],
    description: 'Steps, from scheduling to end, waiting for a worker included',
    buckets: [1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 172_800],
  },
  sluice_instance_wait_seconds: {
    kind: 'histogram',
    labels: ['pipeline', 'step', 'instances'],
    description: 'How long steps waited for instances of a type that is capped',
    buckets: [1, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 172_800],
  },
  sluice_jobs_started: {
    kind: 'counter',
    labels: ['engine', 'how'],
    description: 'Jobs that a worker made (created), or found under way and went on with (adopted)',
  },
  sluice_billable_seconds: {
    kind: 'counter',
    labels: ['pipeline', 'step'],
    description: 'Seconds that SageMaker charges for, of all instances together; training jobs only',
  },
  sluice_training_seconds: {
    kind: 'counter',
    labels: ['pipeline', 'step'],
    description: 'Seconds that the same jobs took; with spot instances more than is charged for',
  },
  sluice_gate_value: {
    kind: 'gauge',
    labels: gate,
    description: 'The metric of the last decision, if it is 0 or more; else 0',
  },
  sluice_gate_value_below_zero: {
    kind: 'gauge',
    labels: gate,
    description: 'How far the metric of the last decision is below 0',
  },
  sluice_gate_threshold: {
    kind: 'gauge',
    labels: gate,
    description: 'The threshold of the last decision, if it is 0 or more; else 0',
  },
  sluice_gate_threshold_below_zero: {
    kind: 'gauge',
    labels: gate,
    description: 'How far the threshold of the last decision is below 0',
  },
  sluice_gate_time_seconds: {
    kind: 'gauge',
    labels: gate,
    description: 'When that decision fell, in seconds since 1970: of several workers the latest counts',
  },
  sluice_notifications: {
    kind: 'counter',
    labels: ['pipeline', 'event', 'result'],
    description: 'Notifications that were delivered, or given up (failed)',
  },
  sluice_aws_calls: {
    kind: 'counter',
    labels: ['service', 'operation', 'result'],
    description: 'Requests to AWS, every attempt: ok, refused (not found, say), or the code of the failure',
  },
  sluice_aws_call_seconds: {
    kind: 'histogram',
    labels: ['service', 'operation'],
    description: 'Requests to AWS, until the head of the answer is there',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  sluice_queue_backlog: {
    kind: 'gauge',
    labels: ['queue', 'type'],
    description: 'Tasks that wait in a task queue, as the server estimates',
  },
  sluice_queue_backlog_age_seconds: {
    kind: 'gauge',
    labels: ['queue', 'type'],
    description: 'How long the first of them has waited',
  },
  sluice_queue_workers: {
    kind: 'gauge',
    labels: ['queue', 'type'],
    description: 'Workers that poll a task queue, as the server knows them',
  },
  sluice_worker_start_time_seconds: {
    kind: 'gauge',
    labels: ['version', 'deployment', 'build', 'roles'],
    description: 'When this worker was ready, in seconds since 1970',
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;
type LabelsOf<Name extends MetricName> = Record<(typeof metrics)[Name]['labels'][number], string>;

/** The part of the SDK's meters that is used. */
export interface Meter {
  createCounter(
    name: string,
    unit?: string,
    description?: string,
  ): { add(value: number, labels: Labels): void };
  createHistogram(
    name: string,
    type?: 'int' | 'float',
    unit?: string,
    description?: string,
  ): { record(value: number, labels: Labels): void };
  createGauge(
    name: string,
    type?: 'int' | 'float',
    unit?: string,
    description?: string,
  ): { set(value: number, labels: Labels): void };
}
type Labels = Record<string, string>;

/** Of what users name. */
const longestLabel = 200;

/** Counts up by the value, records or sets it. What cannot be measured is left out: a meter that throws would hold up a run. */
export function measure<Name extends MetricName>(
  meter: Meter,
  name: Name,
  value: number,
  labels: LabelsOf<Name>,
): void {
  if (!Number.isFinite(value) || value < 0) return;
  const { kind, description } = metrics[name];
  const fitting = Object.fromEntries(
    Object.entries<string>(labels).map(([label, text]) => [label, text.slice(0, longestLabel)]),
  );
  switch (kind) {
    case 'counter':
      meter.createCounter(name, undefined, description).add(Math.round(value), fitting);
      break;
    case 'histogram':
      meter.createHistogram(name, 'float', undefined, description).record(value, fitting);
      break;
    case 'gauge':
      meter.createGauge(name, 'float', undefined, description).set(value, fitting);
  }
}

/** The SDK's gauges take nothing below 0, so a number that may be is told by two of them, and is their difference. */
export function measureSigned(
  meter: Meter,
  name: 'sluice_gate_value' | 'sluice_gate_threshold',
  value: number,
  labels: LabelsOf<'sluice_gate_value'>,
): void {
  const below = `${name}_below_zero` as const;
  measure<typeof name>(meter, name, Math.max(value, 0), labels);
  measure<typeof below>(meter, below, Math.max(-value, 0), labels);
}
