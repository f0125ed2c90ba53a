import { existsSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { loadDataConverter } from '../../data-converter.ts';
import { cloudUi, runPage as pageOf } from '../../core/web-ui.ts';
import type { Tell } from '../output.ts';
import { hostFiles } from '../host/files.ts';
import type { Needs } from '../host/leases.ts';
import { runningHost, type HostRecord } from '../host/record.ts';
import { explainRefusal } from '../../temporal/refusals.ts';
import { configuredServer, type ConfiguredServer } from '../../temporal/settings.ts';
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
    namespace: configured.namespace,
    uiUrl: config.uiUrl ?? found,
  };
}

/** False if there has never been a server whose history could be asked. */
export const hasHistory = (config: Config) =>
  findServer(config) !== null || existsSync(hostFiles(config.home).database);

/**
 * Connects to the configured server, else to the host of this `.sluice/`, which is started if there is none.
 * @param needs - `server`: only to look at runs, which do not go on by that.
 * @throws SluiceError `ServiceUnavailable` or `EngineUnavailable`.
 */
export async function openSession(config: Config, needs: Needs, tell: Tell): Promise<Session> {
  const configured = configuredServer();
  const server = findServer(config);
  const dataConverter = await loadDataConverter(config);
  const sessionOf = (info: ServerInfo, connection: Connection, isCurrent: () => boolean): Session => {
    const client = new Client({ connection, namespace: info.namespace, dataConverter });
    return { server: info, client, isCurrent, close: () => connection.close() };
  };
  if (configured !== null && server !== null) {
    return sessionOf(server, await connect(configured), () => true);
  }
  return joinHost(config, needs, tell, async (record) => {
    const connection = await Connection.connect({ address: record.address, connectTimeout: 2000 });
    const isCurrent = () => runningHost(hostFiles(config.home))?.pid === record.pid;
    return sessionOf(infoOf(record), connection, isCurrent);
  });
}

/** A session with a server that is there; null instead of starting one. */
export async function findSession(config: Config): Promise<Session | null> {
  return findServer(config) === null ? null : openSession(config, 'server', () => undefined);
}

function infoOf({ lasting, address, namespace, uiUrl }: HostRecord): ServerInfo {
  return { kind: lasting ? 'dev' : 'embedded', address, namespace, uiUrl };
}

async function connect(configured: ConfiguredServer): Promise<Connection> {
  try {
    return await Connection.connect({ ...configured.options, connectTimeout: 10_000 });
  } catch (error) {
    throw await explainRefusal(configured, error);
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
