import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AwsCall {
  /** `DescribeTrainingJob`, say. */
  operation: string;
  input: Record<string, unknown>;
  headers: IncomingMessage['headers'];
}

export interface FakeAws {
  url: string;
  calls: AwsCall[];
  close(): Promise<void>;
}

/** A service of AWS in JSON 1.1, which a function plays: it answers with a body, or does as it likes. */
export async function startFakeAws(
  play: (call: AwsCall, response: ServerResponse) => object | undefined,
): Promise<FakeAws> {
  const calls: AwsCall[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.').at(-1)!;
      const call = { operation, input: JSON.parse(body) as AwsCall['input'], headers: request.headers };
      calls.push(call);
      const answer = play(call, response);
      if (answer !== undefined) response.setHeader('content-type', 'application/x-amz-json-1.1');
      if (answer !== undefined) response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
