import type { RunningWorker, WorkerOptions } from '../../worker.ts';

/** The worker of a host, which is started when somebody needs it. */
export interface WorkerOnDemand {
  start(): Promise<void>;
  isStarted(): boolean;
  /** Resolves or rejects when the worker has ended by itself. */
  ended: Promise<void>;
  /** Jobs are left running for the next one. */
  stop(): Promise<void>;
}

export function createWorkerOnDemand(options: WorkerOptions): WorkerOnDemand {
  let worker: RunningWorker | null = null;
  let tellEnd: (end: Promise<void>) => void = () => undefined;
  const ended = new Promise<void>((resolve) => (tellEnd = resolve));
  ended.catch(() => undefined);
  return {
    async start() {
      const { startWorker } = await import('../../worker.ts');
      worker = await startWorker(options);
      tellEnd(worker.ended);
    },
    isStarted: () => worker !== null,
    ended,
    async stop() {
      worker?.shutdown();
      await worker?.ended.catch(() => undefined);
    },
  };
}
