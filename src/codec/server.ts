import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';
import { SluiceError } from '../core/errors.ts';
import { parseWith } from '../core/problems.ts';

export interface CodecServerOptions {
  codec: PayloadCodec;
  host: string;
  /** 0: any. */
  port: number;
  /** Of the pages that may ask: the Web UI's. */
  origins: readonly string[];
}

export interface CodecServer {
  url: string;
  close(): Promise<void>;
}

/** Where `sluice codec-server` listens, and where the Web UI of `sluice dev` asks. */
export const defaultCodecPort = 8081;

/** A page of the Web UI asks for some dozens of payloads at once, 2 MB each at most. */
const maxBodyBytes = 128 * 2 ** 20;

const payload = z.strictObject({
  metadata: z.record(z.string(), z.base64()).default({}),
  data: z.base64().default(''),
});
const body = z.object({ payloads: z.array(payload).default([]) });

/**
 * Temporal's codec protocol by HTTP: `POST /encode` and `POST /decode` of payloads as JSON. Whoever reaches it reads what is
 * encrypted; of web pages only those of the given origins do.
 */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const server = createServer((request, response) => {
    void answer(options, request, response).then(
      ([status, content]) => send(response, status, content),
      (error: unknown) =>
        error instanceof SluiceError
          ? send(response, 400, { message: error.message })
          : send(response, 500, { message: 'internal error' }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { codec, origins }: CodecServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<[status: number, content?: object]> {
  const { origin } = request.headers;
  response.setHeader('vary', 'origin');
  if (origin !== undefined) {
    if (!origins.includes(origin)) return [403, { message: `${origin} is not allowed` }];
    allow(request, response, origin);
  }
  if (request.method === 'OPTIONS') return [204];
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  // The namespace is before it, if the endpoint that a client was given has one.
  const [, operation] = /\/(encode|decode)$/.exec(path) ?? [];
  if (operation === undefined) return [404, { message: 'POST /encode or /decode' }];
  if (request.method !== 'POST') return [405, { message: 'POST it' }];
  const { payloads } = parseWith('The body', body, await readJson(request));
  const given = payloads.map(fromJson);
  const made = await (operation === 'encode' ? codec.encode(given) : codec.decode(given));
  return [200, { payloads: made.map(toJson) }];
}

/** What a browser asks for before it lets a page of another origin read an answer, and of pages in the internet for this machine. */
function allow({ headers }: IncomingMessage, response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-allow-methods', 'POST, OPTIONS');
  response.setHeader('access-control-allow-headers', 'content-type, x-namespace, authorization');
  if (headers['access-control-request-private-network'] !== undefined) {
    response.setHeader('access-control-allow-private-network', 'true');
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new SluiceError('InvalidInput', 'The body is too large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new SluiceError('InvalidInput', 'The body is not JSON');
  }
}

const fromJson = ({ metadata, data }: z.infer<typeof payload>): Payload => ({
  metadata: Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  ),
  data: Buffer.from(data, 'base64'),
});

const toJson = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});

function send(response: ServerResponse, status: number, content?: object): void {
  response.statusCode = status;
  if (content === undefined) response.end();
  else response.setHeader('content-type', 'application/json').end(JSON.stringify(content));
}
