import type { Entry } from '../../src/emulator/ledger.ts';

/** What the world outside of Sluice has to say when everything is over; nothing of it comes from a worker. */
export interface Evidence {
  /** What was asked of SageMaker, and what its jobs did. */
  ledger: readonly Entry[];
  /** Every version of every model package group, with the run that its metadata names. */
  packages: readonly { group: string; version: number; runId: string }[];
  runs: readonly AuditedRun[];
  /** What the receiver of notifications was told, one entry a delivery. Null: that a run was accepted. */
  notifications: readonly { deduplicationKey: string; code: string | null }[];
  storage: {
    /** Keys of objects below the runs of the pipeline. */
    keys: readonly string[];
    /** Models that were opened: the key, and why it could not be read to its end, if so. */
    models: readonly { key: string; damage: string | null }[];
    /** What was stored under the hash of its content: where, with that hash, and the hash of what lies there. */
    uploads: readonly { key: string; sha256: string }[];
    /** Multipart uploads that were neither completed nor aborted, and the worker that sent their parts, if one did. */
    unfinished: readonly { key: string; parts: number; by: string | null }[];
  };
  /** Calls a second, of SageMaker's time, that one worker may make, and how many at once after a rest. */
  rates: Readonly<Record<keyof typeof budgets, Rate>>;
  /** Seconds of SageMaker in a real one. */
  speed: number;
  /** Names of all workers that there were, as they give them to AWS: each has buckets of its own. */
  workers: readonly string[];
  /** Workers that were ended by SIGKILL: they could not tidy up. */
  killed: ReadonlySet<string>;
  /** The access key of who stopped jobs by hand. */
  operator: string;
  /** The access key of `sluice sweep`, which has to read lists. */
  sweeper: string;
}

/** Which calls share a bucket. */
export const budgets = {
  create: /^Create.*Job$/,
  describe: /^Describe.*Job$/,
  registry: /Model/,
  others: /^(?!(Create|Describe).*Job$)(?!.*Model)/,
};

export interface Rate {
  perSecond: number;
  burst: number;
}

export interface AuditedRun {
  runId: string;
  /** Runs that were reset and that this one goes on for: what they had done is its own. */
  before: readonly string[];
  /** Temporal's word; null: it is still open. */
  status: 'COMPLETED' | 'FAILED' | 'CANCELED' | 'TERMINATED' | null;
  /** In SageMaker's time, ISO 8601. Null: it is still open. */
  closedAt: string | null;
  /** Whether somebody asked for its end: cancelled, terminated or reset it. */
  wasCancelled: boolean;
  /** Of the failure that it ended with. */
  code: string | null;
  metric: number | null;
  threshold: number;
  /** What the scripted report says. Null: no number. */
  reported: number | null;
  /** Jobs that the file allows for each step: one, and as many as `jobRetries` says. */
  jobsAllowed: number;
  /** Steps with a job of SageMaker, if the run comes so far. */
  steps: readonly string[];
  /** What a replay of its history on the code of today says against it. */
  replayProblem: string | null;
}
