import type { LogsApi } from '../../aws/cloudwatch-logs.ts';
import { logConsoleUrl, logGroup } from '../../core/console.ts';
import { shownLine } from '../local/log-tail.ts';
import type { Description } from './descriptions.ts';
import type { JobKind } from './requests.ts';

const lineCount = 20;
const patienceMs = 15_000;

/** The last lines of a job's log. What fails here is one line of it, and never hides why the job failed. */
export async function logTail(
  logs: LogsApi,
  kind: JobKind,
  name: string,
  { arn, createdAt }: Pick<Description, 'arn' | 'createdAt'>,
): Promise<string[]> {
  const where = logConsoleUrl(kind, arn);
  const missing = ({ message }: Error) =>
    `was not to be had: ${message}${where === null ? '' : ` (${where})`}`;
  const streams = { group: logGroup(kind), prefix: `${name}/` };
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const { events, cutOff } = await logs.lastEvents(streams, createdAt.getTime(), lineCount, signal);
    const hosts = new Set(events.map(({ stream }) => stream)).size;
    const lines = events
      .map(({ stream, message }) => ({ stream, line: shownLine(message) }))
      .filter(({ line }) => line.trim() !== '')
      .map(({ stream, line }) => (hosts > 1 ? `${stream}: ${line}` : line));
    return cutOff === null ? lines : [`what it wrote before ${missing(cutOff)}`, ...lines];
  } catch (error) {
    return [`its log ${missing(error as Error)}`];
  }
}
