import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { adminPrefix, administer } from './admin.ts';
import type { Emulator } from './emulator.ts';
import { handle } from './handle.ts';

export interface EmulatorServer {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly emulator: Emulator;
  close(): Promise<void>;
}

/** AWS takes no larger request either. */
const mostBytes = 6 * 1024 * 1024;

/** Serves an emulator. @param port - default: any free one. @param host - default: this machine only. */
export async function serve(
  emulator: Emulator,
  { port = 0, host = '127.0.0.1' } = {},
): Promise<EmulatorServer> {
  const server = createServer((request, response) => {
    answer(emulator, request, response).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  });
  // Clients keep their connections for long; a server that closes one first makes them fail.
  server.keepAliveTimeout = 120_000;
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    emulator,
    async close() {
      server.close();
      server.closeAllConnections();
      await emulator.close();
    },
  };
}

async function answer(emulator: Emulator, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await read(request);
  const requestId = randomUUID();
  if (body === null) {
    send(response, 413, 'text/plain', 'RequestEntityTooLargeException', requestId);
    return;
  }
  const url = new URL(request.url ?? '/', 'http://emulator');
  if (url.pathname.startsWith(adminPrefix)) {
    const { status, body: result } = administer(emulator, request.method ?? 'GET', url, body);
    send(response, status, 'application/json', `${JSON.stringify(result)}\n`, requestId);
    return;
  }
  const result = await handle(emulator, { headers: request.headers, body, requestId });
  if (result === null) request.socket.destroy();
  else send(response, result.status, result.contentType, result.body, requestId);
}

function send(response: ServerResponse, status: number, type: string, body: string, requestId: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': requestId,
  });
  response.end(body);
}

/** Null: it is too large. */
async function read(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Read to its end all the same: a client hears no answer while it sends.
    if (bytes <= mostBytes) chunks.push(chunk);
  }
  if (bytes > mostBytes) return null;
  return Buffer.concat(chunks).toString();
}
