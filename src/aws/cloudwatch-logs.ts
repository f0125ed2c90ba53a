import { isAwsError } from '../core/aws-facts.ts';
import { clientOptions, lazily } from './config.ts';
import { toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';

export interface LogEvent {
  /** No two lines have the same. */
  id: string;
  /** "algo-1-1700000000" of the stream "<job>/algo-1-1700000000". */
  stream: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** One line, as the job wrote it. */
  message: string;
}

export interface LastEvents {
  events: LogEvent[];
  /** Why older lines that were asked for may be missing. */
  cutOff: Error | null;
}

/** The log streams of a job: all those of a group whose names begin with the job's. */
export interface LogStreams {
  group: string;
  /** `<job name>/` */
  prefix: string;
}

export interface LogsApi {
  /**
   * The last lines, oldest first, by one call unless it brings a page that is not full. None if there is no log yet.
   * @param from - nothing older is looked at, in milliseconds since 1970.
   * @throws SluiceError `AccessDenied`, `Throttled`, `ServiceUnavailable`, or the reason of the signal, if that leaves no line at all.
   */
  lastEvents(streams: LogStreams, from: number, count: number, signal?: AbortSignal): Promise<LastEvents>;
  /** All lines, page by page, oldest first. A page may be empty before the last one. */
  pages(streams: LogStreams, from: number, signal?: AbortSignal): AsyncGenerator<LogEvent[]>;
}

/** `startFromHead: false` is refused for anything older: CloudWatch Logs, FilterLogEvents. */
const earliest = Date.UTC(2024, 0, 1);

interface Page {
  events?:
    | {
        eventId?: string | undefined;
        logStreamName?: string | undefined;
        timestamp?: number | undefined;
        message?: string | undefined;
      }[]
    | undefined;
  nextToken?: string | undefined;
}

/** @param region - endpoint and credentials are those that the SDK finds. */
export function createLogsApi(region: string, onCall?: CallListener): LogsApi {
  const load = lazily(async () => {
    const { CloudWatchLogsClient, FilterLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    const client = listening(new CloudWatchLogsClient(clientOptions(region)), onCall);
    return { client, FilterLogEventsCommand };
  });

  const filter = async (
    { group, prefix }: LogStreams,
    options: { startTime: number; limit?: number; startFromHead: boolean; nextToken?: string },
    signal?: AbortSignal,
  ): Promise<Page> => {
    try {
      signal?.throwIfAborted();
      const { client, FilterLogEventsCommand } = await load();
      const input = { logGroupName: group, logStreamNamePrefix: prefix, ...options };
      return await client.send(new FilterLogEventsCommand(input), { ...(signal && { abortSignal: signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      const failure = toSluiceError(error, `FilterLogEvents ${group} ${prefix}`);
      // The group is made with the first log of the account.
      if (isAwsError(failure, 'ResourceNotFound')) return {};
      throw failure;
    }
  };

  /** In the order of the answers. */
  async function* pagesOf(
    streams: LogStreams,
    options: Parameters<typeof filter>[1],
    signal?: AbortSignal,
  ): AsyncGenerator<LogEvent[]> {
    let token: string | undefined;
    do {
      const page = await filter(
        streams,
        { ...options, ...(token !== undefined && { nextToken: token }) },
        signal,
      );
      yield eventsOf(page);
      // The same token again would be for ever.
      token = page.nextToken === token ? undefined : page.nextToken;
    } while (token !== undefined);
  }

  return {
    async lastEvents(streams, from, count, signal) {
      const startTime = Math.max(earliest, Math.floor(from));
      const events: LogEvent[] = [];
      let cutOff: Error | null = null;
      try {
        const options = { startTime, limit: count, startFromHead: false };
        for await (const page of pagesOf(streams, options, signal)) {
          events.push(...page);
          if (events.length >= count) break;
        }
      } catch (error) {
        if (events.length === 0) throw error;
        cutOff = error as Error;
      }
      return { events: inOrder(events).slice(-count), cutOff };
    },
    pages: (streams, from, signal) =>
      pagesOf(streams, { startTime: Math.floor(from), startFromHead: true }, signal),
  };
}

const inOrder = (newestFirst: LogEvent[]) => newestFirst.reverse().sort((a, b) => a.timestamp - b.timestamp);

function eventsOf({ events = [] }: Page): LogEvent[] {
  return events.map(({ eventId = '', logStreamName = '', timestamp = 0, message = '' }) => ({
    id: eventId,
    stream: logStreamName.split('/').slice(1).join('/'),
    timestamp,
    message: message.replace(/\r?\n$/, ''),
  }));
}
