import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { readConfig } from '../dist/config.js';
import { nameOfHost } from '../dist/host-name.js';
import { createLogger, installTemporalLogger } from '../dist/logger.js';
import { startWorker } from '../dist/worker.js';

export const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** A dev server and a worker in this process, in a home of its own; end it with `close`. */
export async function startStack({
  root = projectFolder,
  localSlots,
  workflowsPath,
  localEngine = 'process',
} = {}) {
  const home = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const config = {
    ...readConfig({ ...process.env, SLUICE_ROOT: root, SLUICE_HOME: home }),
    localEngine,
    ...(localSlots && { localSlots }),
  };
  const logger = createLogger({ logLevel: 'warn', logFormat: 'json' });
  installTemporalLogger(logger);
  const server = await startServer(config.temporalCli, join(home, 'temporal.db'));
  const workflows = workflowsPath && {
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: quiet }),
  };
  const worker = await startWorker({
    config,
    logger,
    address: server.address,
    ...(workflows && { workflows }),
  });
  const client = new Client({ connection: await Connection.connect({ address: server.address }) });
  return {
    address: server.address,
    client,
    config,
    home,
    host: await nameOfHost(home),
    async close() {
      worker.shutdown();
      await worker.ended;
      await client.connection.close();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A dev server in a home of its own, without a worker. */
export async function startTemporal() {
  const home = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const { temporalCli } = readConfig({ ...process.env, SLUICE_HOME: home });
  const server = await startServer(temporalCli, join(home, 'temporal.db'));
  const client = new Client({ connection: await Connection.connect({ address: server.address }) });
  return {
    address: server.address,
    client,
    async close() {
      await client.connection.close();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function startServer(cli, dbFile) {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const child = spawn(
    cli,
    [
      ...[
        'server',
        'start-dev',
        '--headless',
        '--port',
        `${port}`,
        '--log-level',
        'error',
        '--db-filename',
        dbFile,
      ],
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    ],
    { stdio: 'ignore' },
  );
  for (let tries = 0; ; tries += 1) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1000 });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    address,
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const nothing = () => undefined;
const quiet = {
  log: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: console.error,
};
