import { DefaultLogger, makeTelemetryFilterString, Runtime, type LogEntry } from '@temporalio/worker';
import { destination, pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

/** What a log line never holds: credentials, and addresses that are credentials. */
const redact = {
  paths: [
    'password',
    'token',
    'apiKey',
    'authorization',
    'webhook',
    '*.password',
    '*.token',
    '*.apiKey',
    '*.authorization',
    '*.webhook',
    'targets[*].webhook',
  ],
  censor: '[redacted]',
};

/** pino on stderr, so that stdout stays the program's own. */
export function createLogger(
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
  fd = 2,
): Logger {
  const options = {
    level: logLevel,
    redact,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (logFormat === 'json') return pino(options, destination({ dest: fd, sync: true }));
  return pino(
    options,
    pretty({
      destination: fd,
      sync: true,
      ignore: 'pid,hostname,sdkComponent,taskQueue',
      translateTime: 'SYS:HH:MM:ss',
    }),
  );
}

/** Sends the lines of workers, activities and workflows to pino, each with its workflow, run, activity and attempt. */
export function installTemporalLogger(logger: Logger): void {
  const level =
    logger.level === 'trace' ? 'TRACE' : (logger.level.toUpperCase() as 'DEBUG' | 'INFO' | 'WARN' | 'ERROR');
  Runtime.install({
    logger: new DefaultLogger(level, (entry) => write(logger, entry)),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'WARN' }) },
    },
    shutdownSignals: [],
  });
}

/** What a line has no use for: a token of 200 characters, and what is the same in every line. */
const dropped = new Set(['taskToken', 'isLocal', 'sdkComponent', 'error', 'activityId']);

function write(logger: Logger, { level, message, meta = {} }: LogEntry): void {
  const { error, activityId } = meta as { error?: unknown; activityId?: string };
  const fields = {
    ...Object.fromEntries(Object.entries(meta).filter(([key]) => !dropped.has(key))),
    ...(activityId !== undefined && { step: activityId }),
    ...(error !== undefined && { err: error }),
  };
  const method = level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error';
  logger[method](fields, message);
}
