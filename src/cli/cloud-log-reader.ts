import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent, LogsApi } from '../aws/cloudwatch-logs.ts';
import { logGroup } from '../core/console.ts';
import type { JobInArn } from '../core/remote-job.ts';
import { writeLog, type LogReader } from './log-reader.ts';

/** How often CloudWatch is asked for what is new: it takes a few requests a second of an account. */
const pollMs = 5000;
/** Lines come to CloudWatch some seconds after they were written, and not in order. */
const lateMs = 60_000;
const lastLinesMs = 5000;

/**
 * The log of a job of SageMaker, read from CloudWatch page by page. If several hosts write, their lines begin with the host.
 * @param from - nothing older is looked at, in milliseconds since 1970.
 */
export function createCloudLogReader(
  logs: LogsApi,
  { kind, name }: JobInArn,
  from: number,
  title: string,
): LogReader {
  const streams = { group: logGroup(kind), prefix: `${name}/` };
  /** By id, with their times. */
  const written = new Map<string, number>();
  const hosts = new Set<string>();
  let latest = from;
  let nextLook = 0;
  let wasRunning = false;
  let isDone = false;

  const write = async (events: readonly LogEvent[]) => {
    const fresh = events.filter(({ id }) => !written.has(id));
    if (fresh.length === 0) return;
    if (hosts.size === 0) await writeLog(`── ${title}\n`);
    for (const { id, timestamp, stream } of fresh) {
      written.set(id, timestamp);
      hosts.add(stream);
      latest = Math.max(latest, timestamp);
    }
    const lines = fresh.map(({ stream, message }) =>
      hosts.size > 1 ? `${stream}: ${message}\n` : `${message}\n`,
    );
    await writeLog(lines.join(''));
  };
  const look = async () => {
    for await (const page of logs.pages(streams, Math.max(from, latest - lateMs))) await write(page);
    for (const [id, timestamp] of written) if (timestamp < latest - lateMs) written.delete(id);
    nextLook = Date.now() + pollMs;
  };

  return {
    found: () => hosts.size > 0,
    missing: `${title} has no log in CloudWatch: it has not started, or has written nothing`,
    async writeNew(isRunning) {
      if (isDone || (isRunning && Date.now() < nextLook)) return;
      await look();
      if (isRunning) wasRunning = true;
      else {
        if (wasRunning) {
          await sleep(lastLinesMs);
          await look();
        }
        isDone = true;
      }
    },
  };
}
