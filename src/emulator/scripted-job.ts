import type { Clock } from './clock.ts';
import type { Report } from './executor.ts';
import type { Job, Phase } from './job.ts';
import type { Facts } from './jobs.ts';
import type { DrawnLife } from './script.ts';

interface Limits {
  StoppingCondition?: { MaxRuntimeInSeconds?: number; MaxWaitTimeInSeconds?: number };
  RetryStrategy?: { MaximumRetryAttempts: number };
  EnableManagedSpotTraining?: boolean;
  CheckpointConfig?: unknown;
}

const nothing = () => undefined;

/** One job that is played by the clock: at any time it waits for one thing to come, and spot jobs for their longest wait. */
export class ScriptedJob {
  readonly #job: Job;
  readonly #life: DrawnLife;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #writeOutputs: () => Promise<void>;
  readonly #limits: Limits;
  readonly #interruptions: number[];
  #retriesLeft: number;
  /** Milliseconds of training that are still to do. */
  #trainingLeft: number;
  /** Milliseconds that count against MaxRuntimeInSeconds, without those since `since`. */
  #used = 0;
  #since = 0;
  #cancelNext: () => void = nothing;
  #cancelLongestWait: () => void = nothing;

  /** @param writeOutputs - stores what the script says this job leaves. */
  constructor(job: Job, life: DrawnLife, clock: Clock, report: Report, writeOutputs: () => Promise<void>) {
    this.#job = job;
    this.#life = life;
    this.#clock = clock;
    this.#report = report;
    this.#writeOutputs = writeOutputs;
    this.#limits = job.input;
    this.#interruptions = this.#isSpot ? [...life.interruptions] : [];
    this.#retriesLeft = this.#limits.RetryStrategy?.MaximumRetryAttempts ?? 0;
    this.#trainingLeft = life.runningSeconds * 1000;
  }

  start(): void {
    const wait = this.#limits.StoppingCondition?.MaxWaitTimeInSeconds;
    if (wait !== undefined) {
      const due = this.#job.createdAt + wait * 1000;
      this.#cancelLongestWait = this.#clock.at(due, () => this.#waitedTooLong());
    }
    this.#after(this.#life.startingSeconds, () => {
      if (this.#failsAfter('Starting')) this.#fail();
      else if (this.#life.pendingSeconds > 0) {
        this.#report('Pending');
        this.#after(this.#life.pendingSeconds, () => this.#download());
      } else this.#download();
    });
  }

  stop(): void {
    this.#after(this.#life.stoppingSeconds, () => {
      if (this.#life.onStop === 'Failed') this.#fail();
      else this.#end(this.#life.onStop);
    });
  }

  /** @returns false if it has no spot instances now. */
  interrupt(): boolean {
    const { phase } = this.#job.view;
    if (!this.#isSpot || (phase !== 'Training' && phase !== 'Downloading')) return false;
    this.#loseInstances();
    return true;
  }

  /** Nothing of it happens any more. */
  cancel(): void {
    this.#cancelNext();
    this.#cancelLongestWait();
  }

  get #isSpot(): boolean {
    return this.#limits.EnableManagedSpotTraining === true;
  }

  #after(seconds: number, next: () => void): void {
    this.#cancelNext();
    this.#cancelNext = this.#clock.at(this.#clock.now() + seconds * 1000, next);
  }

  #failsAfter(phase: DrawnLife['failAfter']): boolean {
    return this.#life.end === 'Failed' && this.#life.failAfter === phase;
  }

  #download(): void {
    this.#report('Downloading');
    this.#since = this.#clock.now();
    this.#after(this.#life.downloadingSeconds, () => {
      this.#count();
      if (this.#failsAfter('Downloading')) this.#fail();
      else this.#train();
    });
  }

  #train(): void {
    this.#report('Training');
    this.#since = this.#clock.now();
    const limit = (this.#limits.StoppingCondition?.MaxRuntimeInSeconds ?? Infinity) * 1000 - this.#used;
    const interruption = (this.#interruptions[0] ?? Infinity) * 1000;
    const next = Math.max(Math.min(this.#trainingLeft, limit, interruption), 0);
    this.#after(next / 1000, () => {
      if (next === this.#trainingLeft) this.#finishTraining();
      else if (next === interruption) {
        this.#interruptions.shift();
        this.#loseInstances();
      } else this.#stopAs('MaxRuntimeExceeded');
    });
  }

  #finishTraining(): void {
    const { end, metrics, uploadingSeconds } = this.#life;
    if (this.#failsAfter('Training')) this.#fail();
    else if (end === 'Stopped') this.#stopAs('Stopped');
    else {
      this.#report('Uploading', metrics === undefined ? {} : { metrics });
      this.#after(uploadingSeconds, () => {
        if (this.#failsAfter('Uploading')) this.#fail();
        else this.#complete();
      });
    }
  }

  #complete(): void {
    const { exitMessage, writes } = this.#life;
    const facts = exitMessage === undefined ? {} : { exitMessage };
    if (writes === undefined) this.#end('Completed', facts);
    else {
      this.#writeOutputs().then(
        () => this.#endUploading('Completed', facts),
        (error: unknown) => this.#endUploading('Failed', { failureReason: `ClientError: ${String(error)}` }),
      );
    }
  }

  /** Unless it was stopped meanwhile. */
  #endUploading(phase: Phase, facts: Facts): void {
    if (this.#job.view.phase === 'Uploading') this.#end(phase, facts);
  }

  /** A fault of SageMaker's is tried again as often as RetryStrategy says, from Starting (API reference, RetryStrategy). */
  #fail(): void {
    const failureReason = this.#life.failureReason ?? 'AlgorithmError: , exit code: 1';
    const isRetried = failureReason.startsWith('InternalServerError') && this.#job.view.phase === 'Training';
    if (!isRetried || this.#retriesLeft === 0) {
      this.#end('Failed', { failureReason });
      return;
    }
    this.#retriesLeft -= 1;
    this.#count();
    this.#trainingLeft = this.#life.runningSeconds * 1000;
    this.#report('Starting');
    this.#after(this.#life.startingSeconds, () => this.#download());
  }

  #loseInstances(): void {
    const isTraining = this.#job.view.phase === 'Training';
    const done = this.#count();
    // Without checkpoints the script starts from nothing.
    if (this.#limits.CheckpointConfig === undefined) this.#trainingLeft = this.#life.runningSeconds * 1000;
    else if (isTraining) this.#trainingLeft -= done;
    this.#report('Interrupted');
    this.#after(this.#life.interruptedSeconds, () => {
      this.#report(this.#life.afterInterruption);
      this.#after(this.#life.startingSeconds, () => this.#download());
    });
  }

  /** The time since the last count goes against the maximum run time. */
  #count(): number {
    const milliseconds = this.#clock.now() - this.#since;
    this.#used += milliseconds;
    return milliseconds;
  }

  #waitedTooLong(): void {
    const { phase } = this.#job.view;
    if (phase === 'Stopping') return;
    if (phase === 'Downloading' || phase === 'Training' || phase === 'Uploading')
      this.#stopAs('MaxWaitTimeExceeded');
    else this.#end('MaxWaitTimeExceeded');
  }

  #stopAs(phase: Phase): void {
    this.#report('Stopping');
    this.#after(this.#life.stoppingSeconds, () => this.#end(phase));
  }

  #end(phase: Phase, facts: Facts = {}): void {
    this.cancel();
    this.#report(phase, facts);
  }
}
