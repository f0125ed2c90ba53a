import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeSns {
  url: string;
  /** The bodies of what was published, and by which credential. */
  published: { parameters: Record<string, string>; credential: string }[];
  close(): Promise<void>;
}

const known = new Set([
  ...['Action', 'Version', 'TopicArn', 'Subject', 'Message', 'MessageGroupId', 'MessageDeduplicationId'],
]);
const attribute = /^MessageAttributes\.entry\.\d+\.(Name|Value\.(DataType|StringValue))$/;

/**
 * Amazon SNS with one operation, Publish, in the query protocol of 2010-03-31. As strict as its documentation: unknown parameters,
 * subjects that are not ASCII on one line of at most 100 characters, and FIFO topics without a group are refused.
 */
export async function startFakeSns(topics: readonly string[]): Promise<FakeSns> {
  const published: FakeSns['published'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const parameters = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      const credential = /Credential=([^,]*)/.exec(request.headers.authorization ?? '')?.[1] ?? 'none';
      const refusal = refuse(parameters, credential, topics);
      if (refusal === null) published.push({ parameters, credential });
      response.writeHead(refusal?.status ?? 200, { 'content-type': 'text/xml' });
      response.end(refusal ? errorBody(refusal) : successBody);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    published,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Refusal {
  status: number;
  code: string;
  message: string;
}

function refuse(
  parameters: Record<string, string>,
  credential: string,
  topics: readonly string[],
): Refusal | null {
  const invalid = (message: string) => ({ status: 400, code: 'InvalidParameter', message });
  const { Action, Version, TopicArn = '', Subject, Message } = parameters;
  const key = credential.split('/')[0];
  if (key === 'AKIADENIED') return { status: 403, code: 'AuthorizationError', message: 'not authorized' };
  if (key === 'AKIABUSY') return { status: 429, code: 'Throttled', message: 'Rate exceeded' };
  if (key === 'AKIADOWN') return { status: 500, code: 'InternalError', message: 'internal' };
  if (Action !== 'Publish' || Version !== '2010-03-31')
    return { status: 400, code: 'InvalidAction', message: 'no such action' };
  const stranger = Object.keys(parameters).find((name) => !known.has(name) && !attribute.test(name));
  if (stranger !== undefined) return invalid(`unknown parameter ${stranger}`);
  if (!topics.includes(TopicArn)) return { status: 404, code: 'NotFound', message: 'Topic does not exist' };
  if (!Message || Buffer.byteLength(Message) > 262_144) return invalid('Message too long or empty');
  if (Subject !== undefined && !/^(?! )[ -~]{1,100}$/.test(Subject)) return invalid('Subject');
  if (TopicArn.endsWith('.fifo') !== 'MessageGroupId' in parameters) return invalid('MessageGroupId');
  return null;
}

const successBody =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>';
const errorBody = ({ status, code, message }: Refusal) =>
  `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${status < 500 ? 'Sender' : 'Receiver'}</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
