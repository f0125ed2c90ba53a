import { statSync, truncateSync } from 'node:fs';
import { readConfig, type Config } from '../config.ts';
import { createLogger } from '../logger.ts';
import { installTelemetry } from '../telemetry.ts';
import { plainError } from './errors.ts';
import { hostFiles } from './host/files.ts';
import { runHost } from './host/host.ts';
import type { HostRecord } from './host/record.ts';
import { onInterrupt } from './interrupts.ts';
import { print, say } from './output.ts';

/** Dev server, Web UI and worker until Ctrl-C; for `sluice run`, as long as somebody needs them. */
export async function devCommand({ whileUsed }: { whileUsed?: true }): Promise<number> {
  const lasting = whileUsed !== true;
  // A run of this moment has no port of its own.
  const config = lasting ? readConfig() : { ...readConfig(), metricsAddress: null };
  if (!lasting) shortenLog(hostFiles(config.home).hostLog);
  const logger = createLogger(config);
  installTelemetry(config, logger);
  const stop = new AbortController();
  onInterrupt(() => {
    if (lasting)
      say('Stopping worker and server; jobs go on for the next worker. (Ctrl-C again leaves at once.)');
    stop.abort();
  });
  const onReady = (record: HostRecord) => {
    if (lasting) announce(config, record);
  };
  try {
    const end = await runHost({ config, logger, lasting, stop: stop.signal, onReady });
    if (end.kind !== 'taken') return 0;
    // Another client's host was quicker, which is just as good.
    if (!lasting) return 0;
    throw plainError(whoHasIt(config, end.by));
  } catch (error) {
    if (stop.signal.aborted && (error as Error).name === 'AbortError') return 0;
    throw error;
  }
}

function announce({ taskQueue, home }: Config, { address, uiUrl }: HostRecord): void {
  print(
    [
      `Temporal    ${address}`,
      `Web UI      ${uiUrl}`,
      `Task queue  ${taskQueue}`,
      `History     ${hostFiles(home).database}`,
      '',
      'Start a run in another terminal:',
      '  npx --no sluice run examples/abalone/pipeline.json',
      'Ctrl-C ends server and worker.',
    ].join('\n'),
  );
}

function whoHasIt({ home }: Config, { lasting, pid, address, uiUrl }: HostRecord): string {
  const where = `Temporal at ${address}, Web UI ${uiUrl}, process ${pid}`;
  return lasting
    ? `\`sluice dev\` runs already for ${home}: ${where}`
    : `A run has started a server of its own for ${home} (${where}); it ends with the last open run, then \`sluice dev\` can start`;
}

/** It grows by a few lines a run. */
function shortenLog(path: string): void {
  try {
    if (statSync(path).size > 5_000_000) truncateSync(path);
  } catch {
    // There is none yet.
  }
}
