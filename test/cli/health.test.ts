import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sluice } from '../support/commands.ts';
import { freePort } from '../support/ports.ts';
import { startServer, startWorkerProcess, type Running, type Server } from '../support/stack.ts';
import { makeFolder } from '../images/fixtures/python.ts';
import { until } from '../support/until.ts';

describe('the health of a worker', () => {
  const root = makeFolder();
  let server: Server;
  let worker: Running;
  let port: number;
  beforeAll(async () => {
    server = await startServer({ dbFile: join(root, 'temporal.db') });
    port = await freePort();
    const env = { SLUICE_HEALTH_PORT: `${port}` };
    worker = await startWorkerProcess({ root, address: server.address, env });
  });
  afterAll(async () => {
    await worker.stop();
    await server.stop();
  });

  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.json()] as const;
  };
  let workers: { taskQueue: string; state: string }[];
  beforeAll(async () => {
    const host = (await readFile(join(root, '.sluice', 'host-name'), 'utf8')).trim();
    const queues = ['sluice', 'sluice-local', `sluice-local-${host}`, `sluice-local-${host}-jobs`];
    workers = queues.map((taskQueue) => ({ taskQueue, state: 'RUNNING' }));
  });

  it('is told for all of its queues, and whether the server answers', async () => {
    await until(async () => (await ask('/healthz'))[0] === 200);
    expect(await ask('/healthz')).toEqual([200, { status: 'ok', workers }]);
    expect(await ask('/readyz')).toEqual([200, { status: 'ok', workers, server: 'answers' }]);
  });

  it('is told at no other path', async () => {
    expect(await ask('/')).toEqual([404, { status: 'not found' }]);
  });

  it('is good without a server, for which a new worker is no cure; but it is not ready', async () => {
    await server.stop();
    expect(await ask('/readyz')).toEqual([
      503,
      { status: 'unavailable', workers, server: 'does not answer' },
    ]);
    expect(await ask('/healthz')).toEqual([200, { status: 'ok', workers }]);
  });

  it('cannot be told at a port that is taken: the next worker ends, and says so', async () => {
    const { code, stderr } = await sluice(['worker'], {
      SLUICE_HEALTH_PORT: `${port}`,
      TEMPORAL_ADDRESS: server.address,
      SLUICE_ROOT: root,
    });
    expect(stderr).toContain(`error: SLUICE_HEALTH_PORT: 127.0.0.1:${port} is taken; set another one`);
    expect(code).toBe(2);
  });
});
