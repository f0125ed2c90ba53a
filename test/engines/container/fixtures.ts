import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect } from 'vitest';
import type { JobRequest, JobState, ProcessingJob, TrainingJob } from '../../../src/core/jobs.ts';
import type { LocalEngine } from '../../../src/engines/engine.ts';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { createConnector, type EngineConnection } from '../../../src/engines/container/connect.ts';
import type { ConnectionSettings } from '../../../src/engines/container/connection.ts';
import { createContainerEngine } from '../../../src/engines/container/engine.ts';
import { isSupervised } from '../../../src/engines/local/liveness.ts';
import { baseImage, dockerSocket, listContainers, removeContainers } from '../../support/docker.ts';
import { processesIn } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { python } from '../process/fixtures.ts';
import { unset } from './docker-folder.ts';

export { canMount, fakePython, python, writeFiles } from '../process/fixtures.ts';

const imagesFolder = fileURLToPath(new URL('../../../images/', import.meta.url));

/** Of all the containers that the jobs of this test file make. */
const testTag = { 'sluice.test': randomBytes(6).toString('hex') };
const testLabel = `sluice.test=${testTag['sluice.test']}`;
const folders: string[] = [];

const connections = new Set<EngineConnection>();

afterAll(async () => {
  try {
    await Promise.all([...connections].map(({ close }) => close()));
    const left = await ourContainers();
    await removeContainers(testLabel);
    expect(left).toEqual([]);
  } finally {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
});

/** The names of the containers that this file's jobs have left. */
export async function ourContainers(): Promise<string[]> {
  return (await listContainers(testLabel)).map(({ Names }) => Names[0]!.slice(1)).sort();
}

export function makeFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'sluice-test-'));
  folders.push(folder);
  return folder;
}

export interface BenchOptions {
  folder?: string;
  jobsDir?: string;
  /** Where the engine is; the Docker engine of this machine, unless said. */
  host?: string;
  supervisorPython?: string;
  /** More of how the engine is reached. */
  connection?: Partial<ConnectionSettings>;
  /** Takes the place of the client to the engine. */
  wrap?: (client: ContainerClient) => ContainerClient;
}

export interface Bench {
  folder: string;
  jobsDir: string;
  engine: LocalEngine;
  start(name: string, job: JobRequest, signal?: AbortSignal): Promise<void>;
  describe(name: string): Promise<JobState>;
  stop(name: string): Promise<void>;
  /** Waits for the end, as a worker does: engine trouble that passes is borne. */
  ended(name: string, seconds?: number): Promise<JobState>;
  run(name: string, job: JobRequest, seconds?: number): Promise<JobState>;
  log(name: string): string;
  /** Waits until the log has this text. */
  says(name: string, text: string, seconds?: number): Promise<void>;
  /** Kills the process that sees to the job, with SIGKILL. */
  killSupervisor(name: string): Promise<void>;
}

/** A worker's container engine, with a folder of jobs; two benches on one `jobsDir` are two workers. */
export function createBench(options: BenchOptions = {}): Bench {
  const folder = options.folder ?? makeFolder();
  const jobsDir = options.jobsDir ?? join(folder, 'jobs');
  const { wrap = (client) => client } = options;
  const connect = createConnector({
    ...unset(homedir(), { host: options.host ?? `unix://${dockerSocket}` }),
    ...options.connection,
  });
  const engine = createContainerEngine({
    jobsDir,
    supervisorPython: options.supervisorPython ?? python,
    frameworksDir: imagesFolder,
    baseImage: null,
    connect: async () => {
      const connection = await connect();
      connections.add(connection);
      return { ...connection, client: wrap(connection.client) };
    },
    credentials: () => Promise.resolve(null),
    findModel: () => Promise.reject(new Error('no model')),
    packModel: () => Promise.reject(new Error('no archive')),
    localPath: fileURLToPath,
  });
  const ref = (name: string) => ({ engine: 'container', name });
  const log = (name: string) => readIfThere(join(jobsDir, name, 'log.txt'));
  const ended = async (name: string, seconds = 90) => {
    let state: JobState = { status: 'missing' };
    await until(async () => {
      state = await engine.describe(ref(name));
      return state.status !== 'running';
    }, seconds);
    return state;
  };
  const start = async (name: string, job: JobRequest, signal = new AbortController().signal) => {
    await engine.ensure(name, job, signal);
  };
  return {
    folder,
    jobsDir,
    engine,
    start,
    ended,
    log,
    describe: (name) => engine.describe(ref(name)),
    stop: (name) => engine.stop(ref(name)),
    async run(name, job, seconds) {
      await start(name, job);
      return ended(name, seconds);
    },
    says: (name, text, seconds = 90) => until(() => log(name).includes(text), seconds),
    async killSupervisor(name) {
      const folder = join(jobsDir, name);
      let pids: number[] = [];
      await until(async () => (pids = await processesIn(folder)).length > 0);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await until(async () => !(await isSupervised({ control: join(folder, 'control') })));
    },
  };
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A name for a job that no other run of the tests has used. */
export const jobName = (what: string) => `t-${testTag['sluice.test']}-${what}`;

export interface JobParts {
  image?: string;
  /** Null: the image's own. */
  entrypoint?: string[] | null;
  inputs?: Record<string, string>;
  outputs?: Record<string, string>;
  environment?: Record<string, string>;
  local?: Partial<JobRequest['local']>;
}

/** A processing job; the outputs are local paths by their names. */
export function processing(command: string[], parts: JobParts = {}): ProcessingJob {
  const { image = baseImage, entrypoint = command, inputs = {}, outputs = {}, environment = {} } = parts;
  const local = { stopGraceSeconds: 5, maxRuntimeSeconds: 300, pullPolicy: 'never' as const, ...parts.local };
  return {
    kind: 'Processing',
    body: {
      AppSpecification: {
        ImageUri: image,
        ...(entrypoint !== null && { ContainerEntrypoint: entrypoint }),
      },
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
        ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 30 },
      },
      StoppingCondition: { MaxRuntimeInSeconds: local.maxRuntimeSeconds },
      Environment: environment,
    },
    local,
    tags: testTag,
  };
}

export const shell = (script: string, parts: JobParts = {}) => processing(['sh', '-c', script], parts);
/** `python3 -c` takes no more than an argument of SageMaker's may have: 256 characters. */
export const pythonJob = (script: string, parts: JobParts = {}) =>
  processing(['python3', '-u', '-c', script], parts);

export function training(script: string, outputFolder: string, parts: JobParts = {}): TrainingJob {
  return {
    kind: 'Training',
    body: {
      AlgorithmSpecification: {
        TrainingImage: baseImage,
        TrainingInputMode: 'File',
        ContainerEntrypoint: ['python3', '-u', '-c', script],
      },
      HyperParameters: {},
      InputDataConfig: [],
      OutputDataConfig: { S3OutputPath: pathToFileURL(outputFolder).href },
      ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.xlarge', VolumeSizeInGB: 30 },
      StoppingCondition: { MaxRuntimeInSeconds: 300 },
      Environment: {},
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: 300, pullPolicy: 'never', ...parts.local },
    tags: testTag,
  };
}

export const docker = (...args: string[]) =>
  execFileSync('docker', ['-H', `unix://${dockerSocket}`, ...args], { encoding: 'utf8', stdio: 'pipe' });

/** How often a script got as far as to say so: every start of a container writes anew. */
export const count = (text: string, part: string) => text.split(part).length - 1;

/** What a bench has left in the folder of its jobs besides the jobs themselves. */
export const leftovers = ({ jobsDir }: Bench) =>
  readdirSync(jobsDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(^|\/)(commit-|asides-|\.new-|\.probe-)/.test(path),
  );
