import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { parseAddress, type EngineAddress, type TlsFiles } from './address.ts';
import { readContext } from './contexts.ts';
import { readDockerConfig } from './docker-config.ts';

/** Where the engine is, in the variables of the Docker CLI. Whether it makes sense is asked when it is used. */
export interface ConnectionSettings {
  host: string | null;
  context: string | null;
  /** With `config.json` and `contexts/`. */
  configFolder: string;
  /** TLS without a check of the server's certificate. */
  tls: boolean;
  tlsVerify: boolean;
  /** With `ca.pem`, `cert.pem` and `key.pem`. */
  certFolder: string;
  /** Where engines of this user have their sockets. Null where there is no such thing. */
  runtimeFolder: string | null;
  homeFolder: string;
  /** What whoever outlives this process gives its `ssh`. */
  sshEnvironment: Readonly<Record<string, string>>;
}

export interface FoundAddress {
  address: EngineAddress;
  /** Where the address came from, for people. */
  source: string;
}

/**
 * Where a container engine may be, best first: the one that the Docker CLI would take if the user named any, else every
 * socket that is there. Empty if there is none. Asks no engine. @throws SluiceError `InvalidInput` if what the user named makes
 * no sense: that somebody else's engine runs the job instead would be worse.
 */
export async function findEngineAddresses(
  settings: ConnectionSettings,
  systemSockets: readonly string[] = ['/var/run/docker.sock', '/run/podman/podman.sock'],
): Promise<FoundAddress[]> {
  if (settings.host !== null) {
    const tls = isTcp(settings.host) ? await tlsOfEnvironment(settings) : null;
    return [{ address: parseAddress(settings.host, 'DOCKER_HOST', tls), source: 'DOCKER_HOST' }];
  }
  const named = await namedContext(settings);
  if (named !== null) {
    const { name, source } = named;
    const address = await readContext(settings.configFolder, name, source);
    return [{ address, source: `context "${name}" of ${source}` }];
  }
  return defaultSockets(settings, systemSockets);
}

async function namedContext({
  context,
  configFolder,
}: ConnectionSettings): Promise<{ name: string; source: string } | null> {
  // The Docker CLI has no file for this one: it is what there is without contexts.
  const unlessDefault = (name: string | null, source: string) =>
    name === null || name === 'default' ? null : { name, source };
  if (context !== null) return unlessDefault(context, 'DOCKER_CONTEXT');
  const { currentContext, file } = await readDockerConfig(configFolder);
  return unlessDefault(currentContext, `currentContext in ${file}`);
}

async function defaultSockets(
  { runtimeFolder, homeFolder }: ConnectionSettings,
  [docker, podman]: readonly string[],
): Promise<FoundAddress[]> {
  const ofUser = (name: string) => (runtimeFolder === null ? undefined : join(runtimeFolder, name));
  const candidates: [string | undefined, string][] = [
    [docker, "Docker's socket"],
    [ofUser('docker.sock'), 'socket of rootless Docker'],
    [join(homeFolder, '.docker', 'run', 'docker.sock'), 'socket of Docker Desktop'],
    [ofUser('podman/podman.sock'), 'socket of rootless Podman'],
    [podman, "Podman's socket"],
  ];
  const found: FoundAddress[] = [];
  for (const [path, source] of candidates) {
    if (path !== undefined && (await isSocket(path)))
      found.push({ address: { kind: 'socket', path }, source });
  }
  return found;
}

function isTcp(host: string): boolean {
  return !host.includes('://') || host.trim().startsWith('tcp://');
}

async function tlsOfEnvironment(settings: ConnectionSettings): Promise<TlsFiles | null> {
  const { certFolder, tls, tlsVerify } = settings;
  if (!tls && !tlsVerify) return null;
  const what = `DOCKER_TLS_VERIFY and DOCKER_CERT_PATH: ${certFolder}`;
  const present = async (name: string) => {
    const file = join(certFolder, name);
    return (await isReadable(file)) ? file : null;
  };
  const ca = tlsVerify ? await present('ca.pem') : null;
  const [cert, key] = [await present('cert.pem'), await present('key.pem')];
  if (tlsVerify && ca === null) throw new SluiceError('InvalidInput', `${what} has no readable ca.pem`);
  if ((cert === null) !== (key === null)) {
    throw new SluiceError('InvalidInput', `${what} has only one of cert.pem and key.pem that can be read`);
  }
  return { ca, cert, key, rejectUnauthorized: tlsVerify };
}

const isReadable = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const isSocket = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
