import type { ErrorCode } from '../../src/core/errors.ts';
import type { EndedJobState, JobRequest, JobState } from '../../src/core/jobs.ts';
import type { Engine } from '../../src/engines/engine.ts';
import type { ArchiveEntry } from './archives.ts';
import type { Lab } from './lab.ts';

/** Paths and what the files hold. */
export type Files = Record<string, string | Buffer>;

export const targetNames = ['process', 'process, without namespaces', 'container', 'sagemaker'] as const;

/** An engine with the storage around it: all that a case may touch. */
export interface ConformanceTarget {
  name: (typeof targetNames)[number];
  engine: Engine;
  /** The framework image that requests ask for. */
  image: string;
  /** What this target cannot do, each with its reason. An id that is no case's is an error. */
  skip: readonly { caseId: string; reason: string }[];
  /** Stores the files and returns the URI of the folder that they are in. */
  putInput(files: Files): Promise<string>;
  /** A URI at which there is nothing yet. */
  outputUri(name: string): string;
  /** Every file at or below the URI by its path from there; that of a single file is empty. Links count, as their own text. */
  readOutput(uri: string): Promise<Map<string, Buffer>>;
  /** Stores the `model.tar.gz` and returns the name of a model that serves it. */
  createModel(archive: Buffer, environment: Record<string, string>): Promise<string>;
  /** What the job has printed so far. */
  printed(jobName: string): Promise<string>;
}

/** How a job ended, or that the engine refused it. */
export type Outcome = EndedJobState | { status: 'refused'; code: ErrorCode; reason: string };

/** One sentence of SageMaker's contract, and how to see whether it holds. */
export interface ConformanceCase {
  /** Kebab-case, at most 40 characters: it becomes a part of job names. */
  id: string;
  title: string;
  source: string;
  kind: JobRequest['kind'];
  job(lab: Lab): Promise<JobRequest>;
  /** What happens to the job. Without it the job is started and left alone. */
  act?(job: LiveJob, lab: Lab): Promise<void>;
  /** The outcome has at least these fields. */
  ends: Partial<Record<keyof Extract<Outcome, { status: 'failed' }> | 'exitMessage' | 'records', unknown>>;
  verify?(result: Result, lab: Lab): Promise<void> | void;
}

/** A job of a case, by the engine's interface. */
export interface LiveJob {
  name: string;
  request: JobRequest;
  ensure(request?: JobRequest): Promise<void>;
  describe(): Promise<JobState>;
  stop(): Promise<void>;
  /** Waits until the job has printed this. */
  untilPrinted(text: string): Promise<void>;
  ended(): Promise<EndedJobState>;
}

export interface Result {
  job: LiveJob;
  outcome: Outcome;
  /** Of a failed or refused job. */
  reason: string;
  logTail: readonly string[];
  /** From the first `ensure` to the end. */
  seconds: number;
  /** What is at one of the request's output URIs. */
  output(name?: string): Promise<Map<string, string>>;
  /** The entries of `model.tar.gz` or `output.tar.gz`; null if there is no such file. */
  archive(name: 'model.tar.gz' | 'output.tar.gz'): Promise<ArchiveEntry[] | null>;
  /** What the script gave to `report()`. */
  report(): Promise<Record<string, unknown>>;
}
