import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { jobKinds, type JobKind } from './arn.ts';
import { AwsError } from './aws-error.ts';
import type { Job } from './job.ts';
import type { Body, Region } from './store.ts';

/** FilterLogEvents of CloudWatch Logs, as far as logs of jobs need it: by a prefix of streams, from either end. */
const filterInput = z.strictObject({
  logGroupName: z.string(),
  logStreamNamePrefix: z.string().optional(),
  startTime: z.number().optional(),
  startFromHead: z.boolean().default(true),
  limit: z.int().min(1).max(10_000).default(10_000),
  nextToken: z.string().regex(/^\d+$/).optional(),
});

/** CloudWatch Logs, PutLogEvents: no event is larger. */
const eventBytes = 256 * 1024;
const pageBytes = 1024 * 1024;

/** @param logFile - of a job that ran for real. @throws AwsError as CloudWatch Logs does. */
export function filterLogEvents(input: unknown, region: Region, logFile: (job: Job) => string | null): Body {
  const parsed = filterInput.safeParse(input);
  if (!parsed.success) throw new AwsError('InvalidParameterException', z.prettifyError(parsed.error));
  const { logGroupName, logStreamNamePrefix = '', startTime = 0, ...page } = parsed.data;
  const kind = jobKinds.find((one) => logGroupName === groupOf(one));
  if (kind === undefined)
    throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
  const [name = ''] = logStreamNamePrefix.split('/');
  const job = region.jobs[kind].get(name);
  const file = job === undefined ? null : logFile(job);
  // Not when it started: that is not known at first, and a stream has one name for ever.
  const timestamp = Math.ceil(job?.createdAt ?? 0);
  if (file === null || timestamp < startTime) return { events: [], searchedLogStreams: [] };
  const logStreamName = `${name}/algo-1-${Math.floor(timestamp / 1000)}`;
  const { messages, next } = page.startFromHead ? fromHead(file, page) : fromTail(file, page.limit);
  return {
    // When a line was written nobody noted.
    events: messages.map((line) => ({ ...line, logStreamName, timestamp, ingestionTime: timestamp })),
    searchedLogStreams: [],
    ...(next !== null && { nextToken: String(next) }),
  };
}

const groupOf = (kind: JobKind) => `/aws/sagemaker/${kind}Jobs`;

interface Line {
  message: string;
  /** The same whenever it is read. */
  eventId: string;
}

interface Messages {
  messages: Line[];
  /** Where the next page begins. */
  next: number | null;
}

/** Newest first. */
function fromTail(file: string, limit: number): Messages {
  return withFile(file, (read, size) => {
    const from = Math.max(size - pageBytes, 0);
    const lines = linesOf(read(from), from);
    return { messages: lines.slice(-limit).reverse(), next: null };
  });
}

function fromHead(
  file: string,
  { limit, nextToken = '0' }: { limit: number; nextToken?: string | undefined },
): Messages {
  return withFile(file, (read, size) => {
    const from = Math.min(Number(nextToken), size);
    const bytes = read(from);
    const isLast = from + bytes.length >= size;
    const whole = isLast ? bytes.length : bytes.lastIndexOf('\n') + 1;
    let end = whole === 0 ? bytes.length : whole;
    const lines = linesOf(bytes.subarray(0, end), from);
    if (lines.length > limit) {
      end = 0;
      for (let count = 0; count < limit; count += 1) end = bytes.indexOf('\n', end) + 1;
    }
    return { messages: lines.slice(0, limit), next: from + end < size ? from + end : null };
  });
}

function withFile(file: string, use: (read: (from: number) => Buffer, size: number) => Messages): Messages {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const read = (from: number) => {
      const bytes = Buffer.alloc(Math.min(pageBytes, size - from));
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, from));
    };
    return use(read, size);
  } finally {
    closeSync(descriptor);
  }
}

/** A line of the job is an event, or several if it is long. @param from - where the bytes lie in the file. */
function linesOf(bytes: Buffer, from: number): Line[] {
  const text = bytes.toString('utf8');
  if (text === '') return [];
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  let offset = from;
  return lines.flatMap((line) => {
    const at = offset;
    offset += Buffer.byteLength(line) + 1;
    const parts = line.match(new RegExp(`[^]{1,${eventBytes}}`, 'g')) ?? [''];
    // A line that is still being written is another event later.
    return parts.map((message, part) => ({ message, eventId: `${at}-${part}-${message.length}` }));
  });
}
