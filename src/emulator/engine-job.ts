import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EndedJobState, JobRequest, JobState } from '../core/jobs.ts';
import type { Engine } from '../engines/engine.ts';
import type { Clock } from './clock.ts';
import type { JobPlace, Machine } from './engine-executor.ts';
import { executedModel, executedRequest } from './executed-request.ts';
import type { Model, Report } from './executor.ts';
import { errorReason, failureReason } from './failure-reason.ts';
import { isOver, type Job, type Phase } from './job.ts';
import type { Facts } from './jobs.ts';
import type { DrawnLife } from './script.ts';

export interface EngineJobOptions {
  job: Job;
  report: Report;
  model: Model | null;
  /** What the script and the faults say of this job: waiting, interruptions and failures that are not its own. */
  said: Partial<DrawnLife>;
  clock: Clock;
  machine: Machine;
}

/** One job that a local engine runs. What it came to is told phase by phase; a job that was taken away runs again from its beginning. */
export class EngineJob {
  readonly #options: EngineJobOptions;
  readonly #timers: (() => void)[] = [];
  readonly #interruptions: number[];
  /** What a job that was stopped ends as. Null: nobody asked. */
  #asked: Phase | null = null;
  readonly #stopping = new AbortController();
  /** Of the attempt that is under way. */
  #interruption = new AbortController();
  #place: JobPlace | null = null;
  #ended: () => void = () => undefined;
  /** Resolves when nothing of it is left on this machine. */
  readonly over = new Promise<void>((resolve) => (this.#ended = resolve));

  constructor(options: EngineJobOptions) {
    this.#options = options;
    this.#interruptions = this.#isSpot ? [...(options.said.interruptions ?? [])] : [];
  }

  async run(): Promise<void> {
    try {
      this.#limitWait();
      await this.#wait('Starting', this.#options.said.startingSeconds);
      if (this.#options.said.pendingSeconds) await this.#wait('Pending', this.#options.said.pendingSeconds);
      while (await this.#runOnce()) {
        await this.#wait('Interrupted', this.#options.said.interruptedSeconds);
        if (this.#asked === null) this.#tell(this.#options.said.afterInterruption ?? 'Starting');
      }
    } catch (error) {
      if (!isOver(this.#options.job.view.phase)) this.#end('Failed', { failureReason: errorReason(error) });
    } finally {
      for (const cancel of this.#timers) cancel();
      this.#ended();
    }
  }

  /** The job is Stopping, or nobody wants to know of it any more. */
  stop(as: Phase = 'Stopped'): void {
    this.#asked ??= as;
    this.#stopping.abort();
  }

  /** Of the attempt that is under way, or was the last. Null: it has printed nothing. */
  logFile(): string | null {
    const file = this.#place?.logFile() ?? '';
    return existsSync(file) ? file : null;
  }

  /** @returns false if it has no spot instances now. */
  interrupt(): boolean {
    const { phase } = this.#options.job.view;
    if (!this.#isSpot || (phase !== 'Training' && phase !== 'Downloading')) return false;
    this.#tell('Interrupted');
    this.#interruption.abort();
    return true;
  }

  get #isSpot(): boolean {
    return this.#options.job.input.EnableManagedSpotTraining === true;
  }

  /** @returns whether the job is to run again. */
  async #runOnce(): Promise<boolean> {
    const { job, said, machine, model } = this.#options;
    const isBlamed = (phase: Phase) => said.end === 'Failed' && (said.failAfter ?? 'Training') === phase;
    this.#interruption = new AbortController();
    if (this.#asked !== null) return this.#endStopped(this.#asked);
    if (isBlamed('Starting')) return this.#blame();
    this.#tell('Downloading');
    if (isBlamed('Downloading')) return this.#blame();
    const request = executedRequest(job, machine);
    const body = model === null ? null : executedModel(job.name, model, machine.imageOf);
    const place = (this.#place = machine.open(job, body, () => {
      if (job.view.phase === 'Training') this.#tell('Uploading');
    }));
    try {
      place.engine.check(request, body ?? undefined);
      const state = await this.#seeToItsEnd(place.engine, request, () => {
        this.#tell('Training');
        this.#scheduleInterruption();
        if (isBlamed('Training')) this.stop();
      });
      if (this.#interruption.signal.aborted && !this.#stopping.signal.aborted) return true;
      if (isBlamed('Training') || isBlamed('Uploading')) return this.#blame();
      return this.#conclude(state);
    } finally {
      await place.remove();
    }
  }

  async #seeToItsEnd(engine: Engine, request: JobRequest, onStart: () => void): Promise<JobState> {
    const { job } = this.#options;
    const signal = AbortSignal.any([this.#stopping.signal, this.#interruption.signal]);
    const ref = { engine: engine.name, name: job.name };
    try {
      await engine.ensure(job.name, request, signal);
      if (!signal.aborted) onStart();
    } catch (error) {
      // Whatever came of it is stopped below.
      if (!signal.aborted) throw error;
    }
    const since = performance.now();
    for (let isStopping = false; ;) {
      if (signal.aborted && !isStopping) {
        isStopping = true;
        await engine.stop(ref);
      }
      const state = await engine.describe(ref);
      if (state.status !== 'running') return state;
      const pause = engine.pollIntervalMs(performance.now() - since);
      await sleep(pause, undefined, isStopping ? {} : { signal }).catch(() => undefined);
    }
  }

  #conclude(state: JobState): false {
    switch (state.status) {
      case 'succeeded':
        return this.#complete(state);
      case 'failed':
        if (state.code === 'JobTimedOut') return this.#endStopped('MaxRuntimeExceeded');
        return this.#end('Failed', { failureReason: failureReason(state) });
      case 'stopped':
        return this.#endStopped(this.#asked ?? 'Stopped');
      case 'missing':
      case 'running':
        if (this.#asked !== null) return this.#endStopped(this.#asked);
        return this.#end('Failed', { failureReason: 'InternalServerError: the job is gone' });
    }
  }

  #complete({ exitMessage }: Extract<EndedJobState, { status: 'succeeded' }>): false {
    const { view } = this.#options.job;
    // Without outputs nothing was uploaded.
    if (view.phase === 'Training') this.#tell('Uploading');
    return this.#end('Completed', exitMessage === null ? {} : { exitMessage });
  }

  #endStopped(phase: Phase): false {
    if (this.#options.job.view.phase !== 'Stopping') this.#tell('Stopping');
    return this.#end(phase);
  }

  /** A failure that the emulator was told to make. */
  #blame(): false {
    const failed = this.#options.said.failureReason ?? 'AlgorithmError: , exit code: 1';
    return this.#end('Failed', { failureReason: failed });
  }

  #end(phase: Phase, facts: Facts = {}): false {
    this.#tell(phase, facts);
    return false;
  }

  #tell(phase: Phase, facts: Facts = {}): void {
    this.#options.report(phase, facts);
  }

  /** Waits by the emulator's clock, or until somebody asks the job to stop. */
  async #wait(phase: Phase, seconds = 0): Promise<void> {
    const { job, clock } = this.#options;
    if (this.#asked !== null) return;
    if (job.view.phase !== phase) this.#tell(phase);
    const { signal } = this.#stopping;
    await new Promise<void>((resolve) => {
      this.#timers.push(clock.at(clock.now() + seconds * 1000, resolve));
      signal.addEventListener('abort', () => resolve());
    });
  }

  #scheduleInterruption(): void {
    const { clock } = this.#options;
    const seconds = this.#interruptions.shift();
    if (seconds !== undefined)
      this.#timers.push(clock.at(clock.now() + seconds * 1000, () => void this.interrupt()));
  }

  #limitWait(): void {
    const { job, clock } = this.#options;
    const { MaxWaitTimeInSeconds: wait } = (job.input.StoppingCondition ?? {}) as {
      MaxWaitTimeInSeconds?: number;
    };
    if (wait === undefined) return;
    const stop = () => {
      if (this.#asked !== null) return;
      this.#tell('Stopping');
      this.stop('MaxWaitTimeExceeded');
    };
    this.#timers.push(clock.at(job.createdAt + wait * 1000, stop));
  }
}
