import { printable } from './wording.ts';

/** What a failure code means to the retry policy and to the person who reads it. */
interface ErrorKind {
  retryable: boolean;
  /** What to do about it, one sentence. */
  hint: string;
}

/**
 * Every failure code of Sluice. A code becomes the `type` of the `ApplicationFailure` that Temporal shows.
 * `docs/errors.md` has one section a code; a test compares the two.
 */
export const errorTable = {
  InvalidInput: {
    retryable: false,
    hint: 'Correct the pipeline file or the parameters and start the run again.',
  },
  Unsupported: {
    retryable: false,
    hint: 'Remove the setting, or run the step on an engine that honours it.',
  },
  SpecMismatch: {
    retryable: false,
    hint: 'A job of this name was made from another request; start a new run instead of resuming this one.',
  },
  JobFailed: {
    retryable: false,
    hint: 'Read the log of the step (`sluice logs ID STEP`), mend the script and start a new run.',
  },
  JobStopped: { retryable: false, hint: 'Somebody stopped the job outside the run; start a new run.' },
  JobTimedOut: { retryable: false, hint: 'Raise maxRuntimeSeconds of the step or make the script faster.' },
  JobLost: {
    retryable: false,
    hint: 'The job ended without reporting how: its supervisor was killed or the machine went down. Start a new run.',
  },
  OutputMissing: {
    retryable: false,
    hint: 'Let the script write the file that the pipeline promises, at the path named above.',
  },
  QualityGateRejected: {
    retryable: false,
    hint: 'Improve the model, or change the threshold if it was wrong.',
  },
  QualityGateUndecidable: {
    retryable: false,
    hint: 'Let the evaluation script write the metric as a finite JSON number, once, under the name of the condition.',
  },
  EngineUnavailable: { retryable: true, hint: 'Look at `sluice doctor` on the machine of the worker.' },
  ImageNotFound: {
    retryable: false,
    hint: 'Check the name of the image, that its registry has it and can be reached, or build it on this machine.',
  },
  Throttled: {
    retryable: true,
    hint: 'Nothing: it is tried again more slowly. Ask AWS for a higher rate if it persists.',
  },
  CapacityUnavailable: {
    retryable: false,
    hint: 'AWS has no such instances at the moment: take another instance type or region, or set jobRetries.capacity.',
  },
  QuotaExceeded: {
    retryable: false,
    hint: 'Ask for a higher quota in the Service Quotas console, or take another instance type or fewer instances.',
  },
  CredentialsExpired: {
    retryable: true,
    hint: 'Renew the AWS credentials of the worker (`aws sso login`, a role); the run goes on by itself.',
  },
  JobInterrupted: {
    retryable: false,
    hint: 'AWS took the spot instances back and the job did not end in time: raise spot.maxWaitSeconds, or train without spot.',
  },
  AccessDenied: { retryable: false, hint: 'Give the user of the worker the permission named above.' },
  StorageError: { retryable: true, hint: 'Check that the storage is there, writable and not full.' },
  ServiceUnavailable: { retryable: true, hint: 'Wait, or check the address and the network.' },
  JobInternalError: { retryable: true, hint: 'Look at the log of the worker; report it if it persists.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text);
}

/**
 * The one error class of Sluice. The message says what happened and where; {@link errorTable} says what to do.
 * Whatever the message quotes, it carries no control characters to terminals and logs.
 * Only `activities/failures.ts` turns it into a Temporal failure.
 */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  /** Facts for programs: job name, file, JSON path, exit code. JSON values only. */
  readonly details: Record<string, unknown>;
  /** Of the code, unless who throws it knows that trying again cannot help. */
  readonly retryable: boolean;
  /** When trying again makes sense, if who throws it knows; else the retry policy decides. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      details?: Record<string, unknown>;
      cause?: unknown;
      retryable?: false;
      retryAfterMs?: number;
    } = {},
  ) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? errorTable[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The message with the remedy, as people see it in the Web UI and on the terminal. */
export function withHint(code: ErrorCode, message: string): string {
  return `${message}\n→ ${errorTable[code].hint}`;
}
