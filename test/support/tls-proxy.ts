import { readFileSync } from 'node:fs';
import { connect, createSecureServer, constants, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

export interface TlsProxy {
  /** `127.0.0.1:<port>`. */
  address: string;
  /** What each request carried, newest last. */
  requests: { path: string; authorization: string | undefined; hasClientCertificate: boolean }[];
  close(): Promise<void>;
}

interface Options {
  /** `host:port` of a gRPC server without TLS. */
  target: string;
  cert: string;
  key: string;
  /** Clients must have a certificate of this authority. */
  clientAuthority?: string;
  /** Clients must send this key; others are answered as Temporal Cloud does. */
  apiKey?: string;
}

/** Ends TLS before a Temporal server that has none, as a load balancer does. */
export async function startTlsProxy(options: Options): Promise<TlsProxy> {
  const requests: TlsProxy['requests'] = [];
  const upstream = connect(`http://${options.target}`);
  const server = createSecureServer({
    cert: readFileSync(options.cert),
    key: readFileSync(options.key),
    ...(options.clientAuthority !== undefined && {
      requestCert: true,
      rejectUnauthorized: true,
      ca: readFileSync(options.clientAuthority),
    }),
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    const { authorization, ':path': path = '' } = headers;
    const socket = stream.session?.socket as { getPeerCertificate?(): object } | undefined;
    const certificate = socket?.getPeerCertificate?.() ?? {};
    requests.push({ path, authorization, hasClientCertificate: Object.keys(certificate).length > 0 });
    if (options.apiKey !== undefined && authorization !== `Bearer ${options.apiKey}`) refuse(stream);
    else forward(stream, upstream.request({ ...headers, ':scheme': 'http' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        for (const session of sessions) session.destroy();
        upstream.destroy();
        server.close(() => resolve());
      }),
  };
}

function refuse(stream: ServerHttp2Stream): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'bad key' },
    { endStream: true },
  );
}

function forward(
  stream: ServerHttp2Stream,
  request: ReturnType<ReturnType<typeof connect>['request']>,
): void {
  let trailers = {};
  request.on('response', (headers, flags) => {
    if (stream.destroyed) return;
    // An error without a body is one frame.
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) stream.respond(headers, { endStream: true });
    else {
      stream.respond(headers, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    }
  });
  request.on('trailers', (headers) => (trailers = headers));
  stream.pipe(request);
  request.pipe(stream);
  const cancel = () => request.close(constants.NGHTTP2_CANCEL);
  stream.on('aborted', cancel);
  stream.on('error', cancel);
  request.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
}
