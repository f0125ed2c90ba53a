import type { ModelBody } from '../core/jobs.ts';
import type { Engine } from '../engines/engine.ts';
import type { Clock } from './clock.ts';
import { EngineJob } from './engine-job.ts';
import type { Executor } from './executor.ts';
import type { LocalLimits } from './executed-request.ts';
import type { Job } from './job.ts';
import type { Script } from './script.ts';

/** A local engine that no other job uses: it has a folder of its own, so that a name can be used again. */
export interface JobPlace {
  /** With data on S3. */
  engine: Engine;
  /** What the job has printed; a path that may not be there yet. It stays after {@link remove}. */
  logFile(): string;
  /** Removes the rest of the job, which is stopped if it still runs. */
  remove(): Promise<void>;
}

/** Where jobs really run. */
export interface Machine extends LocalLimits {
  /**
   * @param model - of a transform job; the engine finds it by the name of the job.
   * @param onUpload - is called before the first output is stored.
   */
  open(job: Job, model: ModelBody | null, onUpload: () => void): JobPlace;
  close(): Promise<void>;
}

/** Runs jobs for real, in the time that they take: the clock of the emulator must keep pace with the real one. */
export function createEngineExecutor(clock: Clock, script: () => Script, machine: Machine): Executor {
  const running = new Map<Job, EngineJob>();
  const known = new WeakMap<Job, EngineJob>();
  return {
    start(job, report, model, changes) {
      const said = script().saidOf(job, changes);
      const one = new EngineJob({ job, report, model, said, clock, machine });
      running.set(job, one);
      known.set(job, one);
      void one.run().finally(() => running.delete(job));
    },
    stop: (job) => running.get(job)?.stop(),
    interrupt: (job) => running.get(job)?.interrupt() ?? false,
    forget: (job) => running.get(job)?.stop(),
    logFile: (job) => known.get(job)?.logFile() ?? null,
    async close() {
      const left = [...running.values()];
      for (const one of left) one.stop();
      await Promise.all(left.map((one) => one.over));
      await machine.close();
    },
  };
}
