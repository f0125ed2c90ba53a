import { execFileSync } from 'node:child_process';
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';
import { SluiceError } from '../../../src/core/errors.ts';
import type { JobState, ProcessingJob, TrainingJob } from '../../../src/core/jobs.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { createProcessEngine, type ProcessEngineOptions } from '../../../src/engines/process/engine.ts';
import { probeIsolation, type Isolation } from '../../../src/engines/process/isolation.ts';

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Any Python does for most of these tests; they need no library. */
export const python = findPython();

function findPython(): string {
  if (process.env.SLUICE_PYTHON) return process.env.SLUICE_PYTHON;
  const toolchain = join(projectRoot, '.sluice/toolchain.json');
  if (existsSync(toolchain)) {
    const { python: path } = JSON.parse(readFileSync(toolchain, 'utf8')) as { python: string };
    return path;
  }
  return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
}

const probe = await probeIsolation(python);
if (!probe.available) console.warn(`No tests with namespaces: ${probe.reason}`);

/** The ways in which jobs can be run on this machine. */
export const isolations: readonly Isolation[] = probe.available ? ['namespaces', 'none'] : ['none'];
export const hasNamespaces = probe.available;

/** In a shell script: where the job sees /opt/ml. */
export const base = '${SAGEMAKER_BASE_DIR:-/opt/ml}';

export interface Bench {
  folder: string;
  jobsDir: string;
  engine: Engine;
  /** Waits for the end. */
  run(name: string, job: ProcessingJob | TrainingJob): Promise<JobState>;
  start(name: string, job: ProcessingJob | TrainingJob): Promise<void>;
  describe(name: string): Promise<JobState>;
  stop(name: string): Promise<void>;
  ended(name: string, seconds?: number): Promise<JobState>;
  log(name: string): string;
}

const folders: string[] = [];

export function makeFolder(within = tmpdir()): string {
  // Anybody may pass through: some jobs run as another user.
  const folder = mkdtempSync(join(within, 'sluice-'));
  execFileSync('chmod', ['755', folder]);
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function createBench(isolation: Isolation, options: Partial<ProcessEngineOptions> = {}): Bench {
  const folder = makeFolder();
  const jobsDir = options.jobsDir ?? join(folder, 'jobs');
  const engine = createProcessEngine({
    jobsDir,
    python,
    frameworksDir: join(projectRoot, 'images'),
    isolation,
    findModel: () => Promise.reject(new Error('no model')),
    extractModel: () => Promise.reject(new Error('no archive')),
    localPath: fileURLToPath,
    ...options,
  });
  const ref = (name: string) => ({ engine: 'process', name });
  const start = async (name: string, job: ProcessingJob | TrainingJob) => {
    await engine.ensure(name, job, new AbortController().signal);
  };
  const ended = (name: string, seconds = 90) => waitForEnd(engine, name, seconds);
  return {
    folder,
    jobsDir,
    engine,
    start,
    ended,
    describe: (name) => engine.describe(ref(name)),
    stop: (name) => engine.stop(ref(name)),
    async run(name, job) {
      await start(name, job);
      return ended(name);
    },
    log: (name) => readFileSync(join(jobsDir, name, 'log.txt'), 'utf8'),
  };
}

async function waitForEnd(engine: Engine, name: string, seconds: number): Promise<JobState> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const state = await engine.describe({ engine: 'process', name });
    if (state.status !== 'running') return state;
    if (Date.now() > deadline) throw new Error(`${name} did not end within ${seconds} s`);
    await pause(5);
  }
}

export interface JobParts {
  inputs?: Record<string, string>;
  outputs?: Record<string, string>;
  environment?: Record<string, string>;
  graceSeconds?: number;
  maxRuntimeSeconds?: number;
  instanceCount?: number;
}

/** A processing job; inputs and outputs are local paths by their names. */
export function processingJob(entrypoint: string[], parts: JobParts = {}): ProcessingJob {
  const { inputs = {}, outputs = {}, environment = {}, graceSeconds = 5, maxRuntimeSeconds = 60 } = parts;
  return {
    kind: 'Processing',
    body: {
      AppSpecification: { ImageUri: 'sluice/sklearn:1.2-1', ContainerEntrypoint: entrypoint },
      ProcessingInputs: Object.entries(inputs).map(([name, path]) => ({
        InputName: name,
        S3Input: {
          S3Uri: pathToFileURL(path).href,
          LocalPath: `/opt/ml/processing/input/${name}`,
          S3DataType: 'S3Prefix',
          S3InputMode: 'File',
          S3DataDistributionType: 'FullyReplicated',
        },
      })),
      ProcessingOutputConfig: {
        Outputs: Object.entries(outputs).map(([name, path]) => ({
          OutputName: name,
          S3Output: {
            S3Uri: pathToFileURL(path).href,
            LocalPath: `/opt/ml/processing/output/${name}`,
            S3UploadMode: 'EndOfJob',
          },
        })),
      },
      ProcessingResources: {
        ClusterConfig: {
          InstanceCount: parts.instanceCount ?? 1,
          InstanceType: 'ml.m5.xlarge',
          VolumeSizeInGB: 30,
        },
      },
      StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSeconds },
      Environment: environment,
    },
    local: { stopGraceSeconds: graceSeconds, maxRuntimeSeconds },
    tags: {},
  };
}

export const shell = (script: string, parts: JobParts = {}) => processingJob(['sh', '-c', script], parts);
export const pythonJob = (script: string, parts: JobParts = {}) =>
  processingJob(['python3', '-c', script], parts);

export function trainingJob(
  entrypoint: string[],
  outputFolder: string,
  channels: Record<string, string> = {},
): TrainingJob {
  return {
    kind: 'Training',
    body: {
      AlgorithmSpecification: {
        TrainingImage: 'sluice/sklearn:1.2-1',
        TrainingInputMode: 'File',
        ContainerEntrypoint: entrypoint,
      },
      HyperParameters: { max_depth: '5' },
      InputDataConfig: Object.entries(channels).map(([name, path]) => ({
        ChannelName: name,
        DataSource: { S3DataSource: { S3Uri: pathToFileURL(path).href, S3DataType: 'S3Prefix' } },
      })),
      OutputDataConfig: { S3OutputPath: pathToFileURL(outputFolder).href },
      ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 30 },
      StoppingCondition: { MaxRuntimeInSeconds: 60 },
      Environment: {},
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: 60 },
    tags: {},
  };
}

export function writeFiles(folder: string, files: Record<string, string | Buffer>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Whether the file system of this folder clones files, as Btrfs, XFS and APFS do: then nothing is linked. */
export function clones(folder: string): boolean {
  const one = join(writeFiles(join(folder, 'clones'), { one: '1' }), 'one');
  try {
    copyFileSync(one, `${one}-more`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}

/** A program in the place of the supervisor's python. `$@` is what the engine calls it with. */
export function fakePython(script: string): string {
  const path = join(makeFolder(), 'python');
  writeFileSync(path, `#!/bin/sh\ncase "$*" in *--probe) exec ${python} "$@";; esac\n${script}\n`, {
    mode: 0o755,
  });
  return path;
}

/** Makes the job but doesn't start it, as an engine does that is killed in between. */
export async function prepareOnly(
  isolation: Isolation,
  jobsDir: string,
  name: string,
  job: ProcessingJob,
): Promise<void> {
  const { engine } = createBench(isolation, { jobsDir, supervisorPython: fakePython('exit 1') });
  const error: unknown = await engine
    .ensure(name, job, new AbortController().signal)
    .catch((cause: unknown) => cause);
  if (!(error instanceof SluiceError && error.code === 'EngineUnavailable')) throw error;
}

/** Tests with mounts of their own need more than namespaces. */
export const canMount = (() => {
  const folder = makeFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    console.warn('No tests with mounts of their own: this user cannot mount');
    return false;
  }
})();

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function waitUntil(what: string, condition: () => boolean | Promise<boolean>, seconds = 90) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await pause(5);
  }
}

export function supervisorOf({ jobsDir }: Bench, name: string): number {
  const started = JSON.parse(readFileSync(join(jobsDir, name, 'started.json'), 'utf8')) as {
    supervisor: number;
  };
  return started.supervisor;
}

/** The processes, as this machine numbers them, whose environment has this variable. Linux only. */
export function processesWith(variable: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(variable);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The children of a process. Linux only. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

export const namespaceOf = (pid: number | 'self', kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);

/** A framework whose server answers every line with itself in capitals. */
export const tinyServe = `#!/usr/bin/env python3
import http.server, os, socket
base = os.environ['SAGEMAKER_BASE_DIR']
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/ping' else 404)
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        prefix = open(base + '/model/prefix').read().strip() + os.environ['SUFFIX']
        answer = ''.join(prefix + line.upper() + '\\n' for line in body.decode().splitlines())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())
        try:
            open(base + '/model/prefix', 'w')
        except OSError as error:
            print(error.strerror, flush=True)
server = http.server.HTTPServer(('127.0.0.1', 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
server.serve_forever()
`;
