import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';
import type { JobRequest, JobState, LocalOptions, TrainingJob } from '../../../src/core/jobs.ts';
import type { ContainerClient } from '../../../src/engines/container/client.ts';
import { createConnector } from '../../../src/engines/container/connect.ts';
import { createContainerEngine, type ContainerEngineOptions } from '../../../src/engines/container/engine.ts';
import type { LocalEngine } from '../../../src/engines/engine.ts';
import { packArchive } from '../../../src/storage/archive.ts';
import {
  baseImage,
  dockerApi,
  dockerDo,
  dockerSocket,
  listContainers,
  removeContainers,
} from '../../support/docker.ts';
import {
  makeFolder,
  processingJob as plainProcessingJob,
  projectRoot,
  python,
  trainingJob as plainTrainingJob,
  type JobParts,
} from '../process/fixtures.ts';
import { unset } from './docker-folder.ts';

export { makeFolder, projectRoot, writeFiles } from '../process/fixtures.ts';

/** Python, a shell and coreutils; the engine has it. */
export const plainImage = baseImage;

export interface ContainerBench {
  folder: string;
  jobsDir: string;
  engine: LocalEngine;
  /** Containers of all benches share one engine: the name of a job of this one. */
  name(short: string): string;
  start(short: string, job: JobRequest): Promise<void>;
  /** Waits for the end. */
  run(short: string, job: JobRequest, seconds?: number): Promise<JobState>;
  ended(short: string, seconds?: number): Promise<JobState>;
  stop(short: string): Promise<void>;
  log(short: string): string;
  /** The file of an output folder of a training job. */
  trained(short: string, file: string): string;
  /** The containers that the job has. */
  containers(short: string): Promise<string[]>;
}

export function createContainerBench(options: Partial<ContainerEngineOptions> = {}): ContainerBench {
  const folder = makeFolder();
  const jobsDir = options.jobsDir ?? join(folder, 'jobs');
  const id = randomBytes(4).toString('hex');
  const engine = createContainerEngine({ ...engineOptions(folder, jobsDir), ...options });
  const name = (short: string) => `${short}-${id}`;
  const ref = (short: string) => ({ engine: 'container', name: name(short) });
  const start = async (short: string, job: JobRequest) => {
    await engine.ensure(name(short), job, new AbortController().signal);
  };
  const ended = (short: string, seconds = 90) => waitForEnd(engine, name(short), seconds);
  afterAll(() => removeAll(jobsDir));
  return {
    folder,
    jobsDir,
    engine,
    name,
    start,
    ended,
    async run(short, job, seconds) {
      await start(short, job);
      return ended(short, seconds);
    },
    stop: (short) => engine.stop(ref(short)),
    log: (short) => readIfThere(join(jobsDir, name(short), 'log.txt')),
    trained: (short, file) => join(folder, 'models', name(short), 'output', file),
    containers: async (short) =>
      (await listContainers(`sluice.job=${name(short)}`)).map(({ Names }) => Names[0]!.slice(1)),
  };
}

const readIfThere = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

export function engineOptions(folder: string, jobsDir: string): ContainerEngineOptions {
  return {
    jobsDir,
    supervisorPython: realpathSync(python),
    frameworksDir: join(projectRoot, 'images'),
    baseImage: null,
    connect: createConnector(unset(folder, { host: `unix://${dockerSocket}` })),
    credentials: () => Promise.resolve(null),
    findModel: () => Promise.reject(new Error('no model')),
    packModel: (uri, pack, target) => packArchive(fileURLToPath(uri), pack, target),
    localPath: fileURLToPath,
  };
}

/** How {@link ContainerBench.run} is done in a process of its own; see `engine-child.js`. */
export function childCommand(
  { folder, jobsDir, name }: Pick<ContainerBench, 'folder' | 'jobsDir' | 'name'>,
  short: string,
  job: JobRequest,
  supervisorPython = realpathSync(python),
  host = `unix://${dockerSocket}`,
) {
  const frameworksDir = join(projectRoot, 'images');
  const what = { folder, jobsDir, name: name(short), job, supervisorPython, frameworksDir, host };
  return {
    command: process.execPath,
    args: [join(import.meta.dirname, 'engine-child.js'), JSON.stringify(what)],
  };
}

async function waitForEnd(engine: LocalEngine, name: string, seconds: number): Promise<JobState> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const state = await engine.describe({ engine: 'container', name });
    if (state.status !== 'running') return state;
    if (Date.now() > deadline) throw new Error(`${name} did not end within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function removeAll(jobsDir: string): Promise<void> {
  await removeContainers(`sluice.home=${jobsDir}`);
  for (const network of await networksOf(`sluice.home=${jobsDir}`))
    await dockerApi('DELETE', `/networks/${network}`);
}

/** The names of the networks with a label. */
export async function networksOf(label: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const reply = await dockerDo('GET', `/networks?filters=${filters}`);
  return (reply.json() as { Name: string }[]).map(({ Name }) => Name);
}

export interface ContainerParts extends JobParts {
  image?: string;
  /** The names of inputs that each host gets its share of. */
  sharded?: readonly string[];
  local?: Partial<LocalOptions>;
  isolated?: boolean;
}

/** A processing job in the plain image; inputs and outputs are local paths by their names. */
export function processingJob(entrypoint: string[], parts: ContainerParts = {}) {
  const { image = plainImage, sharded = [], local = {}, isolated } = parts;
  const job = plainProcessingJob(entrypoint, parts);
  const { body } = job;
  for (const { InputName, S3Input } of body.ProcessingInputs) {
    if (sharded.includes(InputName)) S3Input.S3DataDistributionType = 'ShardedByS3Key';
  }
  return {
    ...job,
    local: { ...job.local, ...local },
    body: {
      ...body,
      AppSpecification: { ...body.AppSpecification, ImageUri: image },
      ...(isolated !== undefined && { NetworkConfig: { EnableNetworkIsolation: isolated } }),
    },
  };
}

export const shell = (script: string, parts: ContainerParts = {}) =>
  processingJob(['sh', '-ec', script], parts);
export const pythonJob = (script: string, parts: ContainerParts = {}) =>
  processingJob(['python3', '-c', script], parts);

/** A training job in the plain image whose outputs are below the folder `models` of the bench. */
export function trainingJob(
  bench: Pick<ContainerBench, 'folder'>,
  script: string,
  { image = plainImage, instanceCount = 1, channels = {}, local = {} }: TrainingParts = {},
): TrainingJob {
  const job = plainTrainingJob(
    ['sh', '-ec', `cd /opt/ml; ${script}`],
    join(bench.folder, 'models'),
    channels,
  );
  return {
    ...job,
    local: { ...job.local, ...local },
    body: {
      ...job.body,
      AlgorithmSpecification: { ...job.body.AlgorithmSpecification, TrainingImage: image },
      ResourceConfig: { ...job.body.ResourceConfig, InstanceCount: instanceCount },
    },
  };
}

interface TrainingParts {
  image?: string;
  instanceCount?: number;
  channels?: Record<string, string>;
  local?: Partial<LocalOptions>;
}

/** A tar file of these, for a build; a name that ends with a slash is a folder. */
export async function tarOf(files: Record<string, string>): Promise<Buffer> {
  const { pack: createPack } = await import('tar-stream');
  const pack = createPack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: 0o755 }, content);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const built: string[] = [];
afterAll(async () => {
  for (const tag of built.splice(0)) await removeImage(tag);
});

/** Builds an image on the plain one. @returns its name, under which it goes after the tests of the file. */
export async function buildImage(short: string, instructions: string, files: Record<string, string> = {}) {
  const tag = `sluice-test/${short}:${randomBytes(4).toString('hex')}`;
  const context = await tarOf({ Dockerfile: `FROM ${plainImage}\n${instructions}\n`, ...files });
  const reply = await dockerDo('POST', `/build?t=${encodeURIComponent(tag)}&forcerm=1`, context);
  if (reply.text().includes('"errorDetail"')) throw new Error(reply.text());
  built.push(tag);
  return tag;
}

export const removeImage = (tag: string) => dockerApi('DELETE', `/images/${tag}?force=1`);

export const urlOf = (path: string) => pathToFileURL(path).href;

/** A client of the real engine, and how often it was asked to build and to pull. */
export async function connectCounted() {
  const { client } = await engineOptions(makeFolder(), '/none').connect();
  const counts = { builds: 0, pulls: 0 };
  const counting: ContainerClient = {
    ...client,
    build: (...args) => ((counts.builds += 1), client.build(...args)),
    pull: (...args) => ((counts.pulls += 1), client.pull(...args)),
  };
  return { client: counting, counts };
}
