import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startServer, startWorkerProcess, type Running, type Server } from './stack.ts';

/** A server, a folder of its own, and the workers that are started on it. */
export interface Stage {
  /** A temporary folder: the root of the workers, unless the stage has another one. */
  readonly folder: string;
  /** `SLUICE_HOME` of every worker and command. */
  readonly home: string;
  readonly client: Client;
  readonly address: string;
  /** What a command needs to work on this stage. */
  readonly env: Readonly<Record<string, string>>;
  /** @param program - another one than the built one. */
  startWorker(env?: Record<string, string>, program?: string): Promise<Running>;
  /** Ends the server, by SIGTERM or SIGKILL; what it returns starts one on the same ports and the same database. */
  endServer(how: 'stop' | 'kill'): Promise<() => Promise<void>>;
  /** Stops all that runs and removes the folder. */
  close(): Promise<void>;
}

interface StageOptions {
  root?: string;
  /** More settings of the server, as `key=value`. */
  dynamicConfig?: readonly string[];
}

export async function openStage(name: string, options: StageOptions = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
  const root = options.root ?? folder;
  const home = join(folder, '.sluice');
  const dbFile = join(folder, 'temporal.db');
  const { dynamicConfig = [] } = options;
  let server: Server = await startServer({ dbFile, dynamicConfig });
  const { address, uiUrl } = server;
  const client = new Client({ connection: await Connection.connect({ address }) });
  const workers: Running[] = [];
  return {
    folder,
    home,
    client,
    address,
    env: { TEMPORAL_ADDRESS: address, SLUICE_ROOT: root, SLUICE_HOME: home, SLUICE_SKIP_SETUP: '1' },
    startWorker: async (env, program) => {
      const worker = await startWorkerProcess({
        root,
        address,
        env: { SLUICE_HOME: home, SLUICE_WEBHOOK_ALLOW: '127.0.0.1', ...env },
        ...(program !== undefined && { program }),
      });
      workers.push(worker);
      return worker;
    },
    endServer: async (how) => {
      await server[how]();
      return async () => {
        server = await startServer({ dbFile, dynamicConfig, ports: [portOf(address), portOf(uiUrl)] });
      };
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      await client.connection.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
