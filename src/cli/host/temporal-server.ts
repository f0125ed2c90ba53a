import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/errors.ts';
import { searchAttributeTypes } from '../../core/run.ts';
import type { HostFiles } from './files.ts';
import type { HeldLock } from './lock.ts';
import { choosePorts, host, type Ports } from './ports.ts';
import { commandLine, listensOn } from './processes.ts';

export interface TemporalServer {
  address: string;
  uiUrl: string;
  /** Resolves when the server has ended, whatever the reason. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs the server and ends it when its own stdin closes: also when the host is killed, since the kernel closes the other
 * end. The first argument is the file for the process id.
 */
const guard = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
echo "$server" > "$0"
(read -r _ <&3; kill "$server") 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
code=$?
kill "$guard" 2>/dev/null
exit $code`;

interface ServerOptions {
  cli: string;
  namespace: string;
  files: HostFiles;
  /** Where its Web UI has encrypted payloads decoded; null: nowhere. */
  codecEndpoint: string | null;
  /** Whether files and servers of this folder are still ours to touch. */
  lock: Pick<HeldLock, 'isOurs' | 'assertOurs'>;
  /** Asked until it is true: whether the server answers. */
  answers(address: string): Promise<boolean>;
}

/** @throws SluiceError `EngineUnavailable` with what the server said, if it doesn't come up. */
export async function startTemporalServer(options: ServerOptions): Promise<TemporalServer> {
  await endStray(options);
  const first = await tryStart(options, await choosePorts());
  // Another program may have taken the port a moment ago.
  const server = first ?? (await tryStart(options, await choosePorts(true)));
  if (server !== null) return server;
  const said = readFileSync(options.files.serverLog, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new SluiceError('EngineUnavailable', `The Temporal dev server does not start:\n${said}`);
}

async function tryStart(options: ServerOptions, ports: Ports): Promise<TemporalServer | null> {
  options.lock.assertOurs();
  const log = openSync(options.files.serverLog, 'w');
  const child = spawn(
    '/bin/sh',
    ['-c', guard, options.files.serverPid, options.cli, ...serverArguments(options, ports)],
    {
      // A session of its own: the terminal's Ctrl-C is for the host, which ends the server last.
      detached: true,
      stdio: ['pipe', log, log],
      // The server wants a name of its user, and in a container a user may be but a number.
      env: process.env.USER ? process.env : { ...process.env, USER: 'sluice' },
    },
  );
  closeSync(log);
  let gone = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  }).then(() => {
    gone = true;
  });
  const address = `${host}:${ports.port}`;
  const started = Date.now();
  const deadline = started + 60_000;
  for (;;) {
    // A wrapper in the place of the CLI never listens itself; one that lost the port has ended by then.
    const isLate = Date.now() - started > 5000;
    if ((await options.answers(address)) && (isLate || isOurs(options, ports))) break;
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changes while we wait
    if (gone) return null;
    if (Date.now() > deadline) {
      await stopServer(child, ended, options);
      return null;
    }
    await sleep(30);
  }
  return {
    address,
    uiUrl: `http://${host}:${ports.uiPort}`,
    ended,
    stop: () => stopServer(child, ended, options),
  };
}

/** Two hosts that start at once find the same ports free: the other's server answers, too. */
function isOurs({ files }: ServerOptions, { port }: Ports): boolean {
  const pid = recordedPid(files);
  return pid !== null && listensOn(pid, port);
}

function serverArguments(
  { files, namespace, codecEndpoint }: ServerOptions,
  { port, uiPort }: Ports,
): string[] {
  const attributes = Object.entries(searchAttributeTypes).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  return [
    ...['server', 'start-dev', '--db-filename', files.database, '--log-level', 'warn'],
    ...['--ip', host, '--port', `${port}`, '--ui-port', `${uiPort}`, '--namespace', namespace],
    ...attributes,
    ...(codecEndpoint === null ? [] : ['--ui-codec-endpoint', codecEndpoint]),
    // Safe when a process dies, and half the time of the default: a step needs a dozen commits.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    // The default makes every step wait up to 50 ms.
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    // Priorities hold within a partition of a task queue, of which there are four by default.
    ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
  ];
}

async function stopServer(
  child: ChildProcess,
  ended: Promise<void>,
  { files, lock }: ServerOptions,
): Promise<void> {
  child.stdin?.end();
  const patience = new AbortController();
  const late = sleep(10_000, 'late' as const, { signal: patience.signal }).catch(() => undefined);
  if ((await Promise.race([ended, late])) === 'late') signal(-(child.pid ?? 0), 'SIGKILL');
  patience.abort();
  await ended;
  if (lock.isOurs()) rmSync(files.serverPid, { force: true });
}

/** Ends a server on this database whose host and guard were both killed: two servers would spoil the database. */
async function endStray({ files, lock }: ServerOptions): Promise<void> {
  const started = Date.now();
  for (;;) {
    lock.assertOurs();
    const pid = recordedPid(files);
    if (pid === null || !commandLine(pid).includes(files.database)) break;
    signal(pid, Date.now() - started < 10_000 ? 'SIGTERM' : 'SIGKILL');
    await sleep(50);
  }
  rmSync(files.serverPid, { force: true });
}

function recordedPid({ serverPid }: HostFiles): number | null {
  try {
    const pid = Number(readFileSync(serverPid, 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid !== 0) process.kill(pid, name);
  } catch {
    // It is over.
  }
}
