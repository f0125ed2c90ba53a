import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  Runtime,
  type ActivityInterceptorsFactory,
  type NativeConnection,
  type TelemetryOptions,
  type Worker,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import type { CallListener } from './aws/listening.ts';
import { projectFolder, readVariable, type Config } from './config.ts';
import { parsePairs, traceHeaders, type TraceSettings } from './config/traces.ts';
import { SluiceError } from './core/errors.ts';
import { measure, metrics } from './core/metrics.ts';
import { hostsQueue } from './core/task-queues.ts';
import { installTemporalLogger, jobInLines } from './logger.ts';
import { queueState, type QueueType } from './temporal/queues.ts';
import { createExporter } from './tracing/exporter.ts';
import { createTracing, type Tracing } from './tracing/tracing.ts';

const lookAtQueuesMs = 15_000;
/** At the end of a worker: spans are not worth more. */
const flushMs = 2000;

/** Of this process, as Temporal's runtime is. */
let tracing: Tracing | null = null;

/** Log, metrics and traces of the workers of this process. @throws SluiceError `InvalidInput` if the port cannot be had. */
export function installTelemetry({ metricsAddress, traces }: Config, logger: Logger): void {
  tracing = traces && startTracing(traces, logger);
  try {
    installTemporalLogger(logger, {
      ...(metricsAddress !== null && { metrics: metricsExporter(metricsAddress) }),
      ...(tracing && { listener: (entry) => tracing?.onLog(entry) }),
    });
  } catch (cause) {
    if (metricsAddress === null) throw cause;
    throw new SluiceError(
      'InvalidInput',
      `SLUICE_METRICS_PORT: ${metricsAddress} cannot be had (${(cause as Error).message}); set another one`,
      { cause },
    );
  }
}

/** Metrics of the SDK and of Sluice for Prometheus, at `/metrics` of the address. */
function metricsExporter(address: string): NonNullable<TelemetryOptions['metrics']> {
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

function startTracing({ url, resource }: TraceSettings, logger: Logger): Tracing {
  const headers = traceHeaders.map(readVariable).find((text) => text !== undefined);
  return createTracing(
    createExporter({
      url,
      headers: parsePairs(headers),
      resource: {
        'service.version': productVersion(),
        'service.instance.id': `${hostname()}:${process.pid}`,
        ...resource,
      },
      onLost: (facts) => logger.warn({ url, ...facts }, 'traces could not be delivered'),
    }),
  );
}

export const activityInterceptors = (): ActivityInterceptorsFactory[] =>
  tracing === null ? [jobInLines] : [jobInLines, tracing.activities];

/** Counts calls to AWS, and puts them into traces. */
export const hearCall: CallListener = (call) => {
  const { service, operation, result, seconds } = call;
  const { metricMeter } = Runtime.instance();
  measure(metricMeter, 'sluice_aws_calls', 1, { service, operation, result });
  if (seconds > 0) measure(metricMeter, 'sluice_aws_call_seconds', seconds, { service, operation });
  tracing?.onCall(call);
};

type Reported = Pick<Config, 'metricsAddress' | 'version' | 'queues' | 'taskQueue'>;

/** Says which worker this is, and from time to time how its queues stand, if anybody wants to know. @returns what ends it. */
export function reportWorker(
  { metricsAddress, version, queues: roles, taskQueue }: Reported,
  connection: NativeConnection,
  workers: readonly Worker[],
): () => Promise<void> {
  if (metricsAddress === null) return flush;
  const { metricMeter } = Runtime.instance();
  measure(metricMeter, 'sluice_worker_start_time_seconds', Date.now() / 1000, {
    version: productVersion(),
    deployment: version?.deploymentName ?? '',
    build: version?.buildId ?? '',
    roles: (['main', 'local'] as const).filter((role) => roles[role]).join(),
  });
  const queues = workers.flatMap(queuesOf);
  // Of hosts that are not there nobody else tells that runs wait for them.
  const [first] = queues;
  if (roles.main && !roles.local && first)
    queues.push({ ...first, queue: hostsQueue(taskQueue), type: 'activity' });
  const look = async ({ namespace, queue, type }: Queue) => {
    const ask = () => queueState(connection, namespace, queue, type);
    const state = await connection.withDeadline(Date.now() + 5000, ask);
    measure(metricMeter, 'sluice_queue_backlog', state.backlog, { queue, type });
    measure(metricMeter, 'sluice_queue_backlog_age_seconds', state.backlogAgeSeconds, { queue, type });
    measure(metricMeter, 'sluice_queue_workers', state.workers.length, { queue, type });
  };
  // That the server does not answer is told by the SDK's metrics.
  const lookAtAll = () => {
    for (const queue of queues) look(queue).catch(() => undefined);
  };
  lookAtAll();
  const timer = setInterval(lookAtAll, lookAtQueuesMs).unref();
  return () => {
    clearInterval(timer);
    return flush();
  };
}

async function flush(): Promise<void> {
  if (tracing === null) return;
  const enough = new Promise<void>((resolve) => setTimeout(resolve, flushMs).unref());
  await Promise.race([tracing.flush(), enough]);
}

interface Queue {
  namespace: string;
  queue: string;
  type: QueueType;
}

function queuesOf({ options }: Worker): Queue[] {
  const { namespace, taskQueue: queue } = options;
  const hasWorkflows = options.workflowBundle !== undefined || options.workflowsPath !== undefined;
  const types: QueueType[] = hasWorkflows ? ['workflow', 'activity'] : ['activity'];
  return types.map((type) => ({ namespace, queue, type }));
}

function productVersion(): string {
  const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
