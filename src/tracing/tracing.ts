import { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory, LogEntry } from '@temporalio/worker';
import type { AwsCall, CallListener } from '../aws/listening.ts';
import { runEnded, stepEnded, type RunEnded, type StepEnded } from '../core/run-events.ts';
import { workflowType } from '../core/run.ts';
import type { Exporter } from './exporter.ts';
import { spanIdOf, traceIdOf, type Span } from './span.ts';

/** Makes spans of what a worker sees: of runs and steps that end, of activities, and of calls to AWS within them. */
export interface Tracing {
  onLog(entry: LogEntry): void;
  onCall: CallListener;
  activities: ActivityInterceptorsFactory;
  flush(): Promise<void>;
}

export function createTracing(exporter: Exporter): Tracing {
  return {
    onLog({ message, meta = {} }) {
      const { runId, workflowId } = meta as { runId?: string; workflowId?: string };
      if (runId === undefined || workflowId === undefined) return;
      const ids = { runId, workflowId };
      if (message === stepEnded) exporter.add(stepSpan(ids, meta as unknown as StepEnded));
      if (message === runEnded) exporter.add(runSpan(ids, meta as unknown as RunEnded));
    },
    onCall(call) {
      const span = callSpan(call);
      if (span !== null) exporter.add(span);
    },
    activities: (context) => ({
      inbound: {
        async execute(input, next) {
          const start = Date.now();
          const end = (error: string | null) => {
            const span = activitySpan(context, start, error);
            if (span !== null) exporter.add(span);
          };
          try {
            const result = await next(input);
            end(null);
            return result;
          } catch (error) {
            end(reasonOf(error));
            throw error;
          }
        },
      },
    }),
    flush: () => exporter.flush(),
  };
}

interface Ids {
  runId: string;
  workflowId: string;
}

const attributesOf = ({ runId, workflowId }: Ids) => ({
  'temporal.workflow_id': workflowId,
  'temporal.run_id': runId,
});
const rootOf = (runId: string) => spanIdOf(runId, 'run');

function runSpan(ids: Ids, { pipeline, executionMode, outcome, code, ...times }: RunEnded): Span {
  return {
    traceId: traceIdOf(ids.runId),
    spanId: rootOf(ids.runId),
    parentSpanId: null,
    name: `run ${pipeline ?? workflowType}`,
    ...timesOf(times),
    attributes: {
      ...attributesOf(ids),
      'sluice.pipeline': pipeline,
      'sluice.mode': executionMode,
      'sluice.outcome': outcome,
    },
    error: code,
  };
}

const timesOf = ({ startedAt, seconds }: { startedAt: string; seconds: number }) => ({
  start: Date.parse(startedAt),
  end: Date.parse(startedAt) + seconds * 1000,
});

function stepSpan(ids: Ids, { step, name, status, engine, job, ...times }: StepEnded): Span {
  return {
    traceId: traceIdOf(ids.runId),
    spanId: spanIdOf(ids.runId, 'step', step),
    parentSpanId: rootOf(ids.runId),
    name: `step ${name}`,
    ...timesOf(times),
    attributes: { ...attributesOf(ids), 'sluice.engine': engine, 'sluice.job': job, 'sluice.status': status },
    error: status === 'succeeded' ? null : status,
  };
}

/** Activities have the name of their step; a second notification, the first's. Others belong to the run. */
const steps =
  /^((?:preprocess|train|evaluate|transform)(?:-\d+)?|condition|createModel|register|notify)(?:-\d+)?$/;

function activitySpan({ info }: Context, start: number, error: string | null): Span | null {
  const { workflowExecution, workflowType: type, activityId, activityType, attempt, taskQueue } = info;
  if (workflowExecution === undefined) return null;
  const { runId } = workflowExecution;
  const step = steps.exec(activityId)?.[1];
  const parent = step === undefined ? rootOf(runId) : spanIdOf(runId, 'step', step);
  return {
    traceId: traceIdOf(runId),
    spanId: activitySpanId(info),
    parentSpanId: type === workflowType ? parent : null,
    name: `activity ${activityType}`,
    start,
    end: Date.now(),
    attributes: {
      ...attributesOf(workflowExecution),
      'temporal.activity_id': activityId,
      'temporal.attempt': attempt,
      'temporal.task_queue': taskQueue,
      'sluice.waited_seconds': Math.max(0, start - info.currentAttemptScheduledTimestampMs) / 1000,
    },
    error,
  };
}

const activitySpanId = ({ workflowExecution, activityId, attempt }: Context['info']) =>
  spanIdOf(workflowExecution?.runId ?? '', 'activity', activityId, `${attempt}`);

let calls = 0;

/** Of S3 there are as many as there are parts of files. */
function callSpan({ service, operation, result, seconds }: AwsCall): Span | null {
  const info = currentActivity();
  if (info?.workflowExecution === undefined || service === 'S3') return null;
  const { workflowExecution } = info;
  const end = Date.now();
  return {
    traceId: traceIdOf(workflowExecution.runId),
    spanId: spanIdOf(workflowExecution.runId, 'call', `${process.pid}`, `${end}`, `${(calls += 1)}`),
    parentSpanId: activitySpanId(info),
    name: `${service} ${operation}`,
    start: end - seconds * 1000,
    end,
    attributes: { 'rpc.system': 'aws-api', 'rpc.service': service, 'rpc.method': operation },
    error: result === 'ok' ? null : result,
  };
}

function currentActivity(): Context['info'] | undefined {
  try {
    return Context.current().info;
  } catch {
    // A call of something else.
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const { message, type } = error as { message?: string; type?: string };
  return [type, (message ?? String(error)).split('\n', 1)[0]].filter(Boolean).join(': ').slice(0, 500);
}
