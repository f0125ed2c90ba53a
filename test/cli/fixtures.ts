import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectFolder } from '../../src/config.ts';
import type { Json } from '../../src/core/expressions.ts';
import { isAlive, isSameProcess } from '../../src/cli/host/processes.ts';
import { processesWith } from '../engines/process/fixtures.ts';
import { smallPipeline } from '../support/pipelines.ts';
import { until } from '../support/until.ts';

/** How a command has ended, and what it wrote. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command that runs. */
export interface Command {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  signal(name: NodeJS.Signals): void;
}

export interface HostState {
  pid: number;
  hasWorker: boolean;
  address: string;
  lasting: boolean;
}

/** A root of its own with the command to run in it. */
export interface Root {
  path: string;
  home: string;
  ledger: string;
  /** In the environment of everything that this root's jobs start. */
  marker: string;
  write(name: string, content: string): string;
  /** Writes a pipeline file. @returns its path. */
  pipeline(steps?: Record<string, Json | undefined>, changes?: Record<string, Json>): string;
  start(args: readonly string[], env?: Record<string, string>): Command;
  sluice(...args: string[]): Promise<Ended>;
  /** Starts `sluice dev` and waits until it takes clients. */
  dev(): Promise<Command>;
  host(): HostState | null;
  /** Waits until the server of this root has ended by itself. */
  hostGone(): Promise<void>;
  jobProcesses(): number[];
  ledgerLines(): string[];
  /** Lets every step go on that is {@link held}. */
  letGo(): void;
  /** Ends what is left. */
  remove(): Promise<void>;
}

/** Shell words of a step: waits until {@link Root.letGo}. */
export const held = 'until [ -e "$LEDGER.go" ]; do sleep 0.1; done';

/** Standard shell words of every step: the folder of the job, and a line in the ledger. */
const shell = (script: string) => [
  '/bin/sh',
  '-c',
  `set -e; base="\${SAGEMAKER_BASE_DIR:-/opt/ml}"; echo "$STEP" >> "$LEDGER"; ${script}`,
];

export const program = join(projectFolder, 'dist/cli.js');

export function createRoot(): Root {
  const path = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  const home = join(path, '.sluice');
  const ledger = join(path, 'ledger.txt');
  const marker = path.slice(path.lastIndexOf('-') + 1);
  const commands: Command[] = [];
  const write = (name: string, content: string) => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
  write('code/inference.py', 'def model_fn(folder):\n    return None\n');
  write('data.csv', '1,2\n');

  const start = (args: readonly string[], env: Record<string, string> = {}) => {
    const command = startCommand(path, args, env);
    commands.push(command);
    return command;
  };
  const host = () => readHost(join(home, 'dev/server.json'));
  const hostGone = () => until(() => !isHeld(join(home, 'dev/holder')));
  const jobProcesses = () => processesWith(`ROOT_MARKER=${marker}`);

  return {
    path,
    home,
    ledger,
    marker,
    write,
    pipeline: (steps = {}, changes = {}) =>
      write('pipeline.json', JSON.stringify(cheapPipeline({ ledger, marker }, steps, changes))),
    start,
    sluice: (...args) => start(args).ended,
    async dev() {
      const command = start(['dev']);
      await until(() => host()?.lasting === true);
      return command;
    },
    host,
    hostGone,
    jobProcesses,
    letGo: () => void write('ledger.txt.go', ''),
    ledgerLines: () => (existsSync(ledger) ? readFileSync(ledger, 'utf8').trim().split('\n') : []),
    async remove() {
      for (const { pid } of commands) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await Promise.all(commands.map(({ ended }) => ended));
      const left = host();
      if (left !== null) process.kill(left.pid, 'SIGTERM');
      await hostGone().catch(() => left !== null && isAlive(left.pid) && process.kill(left.pid, 'SIGKILL'));
      for (const pid of jobProcesses()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function startCommand(path: string, args: readonly string[], env: Record<string, string>): Command {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: path,
    env: { ...commandEnvironment(path), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return {
    pid: child.pid!,
    ended: endOf(child).then((code) => ({ code, ...output })),
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    signal: (name) => void child.kill(name),
  };
}

const endOf = (child: ChildProcess) =>
  new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });

/** Of the person who runs the tests, without what would lead a command in this root elsewhere. */
export function commandEnvironment(root: string): NodeJS.ProcessEnv {
  const ours = /^(TEMPORAL_|SLUICE_|FORCE_COLOR$|NODE_OPTIONS$|VITEST)/;
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  return { ...kept, SLUICE_ROOT: root, SLUICE_SKIP_SETUP: '1', SLUICE_LOCAL_ENGINE: 'process' };
}

/** Whether the process that holds the folder of the server lives. */
function isHeld(holder: string): boolean {
  try {
    return isAlive(Number.parseInt(readFileSync(holder, 'utf8'), 10));
  } catch {
    return false;
  }
}

function readHost(file: string): HostState | null {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as HostState & { startMark: string | null };
    return isSameProcess(found.pid, found.startMark) ? found : null;
  } catch {
    return null;
  }
}

/** Steps of one shell line each. The metric is 6, which is accepted up to the parameter `limit`, 7. */
function cheapPipeline(
  { ledger, marker }: { ledger: string; marker: string },
  steps: Record<string, Json | undefined>,
  changes: Record<string, Json>,
): Record<string, Json> {
  const step = (name: string, script: string, more: Record<string, Json>) => ({
    entrypoint: shell(script),
    environment: { LEDGER: ledger, STEP: name, ROOT_MARKER: marker },
    local: { stopGraceSeconds: 1 },
    ...more,
    // A test may say another script for a step, as text.
    ...(typeof steps[name] === 'string' && { entrypoint: shell(steps[name]) }),
  });
  const preprocess =
    'for name in train test; do echo 1 > "$base/processing/output/$name/data.csv"; done; echo prepared the data';
  const evaluate =
    'echo "{\\"metrics\\":{\\"mse\\":6}}" > "$base/processing/output/evaluation/evaluation.json"';
  const others = Object.entries(steps).filter(([, value]) => typeof value !== 'string');
  return smallPipeline(
    { parameters: { limit: { type: 'Float', default: 7 } }, ...changes },
    {
      preprocess: step('preprocess', preprocess, { input: 'data.csv', outputs: ['train', 'test'] }),
      train: step('train', 'echo a model > "$base/model/m.txt"', {}),
      evaluate: step('evaluate', evaluate, { report: 'evaluation.json' }),
      condition: { metric: 'metrics.mse', lessThanOrEqualTo: { Get: 'Parameters.limit' } },
      transform: undefined,
      ...Object.fromEntries(others),
    },
  );
}

/** What stands on stdout as the one JSON value. */
export const jsonFrom = ({ stdout }: Ended) => JSON.parse(stdout);
