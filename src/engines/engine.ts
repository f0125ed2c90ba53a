import type { JobRef, JobRequest, JobState, ModelBody } from '../core/jobs.ts';

/**
 * Where jobs run. A job is known by its name alone: any worker can adopt, describe and stop what another one made.
 */
export interface Engine {
  readonly name: 'process' | 'container' | 'sagemaker';
  /**
   * Says before anything runs why this engine cannot honour the request (`Unsupported`), else returns.
   * @param model - of a transform job, if it is known yet.
   */
  check(job: JobRequest, model?: ModelBody): void;
  /**
   * Creates the job, or adopts the one of that name.
   * @param tell - hears what is being done meanwhile, "pulling …" say.
   * @param isFirst - nobody has asked for this job before: what this call does not make is not there. Default: somebody may have.
   * @throws SluiceError `SpecMismatch` if that one was made from another request.
   */
  ensure(
    name: string,
    job: JobRequest,
    signal: AbortSignal,
    tell?: (phase: string) => void,
    isFirst?: boolean,
  ): Promise<EnsuredJob>;
  describe(ref: JobRef, signal?: AbortSignal): Promise<JobState>;
  /** Asks it to stop and returns at once; no error if it is over or was never made. */
  stop(ref: JobRef): Promise<void>;
  /**
   * Milliseconds until the next `describe`, for a job that was created or adopted so long ago.
   * @param remainingMs - of its maximum run time, if it has started; negative when that is over.
   */
  pollIntervalMs(elapsedMs: number, remainingMs?: number): number;
  /** Hears from now on what makes it worth while to describe the job before that. An engine that hears nothing has none. */
  listen?(ref: JobRef): JobNews;
}

export interface JobNews {
  /** Resolves when something may have changed since the last call; perhaps never. Another look is never wrong. */
  next(): Promise<void>;
  close(): void;
}

/** A job that is there. */
export interface EnsuredJob extends JobRef {
  /** It was there before, made by an earlier attempt, perhaps of another worker. */
  adopted: boolean;
}

/** A job of this machine, of a run that may be over. */
export interface LocalJob {
  name: string;
  /** `prepared`: not started yet. `lost`: started, and ended without a word. */
  state: 'prepared' | 'running' | 'ended' | 'lost';
  /** Of the request: whose job it is. None if the request is damaged. */
  tags: Readonly<Record<string, string>>;
  createdAt: Date;
}

/** An engine whose jobs leave something on this machine. */
export interface LocalEngine extends Engine {
  /** The jobs that left something here, by name. */
  list(): Promise<LocalJob[]>;
  /** Removes a job that is over, and all that it left. @returns false, and does nothing, if it is still running. */
  remove(name: string): Promise<boolean>;
}
