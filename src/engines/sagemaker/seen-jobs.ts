import { visibleAfterMs } from '../../core/closely.ts';
import type { JobRequest } from '../../core/jobs.ts';
import type { Clock } from './clock.ts';
import type { Description } from './descriptions.ts';

const freshForMs = 5_000;

/** What this worker knows of a job beyond what SageMaker says. Another worker, without it, does the same with a few more calls. */
export interface SeenJob {
  readonly maxRuntimeSeconds: number;
  /** When a request to make it was last sent that may have been heard, by whomever; by the clock. -Infinity: never. */
  readonly sentAt: number;
  /** It was made, or it may have been: from now on it appears within a minute. */
  sent(): void;
  /** SageMaker takes no such job, and has none. */
  refused(): void;
  readonly isRefused: boolean;
  /** Whether "not found" may be a lie. */
  mayAppear(): boolean;
  /** What was just learnt of it, for the next look. */
  tell(job: Description): void;
  takeNews(): Description | null;
}

export interface SeenJobs {
  get(name: string): SeenJob | undefined;
  /** @param isFirst - nobody has asked for the job before. Otherwise somebody may have, until now, and have died since. */
  remember(name: string, job: JobRequest, isFirst: boolean): SeenJob;
  forget(name: string): void;
}

export function createSeenJobs(clock: Clock): SeenJobs {
  const jobs = new Map<string, SeenJob>();
  return {
    get: (name) => jobs.get(name),
    remember(name, { local }, isFirst) {
      // Another attempt knows what became of the requests of the last one as little as that did.
      const sentAt = isFirst ? jobs.get(name)?.sentAt : clock.now();
      const job = createSeenJob(local.maxRuntimeSeconds, clock, sentAt);
      jobs.set(name, job);
      return job;
    },
    forget: (name) => void jobs.delete(name),
  };
}

function createSeenJob(maxRuntimeSeconds: number, clock: Clock, sentAt = -Infinity): SeenJob {
  let isRefused = false;
  let news: { job: Description; at: number } | null = null;
  return {
    maxRuntimeSeconds,
    get sentAt() {
      return sentAt;
    },
    sent: () => void (sentAt = clock.now()),
    refused: () => void (isRefused = true),
    get isRefused() {
      return isRefused;
    },
    mayAppear: () => clock.now() - sentAt < visibleAfterMs,
    tell: (job) => void (news = { job, at: clock.now() }),
    takeNews() {
      const last = news;
      news = null;
      return last !== null && clock.now() - last.at < freshForMs ? last.job : null;
    },
  };
}
