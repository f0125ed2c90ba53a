import type { Clock } from './clock.ts';
import type { Executor } from './executor.ts';
import type { Job } from './job.ts';
import type { Script } from './script.ts';
import { ScriptedJob } from './scripted-job.ts';
import { writeOutputs, type WriteObject } from './scripted-outputs.ts';

/** Plays jobs by the clock; nothing runs. @param write - without it, what the script lets jobs write is not written. */
export function createScriptedExecutor(clock: Clock, script: () => Script, write?: WriteObject): Executor {
  const played = new WeakMap<Job, ScriptedJob>();
  return {
    start(job, report, _model, changes) {
      const life = script().lifeOf(job, changes);
      const one = new ScriptedJob(job, life, clock, report, async () => {
        if (write !== undefined) await writeOutputs(job, life.writes, write);
      });
      played.set(job, one);
      one.start();
    },
    stop: (job) => played.get(job)?.stop(),
    interrupt: (job) => played.get(job)?.interrupt() ?? false,
    forget: (job) => played.get(job)?.cancel(),
    logFile: () => null,
    close: () => Promise.resolve(),
  };
}
