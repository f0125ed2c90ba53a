import { readFile } from 'node:fs/promises';
import { SluiceError } from '../../core/errors.ts';
import { quote } from '../../core/wording.ts';
import { reasonOf } from './outside-data.ts';

/** Files rather than their content: whoever outlives this process opens them for itself. */
export interface TlsFiles {
  ca: string | null;
  cert: string | null;
  key: string | null;
  /** False if the server's certificate is not looked at. */
  rejectUnauthorized: boolean;
}

/** Where a container engine listens. */
export type EngineAddress =
  | { kind: 'socket'; path: string }
  | { kind: 'tcp'; host: string; port: number; tls: TlsFiles | null }
  | {
      kind: 'ssh';
      /** `host` or `user@host`, as the command `ssh` takes it. */
      destination: string;
      port: number | null;
      /** The engine's socket over there; null: the one that its Docker CLI finds. */
      remotePath: string | null;
    };

const forms = 'unix:///path, tcp://host:port or ssh://user@host[:port]';

/**
 * Reads an address as the Docker CLI writes it; `tls` is what goes with tcp. @throws SluiceError `InvalidInput` that names
 * where it came from.
 */
export function parseAddress(text: string, source: string, tls: TlsFiles | null): EngineAddress {
  const refuse = (why: string): never => {
    throw new SluiceError(
      'InvalidInput',
      `${source} is not the address of a container engine: ${quote(hidePassword(text))} ${why}; it takes ${forms}`,
    );
  };
  const trimmed = text.trim();
  const [, scheme = 'tcp', rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(trimmed) ?? [];
  if (scheme === 'unix') {
    const path = rest === '' ? '/var/run/docker.sock' : rest;
    return path.startsWith('/') ? { kind: 'socket', path } : refuse('has a path that is not absolute');
  }
  if (scheme !== 'tcp' && scheme !== 'ssh') return refuse(`has the unknown scheme "${scheme}"`);
  // `tcp://:2375` is a port of this machine.
  const host = scheme === 'tcp' && rest.startsWith(':') ? 'localhost' : '';
  return addressOf(parseUrl(`${scheme}://${host}${rest}`) ?? refuse('cannot be read'), tls, refuse);
}

function addressOf(url: URL, tls: TlsFiles | null, refuse: (why: string) => never): EngineAddress {
  if (url.hostname === '') return refuse('has no host');
  if (url.password !== '') return refuse('has a password in it');
  if (url.search !== '' || url.hash !== '') return refuse('has a query or a fragment');
  const port = url.port === '' ? null : Number(url.port);
  if (port === 0) return refuse('has the port 0');
  const path = url.pathname === '/' ? '' : url.pathname;
  // `URL` keeps the brackets of IPv6, sockets and ssh want none.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'tcp:') {
    if (path !== '' || url.username !== '') return refuse('has more than host and port');
    return { kind: 'tcp', host, port: port ?? (tls === null ? 2375 : 2376), tls };
  }
  const user = decoded(url.username) ?? refuse('has a user that cannot be read');
  const remotePath = decoded(path) ?? refuse('has a path that cannot be read');
  // `ssh` would take it for an option.
  if (`${user}${host}`.startsWith('-')) return refuse('starts with a hyphen');
  return {
    kind: 'ssh',
    destination: user === '' ? host : `${user}@${host}`,
    port,
    remotePath: remotePath === '' ? null : remotePath,
  };
}

/** The address in the words of `DOCKER_HOST`, for people. */
export function describeAddress(address: EngineAddress): string {
  switch (address.kind) {
    case 'socket':
      return `unix://${address.path}`;
    case 'tcp': {
      const host = address.host.includes(':') ? `[${address.host}]` : address.host;
      return `tcp://${host}:${address.port}${address.tls === null ? '' : ' (TLS)'}`;
    }
    case 'ssh': {
      const port = address.port === null ? '' : `:${address.port}`;
      return `ssh://${address.destination}${port}${address.remotePath ?? ''}`;
    }
  }
}

/** The content of the files, as `node:https` and `node:tls` take it. @throws SluiceError `InvalidInput` that names the file. */
export async function readTlsFiles({ ca, cert, key, rejectUnauthorized }: TlsFiles): Promise<{
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  rejectUnauthorized: boolean;
}> {
  const read = async (file: string): Promise<Buffer> => {
    try {
      return await readFile(file);
    } catch (error) {
      throw new SluiceError('InvalidInput', `The TLS file ${file} cannot be read (${reasonOf(error)})`);
    }
  };
  return {
    ...(ca === null ? {} : { ca: await read(ca) }),
    ...(cert === null ? {} : { cert: await read(cert) }),
    ...(key === null ? {} : { key: await read(key) }),
    rejectUnauthorized,
  };
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function hidePassword(text: string): string {
  return text.replace(/:[^/:@]*@/, ':…@');
}
