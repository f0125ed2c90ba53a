import { readConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import { installTelemetry } from '../telemetry.ts';
import { startWorker, type RunningWorker } from '../worker.ts';
import { serveHealth } from './health.ts';
import { hostFiles } from './host/files.ts';
import { onInterrupt } from './interrupts.ts';
import { configuredServer } from '../temporal/settings.ts';
import { runningHost } from './host/record.ts';

/** A worker until SIGTERM or Ctrl-C. Jobs are left running for the next one. */
export async function workerCommand(): Promise<number> {
  const config = readConfig();
  const logger = createLogger(config);
  installTelemetry(config, logger);
  const stop = new AbortController();
  onInterrupt(() => stop.abort());
  // Without an address of its own it serves the dev server of this root.
  const host = configuredServer() ? null : runningHost(hostFiles(config.home));
  const server = host && { address: host.address, uiUrl: host.uiUrl };
  let worker: RunningWorker | null = null;
  if (config.healthAddress !== null) await serveHealth(config.healthAddress, () => worker);
  const started = await startWorker({ config, logger, ...server });
  worker = started;
  const shutDown = () => {
    logger.info({}, 'worker stops; its jobs go on for the next one');
    started.shutdown();
  };
  stop.signal.addEventListener('abort', shutDown);
  // The signal may have come while it was starting.
  if (stop.signal.aborted) shutDown();
  await started.ended;
  return 0;
}
