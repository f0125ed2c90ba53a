import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Connection } from '@temporalio/client';
import { SluiceError } from '../core/errors.ts';
import { described, type ConnectOptions, type ServerSettings } from './settings.ts';

/** gRPC status codes. */
const permissionDenied = 7;
const unauthenticated = 16;

/** Why a connection was not made, as far as it can be found out: gRPC itself only says that it gave up. */
export async function explainRefusal(settings: ServerSettings, error: unknown): Promise<SluiceError> {
  const where = described(settings);
  const reason = await probe(settings);
  // A worker's connection tells no status; the other kind does.
  const answer = reason === null && statusOf(error) === undefined ? await ask(settings, error) : error;
  const code = statusOf(answer);
  if (code === permissionDenied || code === unauthenticated) {
    return new SluiceError('AccessDenied', `The Temporal server at ${where} refuses: ${said(answer)}`, {
      cause: error,
    });
  }
  return new SluiceError(
    'ServiceUnavailable',
    `No Temporal server answers at ${where}: ${reason ?? said(answer)}`,
    { cause: error },
  );
}

async function ask({ options }: ServerSettings, error: unknown): Promise<unknown> {
  try {
    const connection = await Connection.connect({ ...options, connectTimeout: 10_000 });
    await connection.close();
    return error;
  } catch (answer) {
    return answer;
  }
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : statusOf(error.cause);
}

function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { details } = (error.cause ?? error) as { details?: string };
  return details ?? error.message;
}

/** What is wrong with a bare connection; null if nothing is. */
async function probe(settings: ServerSettings): Promise<string | null> {
  const at = hostAndPort(settings.address ?? 'localhost:7233');
  const { tls } = settings.options;
  if (tls) {
    const reason = await tryTls(at, tls === true ? {} : tls);
    return reason === wrongVersion ? 'it does not speak TLS, which the settings ask for' : reason;
  }
  const reason = await firstWord(() => connectTcp(at), 'connect');
  if (reason !== null) return reason;
  const spoken = await tryTls(at, {});
  return spoken === wrongVersion || spoken === silence
    ? null
    : 'it speaks TLS, which the settings do not ask for (TEMPORAL_TLS=true, or [profile.….tls])';
}

interface Endpoint {
  host: string;
  port: number;
}

type Tls = Exclude<ConnectOptions['tls'], boolean | null | undefined>;

function tryTls({ host, port }: Endpoint, given: Tls): Promise<string | null> {
  const servername = given.serverNameOverride ?? host;
  const pem = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes));
  const connect = () =>
    connectTls({
      host,
      port,
      // An IP address is no name that TLS could ask for.
      ...(isIP(servername) === 0 && { servername }),
      ALPNProtocols: ['h2'],
      ca: pem(given.serverRootCACertificate),
      cert: pem(given.clientCertPair?.crt),
      key: pem(given.clientCertPair?.key),
    });
  return firstWord(connect, 'secureConnect');
}

/** The code of OpenSSL for an answer that is no TLS. */
const wrongVersion = 'ERR_SSL_WRONG_VERSION_NUMBER';
const silence = 'nothing answers within 5 s';

function firstWord(
  open: () => ReturnType<typeof connectTcp>,
  ready: 'connect' | 'secureConnect',
): Promise<string | null> {
  return new Promise((resolve) => {
    let socket: ReturnType<typeof connectTcp>;
    try {
      socket = open();
    } catch (error) {
      // A key that is none, or not that of the certificate.
      resolve((error as Error).message);
      return;
    }
    const settle = (reason: string | null) => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(5000, () => settle(silence));
    // With TLS 1.3 a server refuses a client certificate only after the handshake.
    socket.once(ready, () => setTimeout(() => settle(null), ready === 'secureConnect' ? 500 : 0));
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      settle(code === wrongVersion ? wrongVersion : message.trim()),
    );
  });
}

function hostAndPort(address: string): Endpoint {
  const [, host = address, port] = /^\[?(.+?)\]?(?::(\d+))?$/.exec(address) ?? [];
  return { host, port: Number(port ?? 7233) };
}
