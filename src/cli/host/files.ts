import { join } from 'node:path';

/** The files of the host of one `.sluice/`: the process with the dev server and the worker. */
export interface HostFiles {
  folder: string;
  /** Held by the host as long as it lives. */
  lock: string;
  /** Which process holds it. */
  holder: string;
  /** Where the host is; there while it takes clients. */
  record: string;
  /** Process id of the Temporal server. */
  serverPid: string;
  serverLog: string;
  /** What a host without a terminal has to say. */
  hostLog: string;
  database: string;
  /** One file a client that needs the host. */
  leases: string;
}

export function hostFiles(home: string): HostFiles {
  const folder = join(home, 'dev');
  return {
    folder,
    lock: join(folder, 'lock'),
    holder: join(folder, 'holder'),
    record: join(folder, 'server.json'),
    serverPid: join(folder, 'temporal.pid'),
    serverLog: join(folder, 'temporal.log'),
    hostLog: join(folder, 'host.log'),
    database: join(folder, 'temporal.db'),
    leases: join(folder, 'leases'),
  };
}
