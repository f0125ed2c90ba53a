import { jobKinds } from './arn.ts';
import { createClock, type Clock } from './clock.ts';
import type { Executor, Report } from './executor.ts';
import { createFaults, type Faults } from './faults.ts';
import type { EmulatorFile } from './file.ts';
import { statusOf, type Job } from './job.ts';
import { moveJob } from './jobs.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { matches } from './pattern.ts';
import { createScript, type Script, type ScriptFile } from './script.ts';
import { createStore, type Store } from './store.ts';

export interface EmulatorOptions {
  file?: EmulatorFile;
  /** Twelve digits; default 123456789012. */
  accountId?: string;
  /** Emulated seconds in a real one; 0: the time stands still until it is advanced. Default 1. */
  speed?: number;
  /** The time to begin at, milliseconds since 1970. Default: now. */
  start?: number;
  /** A file that the ledger is appended to. */
  ledgerFile?: string;
  /** Who runs the jobs. */
  executor: (clock: Clock, script: () => Script) => Executor;
}

/** The parts of a running emulator. */
export interface Emulator {
  readonly clock: Clock;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly executor: Executor;
  readonly accountId: string;
  readonly script: () => Script;
  setScript(file: ScriptFile): void;
  readonly reportOf: (job: Job) => Report;
  /** Jobs whose names match, in every region. */
  find(pattern: string): Job[];
  /** Makes a job as if it had never been. */
  forget(job: Job): void;
  close(): Promise<void>;
}

export function createEmulator(options: EmulatorOptions): Emulator {
  const { limits = [], faults: faultList = [], ...scriptFile } = options.file ?? {};
  const accountId = options.accountId ?? '123456789012';
  const clock = createClock({
    ...(options.start !== undefined && { start: options.start }),
    ...(options.speed !== undefined && { speed: options.speed }),
  });
  const store = createStore(accountId);
  const ledger = createLedger(() => clock.now(), options.ledgerFile);
  let script = createScript(scriptFile);
  const faults = createFaults(clock, script.seed);
  faults.setLimits(limits);
  for (const fault of faultList) faults.add(fault);
  const executor = options.executor(clock, () => script);
  const forgotten = new WeakSet<Job>();

  return {
    clock,
    store,
    ledger,
    faults,
    executor,
    accountId,
    script: () => script,
    setScript: (file) => void (script = createScript(file)),
    reportOf: (job) => (phase, facts) => {
      if (forgotten.has(job)) return;
      moveJob(job, phase, clock.now(), facts);
      const { kind, name, region, view } = job;
      ledger.write({
        event: 'transition',
        kind,
        name,
        region,
        status: statusOf(phase),
        secondaryStatus: phase,
        reason: view.failureReason,
      });
    },
    find: (pattern) =>
      store
        .regions()
        .flatMap(({ jobs }) => jobKinds.flatMap((kind) => jobs[kind].all()))
        .filter(({ name }) => matches(pattern, name)),
    forget(job) {
      forgotten.add(job);
      const region = store.region(job.region);
      region.jobs[job.kind].delete(job.name);
      region.tags.delete(job.arn);
      region.hidden.delete(job.arn);
      executor.forget(job);
    },
    async close() {
      clock.close();
      await executor.close();
      ledger.close();
    },
  };
}
