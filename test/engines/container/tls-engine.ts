import { readFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { dockerSocket } from '../../support/docker.ts';
import { makeCertificates } from '../../support/certificates.ts';

export interface TlsEngine {
  /** As DOCKER_HOST has it. */
  host: string;
  close(): Promise<void>;
}

/** The engine behind TLS that wants a certificate of its clients, as `dockerd --tlsverify` does. The certificates lie in the folder. */
export async function startTlsEngine(folder: string): Promise<TlsEngine> {
  await makeCertificates(folder, 'server', 'client');
  const read = (name: string) => readFile(join(folder, name));
  const [ca, cert, key] = [await read('ca.pem'), await read('server-cert.pem'), await read('server-key.pem')];
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, joinToEngine);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function joinToEngine(client: TLSSocket): void {
  const socket = connect(dockerSocket);
  for (const end of [client, socket]) end.on('error', () => undefined);
  client.pipe(socket).pipe(client);
}
