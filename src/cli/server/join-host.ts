import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config.ts';
import { SluiceError } from '../../core/errors.ts';
import { hostFiles, type HostFiles } from '../host/files.ts';
import { takeLease, type Needs } from '../host/leases.ts';
import { runningHost, type HostRecord } from '../host/record.ts';
import type { Tell } from '../output.ts';

const patienceMs = 90_000;
const leased = new Set<Needs>();

/** Connects to the host of this `.sluice/`; starts one if there is none, or the one that there was went away. */
export async function joinHost<T>(
  config: Config,
  needs: Needs,
  tell: Tell,
  connect: (record: HostRecord) => Promise<T>,
): Promise<T> {
  const files = hostFiles(config.home);
  // One lease is enough for a process; it lasts until its end.
  if (!leased.has(needs)) takeLease(files, needs);
  leased.add(needs);
  const deadline = Date.now() + patienceMs;
  let own: StartedHost | null = null;
  for (;;) {
    const record = runningHost(files);
    const isReady = record !== null && (needs === 'server' || record.hasWorker);
    if (isReady) {
      const joined = await connect(record).catch(() => null);
      if (joined !== null) {
        tell(greeting(record, own !== null));
        return joined;
      }
    } else if (record === null && (own === null || isOver(own))) {
      if (own?.child.exitCode) throw own.explain();
      own ??= announceStart(config, files, needs, tell);
      if (isOver(own)) own = startHost(config, files);
    }
    if (Date.now() > deadline)
      throw new SluiceError('ServiceUnavailable', `No Temporal server came up; see ${files.hostLog}`);
    await sleep(40);
  }
}

interface StartedHost {
  child: ChildProcess;
  explain(): SluiceError;
}

/** By itself, or killed. */
const isOver = ({ child }: StartedHost) => child.exitCode !== null || child.signalCode !== null;

function announceStart(config: Config, files: HostFiles, needs: Needs, tell: Tell): StartedHost {
  const where = relative(process.cwd(), files.folder);
  tell(
    `No Temporal server is configured (TEMPORAL_ADDRESS) and no \`sluice dev\` runs: starting ${needs === 'worker' ? 'a server and a worker for as long as they are needed' : 'a server, as long as it is needed, to look at the history'}. History and logs: ${where.startsWith('..') ? files.folder : where}`,
  );
  return startHost(config, files);
}

/** A process of its own that outlives this one: others may have joined it. */
function startHost(config: Config, files: HostFiles): StartedHost {
  mkdirSync(files.folder, { recursive: true });
  const log = openSync(files.hostLog, 'a');
  const { size } = statSync(files.hostLog);
  const program = fileURLToPath(new URL('../../cli.js', import.meta.url));
  const child = spawn(process.execPath, [program, 'dev', '--while-used'], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, SLUICE_ROOT: config.root, SLUICE_HOME: config.home, SLUICE_LOG_FORMAT: 'json' },
  });
  child.unref();
  closeSync(log);
  const explain = () => {
    const said = readFileSync(files.hostLog).subarray(size).toString();
    const error = said.slice(Math.max(0, said.lastIndexOf('\nerror: ') + 1)).trim();
    return new SluiceError(
      'EngineUnavailable',
      `The server for this run did not start (log: ${files.hostLog}):\n${error.replace(/^error: /, '').slice(-2000)}`,
    );
  };
  return { child, explain };
}

function greeting({ lasting, address, uiUrl }: HostRecord, own: boolean): string {
  if (own) return `Temporal runs at ${address}; Web UI: ${uiUrl}`;
  const whose = lasting ? 'the running `sluice dev`' : 'the server that another `sluice` has started';
  return `Using ${whose} at ${address}; Web UI: ${uiUrl}`;
}
