import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request on its way. */
export type Fault =
  /** It never reaches S3, which is busy or broken, it seems. */
  | { kind: 'refused'; status: number; code: string }
  /** S3 does it, and nobody hears of that. */
  | { kind: 'lost' }
  /** The connection breaks after so many bytes of the answer's body. */
  | { kind: 'cut'; afterBytes: number }
  /** A byte of the answer's body, or of what is sent, becomes another one. */
  | { kind: 'flipped'; what: 'answer' | 'request'; at: number }
  /** Nobody answers, and the connection stays. */
  | { kind: 'silent' }
  /** Somebody does something else just before. */
  | { kind: 'preceded'; by: () => Promise<unknown> };

export interface SeenRequest {
  /** `GetObject`, `UploadPart` and so on. */
  operation: string;
  /** Of this operation, from 1. */
  number: number;
  key: string;
  range: string | undefined;
  /** Of a multipart upload. */
  uploadId: string | null;
  /** Who asks, by `AWS_SDK_UA_APP_ID`. */
  client: string | null;
}

export interface S3Proxy {
  endpoint: string;
  /** From now on. */
  meet(rule: (seen: SeenRequest) => Fault | null): void;
  /** How many faults there were since then, and which operations were asked for. */
  met(): { faults: number; operations: string[] };
  stop(): Promise<void>;
}

/** Stands before a real S3 server and does to requests what a test says. Bodies are held in memory. */
export async function startS3Proxy(port: number): Promise<S3Proxy> {
  let rule: (seen: SeenRequest) => Fault | null = () => null;
  let faults = 0;
  let operations: string[] = [];
  const server = createServer((asked, answer) => {
    void (async () => {
      const body = await bodyOf(asked);
      const operation = operationOf(asked);
      operations.push(operation);
      const number = operations.filter((one) => one === operation).length;
      const key = decodeURIComponent(pathOf(asked).split('/').slice(2).join('/'));
      const { range, 'user-agent': agent = '' } = asked.headers;
      const uploadId = new URLSearchParams(asked.url?.split('?')[1]).get('uploadId');
      const client = /\bapp\/(\S+)/.exec(agent)?.[1] ?? null;
      const fault = rule({ operation, number, key, range, uploadId, client });
      if (fault !== null) faults += 1;
      await pass(port, { asked, body, answer }, fault);
    })().catch((error: unknown) => {
      // Who asked has gone away.
      if (asked.errored !== null) return;
      console.error('the proxy of S3:', error);
      answer.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    meet(next) {
      rule = next;
      faults = 0;
      operations = [];
    },
    met: () => ({ faults, operations }),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Exchange {
  asked: IncomingMessage;
  body: Buffer;
  answer: ServerResponse;
}

async function pass(port: number, { asked, body, answer }: Exchange, fault: Fault | null): Promise<void> {
  switch (fault?.kind) {
    case 'silent':
      return;
    case 'refused': {
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code><Message>asked too much</Message></Error>`;
      answer.writeHead(fault.status, { 'content-type': 'application/xml' }).end(text);
      return;
    }
    case 'preceded':
      await fault.by();
      break;
    case 'flipped':
      if (fault.what === 'request') body[fault.at]! ^= 1;
      break;
    case 'lost':
    case 'cut':
    case undefined:
  }
  const { head, bytes } = await ask(port, asked, body);
  if (fault?.kind === 'lost') {
    answer.destroy();
    return;
  }
  if (fault?.kind === 'flipped' && fault.what === 'answer') bytes[fault.at]! ^= 1;
  answer.writeHead(head.statusCode ?? 500, head.rawHeaders);
  if (fault?.kind !== 'cut') answer.end(bytes);
  else answer.write(bytes.subarray(0, fault.afterBytes), () => answer.destroy());
}

/** The header `host` stays, for the signature is of that one. */
async function ask(
  port: number,
  { method, url, rawHeaders }: IncomingMessage,
  body: Buffer,
): Promise<{ head: IncomingMessage; bytes: Buffer }> {
  const head = await new Promise<IncomingMessage>((resolve, reject) => {
    const passedOn = request({ host: '127.0.0.1', port, method, path: url, headers: rawHeaders }, resolve);
    passedOn.on('error', reject).end(body);
  });
  return { head, bytes: await bodyOf(head) };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const pathOf = ({ url = '' }: IncomingMessage) => url.split('?')[0] ?? '';

/** By S3's own rules, as far as storage uses it; anything else is a mistake of the test or of the storage. */
function operationOf(asked: IncomingMessage): string {
  const { method = '', url = '' } = asked;
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  const isObject = pathOf(asked).split('/').length > 2 && !pathOf(asked).endsWith('/');
  if (method === 'GET' && query.has('list-type')) return 'ListObjectsV2';
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload';
  if (method === 'POST' && query.has('uploadId')) return 'CompleteMultipartUpload';
  if (method === 'DELETE' && query.has('uploadId')) return 'AbortMultipartUpload';
  if (method === 'PUT' && query.has('uploadId')) return 'UploadPart';
  const ofObjects: Record<string, string> = { GET: 'GetObject', HEAD: 'HeadObject', PUT: 'PutObject' };
  const ofBuckets: Record<string, string> = { HEAD: 'HeadBucket', PUT: 'CreateBucket' };
  const operation = (isObject ? ofObjects : ofBuckets)[method];
  if (operation === undefined) throw new Error(`storage never asks for ${method} ${url}`);
  return operation;
}
