import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime, type NativeConnection, type TelemetryOptions, type Worker } from '@temporalio/worker';
import type { CallListener } from './aws/listening.ts';
import { projectFolder, type Config } from './config.ts';
import { measure, metrics } from './core/metrics.ts';
import { queueState, type QueueType } from './temporal/queues.ts';

const lookAtQueuesMs = 15_000;

/** Metrics of the SDK and of Sluice for Prometheus, at `/metrics` of the address. */
export function metricsExporter(address: string): NonNullable<TelemetryOptions['metrics']> {
  const buckets = Object.entries(metrics).flatMap(([name, metric]) =>
    'buckets' in metric ? [[name, [...metric.buckets]] as const] : [],
  );
  return {
    attachServiceName: false,
    prometheus: {
      bindAddress: address,
      // The names that Temporal's own dashboards have.
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: {
        ...Object.fromEntries(buckets),
        // Jobs wait for a slot as long as other jobs take.
        activity_schedule_to_start_latency: [
          0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400,
        ],
      },
    },
  };
}

/** Counts calls to AWS. */
export const countCall: CallListener = ({ service, operation, result, seconds }) => {
  const { metricMeter } = Runtime.instance();
  measure(metricMeter, 'sluice_aws_calls', 1, { service, operation, result });
  if (seconds > 0) measure(metricMeter, 'sluice_aws_call_seconds', seconds, { service, operation });
};

/** Says which worker this is, and from time to time how its queues stand, if anybody wants to know. @returns what ends it. */
export function reportWorker(
  { metricsAddress, version, queues: roles }: Pick<Config, 'metricsAddress' | 'version' | 'queues'>,
  connection: NativeConnection,
  workers: readonly Worker[],
): () => void {
  if (metricsAddress === null) return () => undefined;
  const { metricMeter } = Runtime.instance();
  measure(metricMeter, 'sluice_worker_start_time_seconds', Date.now() / 1000, {
    version: productVersion(),
    deployment: version?.deploymentName ?? '',
    build: version?.buildId ?? '',
    roles: (['main', 'local'] as const).filter((role) => roles[role]).join(),
  });
  const look = async ({ options: { namespace, taskQueue: queue } }: Worker, type: QueueType) => {
    const ask = () => queueState(connection, namespace, queue, type);
    const { backlog, backlogAgeSeconds } = await connection.withDeadline(Date.now() + 5000, ask);
    measure(metricMeter, 'sluice_queue_backlog', backlog, { queue, type });
    measure(metricMeter, 'sluice_queue_backlog_age_seconds', backlogAgeSeconds, { queue, type });
  };
  // That the server does not answer is told by the SDK's metrics.
  const lookAtAll = () => {
    for (const worker of workers)
      for (const type of typesOf(worker)) look(worker, type).catch(() => undefined);
  };
  lookAtAll();
  const timer = setInterval(lookAtAll, lookAtQueuesMs).unref();
  return () => clearInterval(timer);
}

function typesOf({ options }: Worker): QueueType[] {
  const hasWorkflows = options.workflowBundle !== undefined || options.workflowsPath !== undefined;
  return hasWorkflows ? ['workflow', 'activity'] : ['activity'];
}

function productVersion(): string {
  const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
