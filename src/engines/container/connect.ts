import { SluiceError } from '../../core/errors.ts';
import { describeAddress, readTlsFiles, type EngineAddress } from './address.ts';
import { createClient, type ContainerClient, type Endpoint } from './client.ts';
import { findEngineAddresses, type ConnectionSettings } from './connection.ts';
import { openSshTunnel, sshCommand } from './ssh-tunnel.ts';

/** An engine that answered, and how a program of another language reaches it. */
export interface EngineConnection {
  client: ContainerClient;
  /** What the supervisor's `api.py` takes. */
  address: Readonly<Record<string, unknown>>;
  /** Where it is and where that was said, for people. */
  found: string;
  /** Ends the tunnel to it, if there is one; the end of this process does, too. */
  close(): Promise<void>;
}

/** Connects once, when it is first needed; an engine that was away is found again by its next call. */
export function createConnector(settings: ConnectionSettings): () => Promise<EngineConnection> {
  let connected: Promise<EngineConnection> | null = null;
  return () => {
    connected ??= connectToEngine(settings).catch((error: unknown) => {
      connected = null;
      throw error;
    });
    return connected;
  };
}

/** Takes the first engine that answers. @throws SluiceError `EngineUnavailable` that says which were asked, and what they said. */
async function connectToEngine(settings: ConnectionSettings): Promise<EngineConnection> {
  const refusals: string[] = [];
  for (const { address, source } of await findEngineAddresses(settings)) {
    const found = `${describeAddress(address)} (${source})`;
    let close = noTunnel;
    try {
      const reached = await reach(address);
      close = () => reached.close();
      const client = await createClient(reached.endpoint);
      await client.ping();
      return { client, address: supervisorAddress(address, settings), found, close };
    } catch (error) {
      await close();
      if (!(error instanceof SluiceError)) throw error;
      refusals.push(`${found}: ${error.message}`);
    }
  }
  const why =
    refusals.length === 0 ? 'there is no socket of one, and DOCKER_HOST is not set' : refusals.join('; ');
  throw new SluiceError('EngineUnavailable', `No container engine answers: ${why}`);
}

const noTunnel = () => Promise.resolve();

async function reach(
  address: EngineAddress,
): Promise<{ endpoint: Endpoint } & Pick<EngineConnection, 'close'>> {
  switch (address.kind) {
    case 'socket':
      return { endpoint: address, close: noTunnel };
    case 'tcp': {
      const tls = address.tls && (await readTlsFiles(address.tls));
      return { endpoint: { ...address, tls }, close: noTunnel };
    }
    case 'ssh': {
      const tunnel = await openSshTunnel(address);
      return { endpoint: { kind: 'socket', path: tunnel.socketPath }, close: () => tunnel.close() };
    }
  }
}

function supervisorAddress(
  address: EngineAddress,
  { sshEnvironment }: ConnectionSettings,
): Readonly<Record<string, unknown>> {
  return address.kind === 'ssh'
    ? { kind: 'ssh', command: sshCommand(address), environment: sshEnvironment }
    : address;
}
