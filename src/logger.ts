import {
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  type ActivityInterceptorsFactory,
  type LogEntry,
  type TelemetryOptions,
} from '@temporalio/worker';
import { destination, pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

/** What a log line never holds: credentials, and addresses that are credentials. */
const names = ['password', 'token', 'apiKey', 'authorization', 'webhook'];
const secret =
  /(secret|token|password|passwd|api[-_]?key|access[-_]?key|authorization|cookie|credentials?|webhook)$/i;
const isSecret = (key: string) => secret.test(key);

/** A copy without secrets, however deep they are. Errors and what else has a class of its own are left to pino. */
function redacted(value: unknown, copies = new Map<object, unknown>()): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    copies.set(value, items);
    for (const item of value) items.push(redacted(item, copies));
    return items;
  }
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)) return value;
  const fields: Record<string, unknown> = {};
  copies.set(value, fields);
  for (const [key, inner] of Object.entries(value)) {
    fields[key] = isSecret(key) ? '[redacted]' : redacted(inner, copies);
  }
  return fields;
}

const formatters = { log: (fields: object) => redacted(fields) as Record<string, unknown> };

/** For the fields of child loggers, which no formatter sees: pino resets it. It knows no depth but those given. */
const redact = {
  paths: names.flatMap((key) => [key, `*.${key}`, `*[*].${key}`]),
  censor: '[redacted]',
};

/**
 * A line of JSON without control characters but line feeds and tabs: scripts and users wrote what it quotes, and the pretty form
 * shows it on a terminal as it is.
 */
function withoutControls(line: string): string {
  return line
    .replace(/[\u007f-\u009f]/g, '')
    .replace(/\\(u00[01][0-9a-f]|.)/g, (escape, code: string) => (/^(u00|[rbf])/.test(code) ? '' : escape));
}

/** pino on stderr, so that stdout stays the program's own. */
export function createLogger(
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
  fd = 2,
): Logger {
  const options = {
    level: logLevel,
    formatters,
    redact,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: { streamWrite: withoutControls },
  };
  if (logFormat === 'json') return pino(options, destination({ dest: fd, sync: true }));
  return pino(
    options,
    pretty({
      destination: fd,
      sync: true,
      ignore: 'pid,hostname,sdkComponent,taskQueue',
      translateTime: 'SYS:HH:MM:ss',
      // So that no message looks like a line of its own.
      messageFormat: ({ msg }) => String(msg).replaceAll('\n', '\n    '),
    }),
  );
}

interface RuntimeParts {
  /** Where the metrics of the same process go. */
  metrics?: NonNullable<TelemetryOptions['metrics']>;
  /** Hears of every line from level info on, whatever the logger leaves out. */
  listener?: (entry: LogEntry) => void;
}

/** Sends the lines of workers, activities and workflows to pino, each with its workflow, run, activity and attempt. */
export function installTemporalLogger(logger: Logger, { metrics, listener }: RuntimeParts = {}): void {
  const level =
    logger.level === 'trace' ? 'TRACE' : (logger.level.toUpperCase() as 'DEBUG' | 'INFO' | 'WARN' | 'ERROR');
  const isQuiet = level === 'WARN' || level === 'ERROR';
  Runtime.install({
    // pino leaves out again what it does not want.
    logger: new DefaultLogger(listener && isQuiet ? 'INFO' : level, (entry) => {
      listener?.(entry);
      write(logger, entry);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'WARN' }) },
      ...(metrics && { metrics }),
    },
    shutdownSignals: [],
  });
}

/** Says in every line of an activity which job it is about, Temporal's own lines about the activity included. */
export const jobInLines: ActivityInterceptorsFactory = () => {
  let job: string | undefined;
  return {
    inbound: {
      execute(input, next) {
        job = jobOf(input.args[0]);
        return next(input);
      },
    },
    outbound: { getLogAttributes: (input, next) => ({ ...next(input), ...(job !== undefined && { job }) }) },
  };
};

function jobOf(input: unknown): string | undefined {
  const { name, engine } = (input ?? {}) as { name?: unknown; engine?: unknown };
  return typeof name === 'string' && typeof engine === 'string' ? name : undefined;
}

/** What a line has no use for: a token of 200 characters, and what is the same in every line. */
const dropped = new Set(['taskToken', 'isLocal', 'sdkComponent', 'error', 'activityId', 'workflowRunId']);

function write(logger: Logger, { level, message, meta = {} }: LogEntry): void {
  const { error, activityId, workflowRunId } = meta as Record<
    'error' | 'activityId' | 'workflowRunId',
    unknown
  >;
  const fields = {
    ...Object.fromEntries(Object.entries(meta).filter(([key]) => !dropped.has(key))),
    // Workflows say `runId` themselves.
    ...(workflowRunId !== undefined && { runId: workflowRunId }),
    ...(activityId !== undefined && { step: activityId }),
    ...(error !== undefined && { err: error }),
  };
  const method = level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error';
  logger[method](fields, message);
}
