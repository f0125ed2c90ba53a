import { closeSync, openSync, writeSync } from 'node:fs';
import type { JobKind } from './arn.ts';
import type { Service } from './signature.ts';

interface Common {
  /** 1, 2, 3 …: the order in which things happened. */
  seq: number;
  /** The emulator's time, ISO 8601. */
  time: string;
}

/** One call and what came of it. */
export interface RequestEntry extends Common {
  event: 'request';
  service: Service;
  operation: string;
  /** The name of the job, model, group or package that it was about. */
  name: string | null;
  input: unknown;
  region: string;
  accessKey: string | null;
  /** What the caller says that it is, its `AWS_SDK_UA_APP_ID` included: workers with the same credentials are told apart by it. */
  userAgent: string | null;
  requestId: string;
  /** What was sent back. Null: nothing, the connection was dropped. */
  status: number | null;
  error: { code: string; message: string } | null;
  /** Whether something was made or changed, whatever was sent back. */
  committed: boolean;
  /** Kinds of the faults that this call met. */
  faults: readonly string[];
  /** The real time, in milliseconds since 1970. */
  realTime: number;
  /**
   * When the caller signed it, by its own real clock, to the second: rates of calls are measured by it, however long they were on
   * their way. Null: it had no signature.
   */
  signedAt: string | null;
}

/** A job came into a state. */
export interface TransitionEntry extends Common {
  event: 'transition';
  kind: JobKind;
  name: string;
  region: string;
  status: string;
  /** Of jobs that are no training jobs too, though AWS does not show it there. */
  secondaryStatus: string;
  reason: string | null;
}

/** Somebody changed the emulator itself. */
export interface AdminEntry extends Common {
  event: 'admin';
  action: string;
  detail: unknown;
}

export type Entry = RequestEntry | TransitionEntry | AdminEntry;
type NewEntry = Entry extends infer One ? (One extends Entry ? Omit<One, 'seq' | 'time'> : never) : never;

/** Everything that was asked and that happened, in order; only ever appended to. */
export interface Ledger {
  write(entry: NewEntry): void;
  /** Entries after that number. */
  since(seq?: number): readonly Entry[];
  readonly size: number;
  close(): void;
}

/** @param now - the emulator's time. @param file - where each entry is appended as a line of JSON as well. */
export function createLedger(now: () => number, file?: string): Ledger {
  const entries: Entry[] = [];
  const descriptor = file === undefined ? undefined : openSync(file, 'a');
  return {
    write(entry) {
      const whole = { seq: entries.length + 1, time: new Date(now()).toISOString(), ...entry };
      entries.push(whole);
      // At once, so that the ledger of a killed emulator is whole.
      if (descriptor !== undefined) writeSync(descriptor, `${JSON.stringify(whole)}\n`);
    },
    get size() {
      return entries.length;
    },
    since: (seq = 0) => entries.slice(Math.max(seq, 0)),
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}
