import { createServer, type Server } from 'node:http';
import { hostAndPort } from '../config/listen-address.ts';
import { SluiceError } from '../core/errors.ts';
import type { RunningWorker } from '../worker.ts';

type Healthy = Pick<RunningWorker, 'states' | 'serverAnswers'>;

/**
 * For orchestrators, by HTTP. `GET /healthz`: 200 while every worker of this process takes work, else
 * 503, as before there is one (null). `GET /readyz` asks whether the Temporal server answers, too, within 2 seconds.
 * @throws SluiceError `InvalidInput` if the port cannot be had.
 */
export async function serveHealth(address: string, worker: () => Healthy | null): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request.url, worker()).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify(body)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is taken' : `cannot be had (${cause.message})`;
      reject(
        new SluiceError('InvalidInput', `SLUICE_HEALTH_PORT: ${address} ${why}; set another one`, {
          cause,
        }),
      );
    });
    const { host, port } = hostAndPort(address);
    server.listen(port, host, resolve);
  });
  // The workers keep this process alive, not this.
  return server.unref();
}

async function answer(path: string | undefined, worker: Healthy | null): Promise<[number, object]> {
  if (path !== '/healthz' && path !== '/readyz') return [404, { status: 'not found' }];
  if (worker === null) return [503, { status: 'starting' }];
  const workers = worker.states();
  const healthy = workers.every(({ state }) => state === 'RUNNING');
  if (path === '/healthz') return reply(healthy, { workers });
  const answers = await worker.serverAnswers();
  return reply(healthy && answers, { workers, server: answers ? 'answers' : 'does not answer' });
}

const reply = (fine: boolean, facts: object): [number, object] => [
  fine ? 200 : 503,
  { status: fine ? 'ok' : 'unavailable', ...facts },
];
