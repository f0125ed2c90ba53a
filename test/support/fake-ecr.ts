import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeEcr {
  url: string;
  /** Of each request: what was asked, and by which access key in which region. */
  requests: { target: string; credential: string }[];
  close(): Promise<void>;
}

/** Amazon ECR with one operation, GetAuthorizationToken: answers by the access key. */
export async function startFakeEcr(password: string): Promise<FakeEcr> {
  const requests: FakeEcr['requests'] = [];
  const server = createServer((request, response) => {
    const target = String(request.headers['x-amz-target']).split('.').at(-1)!;
    const credential = /Credential=([^,]*)/.exec(request.headers.authorization ?? '')?.[1] ?? 'none';
    requests.push({ target, credential });
    const [status, body] = answer(target, credential, password);
    request.resume().once('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(target: string, credential: string, password: string): [number, object] {
  const key = credential.split('/')[0]!;
  if (target !== 'GetAuthorizationToken') return [400, { __type: 'UnknownOperationException' }];
  if (key === 'AKIAEMPTY') return [200, { authorizationData: [] }];
  if (key === 'AKIADOWN') return [500, { __type: 'ServerException', message: 'Down.' }];
  if (key === 'AKIABUSY') return [400, { __type: 'ThrottlingException', message: 'Rate exceeded' }];
  if (key !== 'AKIAGOOD') {
    return [400, { __type: 'UnrecognizedClientException', message: 'The security token is invalid.' }];
  }
  const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
  const expiresAt = Date.now() / 1000 + 43_200;
  return [
    200,
    {
      authorizationData: [
        { authorizationToken, expiresAt, proxyEndpoint: 'https://1.dkr.ecr.x.amazonaws.com' },
      ],
    },
  ];
}
