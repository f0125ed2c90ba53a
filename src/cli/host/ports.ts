import { createServer, type AddressInfo } from 'node:net';

export const host = '127.0.0.1';
/** Temporal's own, so that its CLI needs no address. */
const usual: Ports = { port: 7233, uiPort: 8233 };

export interface Ports {
  port: number;
  uiPort: number;
}

/** The usual ports if both are free, else any. */
export async function choosePorts(avoidUsual = false): Promise<Ports> {
  if (!avoidUsual) {
    const free = await Promise.all([listenOnce(usual.port), listenOnce(usual.uiPort)]);
    if (free.every((port) => port !== null)) return usual;
  }
  const [port, uiPort] = await Promise.all([listenOnce(0), listenOnce(0)]);
  if (port === null || uiPort === null) throw new Error(`no free port on ${host}`);
  return { port, uiPort };
}

/** The port that was free; null if it is taken. */
function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host, exclusive: true }, () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
}
