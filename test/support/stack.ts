import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { projectFolder } from '../../src/config.ts';
import { searchAttributeTypes } from '../../src/core/run.ts';
import { freePorts } from './ports.ts';
import { temporalCli } from './toolchain.ts';

/** A process of ours that can be asked to end, or killed. */
export interface Running {
  readonly pid: number;
  /** Everything that it wrote to stderr. */
  log(): string;
  /** SIGTERM, and waits. */
  stop(): Promise<void>;
  /** SIGKILL, and waits. */
  kill(): Promise<void>;
}

export interface Server extends Running {
  readonly address: string;
  readonly uiUrl: string;
}

/** A dev server on a database file, so that it can be killed and started again. */
export async function startServer(options: {
  dbFile: string;
  ports?: readonly [number, number];
  /** Default: it has them. */
  searchAttributes?: false;
  /** More settings of the server, as `key=value`. */
  dynamicConfig?: readonly string[];
}): Promise<Server> {
  const [port, uiPort] = options.ports ?? ((await freePorts(2)) as [number, number]);
  const registered: Record<string, string> = options.searchAttributes === false ? {} : searchAttributeTypes;
  const attributes = Object.entries(registered).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  const child = spawn(
    temporalCli(),
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${port}`, '--ui-port', `${uiPort}`],
      ...['--db-filename', options.dbFile, '--log-level', 'error', ...attributes],
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
      ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
      ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
      ...(options.dynamicConfig ?? []).flatMap((setting) => ['--dynamic-config-value', setting]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const running = runningProcess(child);
  const address = `127.0.0.1:${port}`;
  await waitForServer(address, running);
  return { ...running, address, uiUrl: `http://127.0.0.1:${uiPort}` };
}

async function waitForServer(address: string, running: Running): Promise<void> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1000 });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      return;
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`no server at ${address}: ${running.log()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

export interface WorkerOptions {
  root: string;
  address: string;
  env?: Record<string, string>;
  /** Another one than the built one. */
  program?: string;
}

/** The built worker as a process of its own, ready to take work. */
export async function startWorkerProcess({
  root,
  address,
  env,
  program = join(projectFolder, 'dist', 'cli.js'),
}: WorkerOptions): Promise<Running> {
  const child = spawn(process.execPath, [program, 'worker'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: address,
      SLUICE_ROOT: root,
      SLUICE_LOG_FORMAT: 'json',
      ...env,
    },
  });
  const running = runningProcess(child);
  const deadline = Date.now() + 90_000;
  while (!running.log().includes('"worker ready"')) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await running.kill();
      throw new Error(`the worker did not start: ${running.log()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return running;
}

function runningProcess(child: ChildProcess): Running {
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = once(child, 'exit');
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await ended;
    }
  };
  return { pid: child.pid!, log: () => log, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}
