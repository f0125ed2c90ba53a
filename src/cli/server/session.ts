import { Client, Connection } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { cloudUi, runPage as pageOf } from '../../core/web-ui.ts';
import type { Tell } from '../output.ts';
import { hostFiles } from '../host/files.ts';
import { runningHost, type HostRecord } from '../host/record.ts';
import { configuredServer, namespace, type ConnectOptions } from './configured.ts';
import { joinHost } from './join-host.ts';

/** The Temporal server in use, and how it was found. */
export interface ServerInfo {
  /** `configured`: by TEMPORAL_ADDRESS or profile. `embedded`: ends by itself when nobody needs it. */
  kind: 'configured' | 'dev' | 'embedded';
  address: string;
  namespace: string;
  /** Null where it can't be known. */
  uiUrl: string | null;
}

export interface Session {
  readonly server: ServerInfo;
  readonly client: Client;
  /** False when the host that was joined is gone: another program's server may have got its address. */
  isCurrent(): boolean;
  close(): Promise<void>;
}

/** Whether runs go on when this command ends. */
export const isLasting = (server: ServerInfo) => server.kind !== 'embedded';

/** The server that a command would use, without starting one; null if one would have to be started. */
export function findServer(config: Config): ServerInfo | null {
  const running = runningHost(hostFiles(config.home));
  const configured = configuredServer();
  if (configured === null) return running && infoOf(running);
  const found = running?.address === configured.address ? running.uiUrl : cloudUi(configured.address);
  return {
    kind: 'configured',
    address: configured.address,
    namespace: namespace(),
    uiUrl: config.uiUrl ?? found,
  };
}

/**
 * Connects to the configured server, else to the host of this `.sluice/`, which is started if there is none.
 * @throws SluiceError `ServiceUnavailable` or `EngineUnavailable`.
 */
export async function openSession(config: Config, tell: Tell): Promise<Session> {
  const configured = configuredServer();
  const server = findServer(config);
  if (configured !== null && server !== null) {
    return sessionOf(server, await connect(configured.options, configured.source), () => true);
  }
  return joinHost(config, tell, async (record) => {
    const connection = await Connection.connect({ address: record.address, connectTimeout: 2000 });
    const isCurrent = () => runningHost(hostFiles(config.home))?.pid === record.pid;
    return sessionOf(infoOf(record), connection, isCurrent);
  });
}

/** A session with a server that is there; null instead of starting one. */
export async function findSession(config: Config): Promise<Session | null> {
  return findServer(config) === null ? null : openSession(config, () => undefined);
}

function infoOf({ lasting, address, namespace, uiUrl }: HostRecord): ServerInfo {
  return { kind: lasting ? 'dev' : 'embedded', address, namespace, uiUrl };
}

function sessionOf(server: ServerInfo, connection: Connection, isCurrent: () => boolean): Session {
  const client = new Client({ connection, namespace: server.namespace });
  return { server, client, isCurrent, close: () => connection.close() };
}

async function connect(options: ConnectOptions, source: string): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: 10_000 });
  } catch (error) {
    throw new SluiceError(
      'ServiceUnavailable',
      `No Temporal server answers at ${options.address ?? ''} (from ${source}): ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** The page of a run in the Web UI. */
export function runPage(
  { uiUrl, namespace: name }: ServerInfo,
  workflowId: string,
  runId: string,
): string | null {
  if (uiUrl === null) return null;
  return pageOf(uiUrl, name, workflowId, runId);
}
