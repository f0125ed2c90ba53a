import { mkdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import { defaultCodecPort } from '../../codec/server.ts';
import type { Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { serverSettings } from '../../temporal/settings.ts';
import { hostFiles, type HostFiles } from './files.ts';
import { hasLeases, wantsWorker } from './leases.ts';
import { acquireLock, type HeldLock } from './lock.ts';
import { startMark } from './processes.ts';
import { removeRecord, writeRecord, type HostRecord } from './record.ts';
import type { ServerClient } from './server-client.ts';
import { startTemporalServer, type TemporalServer } from './temporal-server.ts';
import { createWorkerOnDemand, type WorkerOnDemand } from './worker-on-demand.ts';

export interface HostOptions {
  config: Config;
  logger: Logger;
  /** Stays until it is told to stop; otherwise it ends when nobody needs it. */
  lasting: boolean;
  /** Told to stop: by Ctrl-C or SIGTERM. */
  stop: AbortSignal;
  /** Clients can come. */
  onReady(record: HostRecord): void;
}

/** Why the host ended. */
export type HostEnd =
  | { kind: 'stopped' | 'unused' }
  /** Another host holds the lock of this `.sluice/`. */
  | { kind: 'taken'; by: HostRecord };

/**
 * Dev server and worker in one process, for one `.sluice/`: at most one at a time, by a lock.
 * @throws if the server or the worker can't be started, or ends by itself.
 */
export async function runHost(options: HostOptions): Promise<HostEnd> {
  const files = hostFiles(options.config.home);
  await mkdir(files.folder, { recursive: true });
  const lock = await acquireLock(files, options.lasting, options.stop);
  if ('address' in lock) return { kind: 'taken', by: lock };
  try {
    return await serve(options, files, lock);
  } finally {
    await lock.release();
  }
}

async function serve(options: HostOptions, files: HostFiles, lock: HeldLock): Promise<HostEnd> {
  const { config, logger } = options;
  if (config.temporalCli === null) {
    throw new SluiceError(
      'EngineUnavailable',
      'There is no Temporal CLI; `npm run setup` fetches it, or set TEMPORAL_CLI_PATH',
    );
  }
  // The server takes as long to start as the modules take to load.
  const clientModule = import('./server-client.ts');
  const needsWorker = () => options.lasting || wantsWorker(files);
  const workerModule = needsWorker() ? import('../../worker.ts') : null;
  workerModule?.catch(() => undefined);
  const { namespace } = serverSettings();
  let client: ServerClient | null = null;
  const server = await startTemporalServer({
    cli: config.temporalCli,
    namespace,
    files,
    lock,
    codecEndpoint: config.encryptionKeys && `http://127.0.0.1:${defaultCodecPort}`,
    answers: async (address) => {
      client = await (await clientModule).connectServer(address, namespace);
      return client !== null;
    },
  });
  const worker = createWorkerOnDemand({
    config,
    logger,
    address: server.address,
    uiUrl: server.uiUrl,
  });
  try {
    if (needsWorker()) await worker.start();
    const record = () => recordOf(options, server, worker.isStarted());
    lock.assertOurs();
    writeRecord(files, record());
    options.onReady(record());
    const parts = { files, lock, server, worker, record, client: client as ServerClient | null };
    return await untilEnd(options, parts);
  } finally {
    if (lock.isOurs()) removeRecord(files);
    await worker.stop();
    (client as ServerClient | null)?.close();
    await server.stop();
  }
}

function recordOf({ config, lasting }: HostOptions, server: TemporalServer, hasWorker: boolean): HostRecord {
  return {
    address: server.address,
    uiUrl: server.uiUrl,
    namespace: serverSettings().namespace,
    taskQueue: config.taskQueue,
    pid: process.pid,
    startMark: startMark(process.pid),
    lasting,
    hasWorker,
    localEngine: config.localEngine,
    isolation: config.isolation,
  };
}

interface Parts {
  files: HostFiles;
  lock: HeldLock;
  server: TemporalServer;
  worker: WorkerOnDemand;
  record: () => HostRecord;
  client: ServerClient | null;
}

/** Until it is told to stop, nobody needs it, or something that it needs ends. */
async function untilEnd({ lasting, stop }: HostOptions, parts: Parts): Promise<HostEnd> {
  const { files, lock, server, worker } = parts;
  const over = new AbortController();
  const stopped = new Promise<HostEnd>((resolve) => {
    const end = () => resolve({ kind: 'stopped' });
    if (stop.aborted) end();
    stop.addEventListener('abort', end);
  });
  const fail = (message: string) => () => {
    throw new Error(message);
  };
  const ends = [
    stopped,
    lock.lost.then((reason) => fail(`Another process took ${files.lock} over: ${reason}`)()),
    server.ended.then(fail(`The Temporal server ended by itself; its log: ${files.serverLog}`)),
    worker.ended.then(fail('The worker ended by itself')),
    ...(lasting ? [] : [untilUnused(parts, over.signal)]),
  ];
  try {
    return await Promise.race(ends);
  } finally {
    over.abort();
    for (const end of ends) end.catch(() => undefined);
  }
}

const lookMs = 200;
const looksPerSecond = 1000 / lookMs;

/** Nobody holds a lease and no run is under way, seen twice in a row, a second apart. Gives a worker to who needs one meanwhile. */
async function untilUnused(parts: Parts, over: AbortSignal): Promise<HostEnd> {
  const { files, lock, worker, record, client } = parts;
  // Without a worker no run goes on, so none is waited for.
  const isNeeded = async () =>
    hasLeases(files) || (worker.isStarted() && ((await client?.hasOpenRuns()) ?? true));
  let idle = 0;
  for (let looks = 1; !over.aborted; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    if (!worker.isStarted() && wantsWorker(files)) {
      await worker.start();
      lock.assertOurs();
      writeRecord(files, record());
    }
    if (looks % looksPerSecond !== 0) continue;
    idle = (await isNeeded()) ? 0 : idle + 1;
    if (idle < 2) continue;
    lock.assertOurs();
    removeRecord(files);
    // Who took a lease before the record went away has read it; who comes later starts a host of its own.
    if (!hasLeases(files)) return { kind: 'unused' };
    idle = 0;
    writeRecord(files, record());
  }
  return { kind: 'stopped' };
}
