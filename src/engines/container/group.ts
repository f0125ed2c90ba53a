import { join } from 'node:path';
import type { JobRequest, LocalOptions, ModelBody, TransformJob } from '../../core/jobs.ts';
import type { FoundBatch, FoundInput } from '../local/inputs.ts';
import {
  configFiles,
  hostNames,
  instanceCount,
  isIsolated,
  jobEnvironment,
  jobFolders,
  optMl,
} from '../opt-ml.ts';
import { driverConfig } from '../transform/config.ts';
import type { Home } from './home.ts';
import type { ContainerSpec, Network } from './requests.ts';

/** A container of a job, and what is put into it before it starts. */
export interface PlannedContainer {
  spec: Omit<ContainerSpec, 'mounts'>;
  /** The job is over when its main containers are; a service only has to be there meanwhile. */
  role: 'main' | 'service';
  /** How its lines in the job's log begin. */
  prefix: string;
  /** Absolute path → content. */
  files: Readonly<Record<string, string>>;
  /** Absolute paths of folders that whoever the image's user is may write to. */
  folders: readonly string[];
  /** With absolute targets. */
  inputs: readonly (FoundInput & { shard: Shard })[];
  /** Of a batch transform: a server has the model unpacked in it, a driver reads how to send the records. */
  part: { kind: 'server' } | { kind: 'driver'; folder: string; settings: string } | null;
}

/** Which of the files, sorted by name, a host gets: those at `index`, `index + count`, … */
export interface Shard {
  index: number;
  count: number;
}

export interface GroupSetting {
  name: string;
  job: JobRequest;
  requestHash: string;
  /** Whose job it is, besides the tags of the request. */
  home: Home;
  /** Of the job on this machine, for what its containers read. */
  folder: string;
  /** What the engine calls the images: of the job or model, and of the driver of a batch transform. */
  images: { job: string; driver: string };
  inputs: readonly FoundInput[];
  /** Of a transform job. */
  model: ModelBody | null;
  batch: FoundBatch | null;
}

export const labels = {
  job: 'sluice.job',
  role: 'sluice.role',
  request: 'sluice.request',
  home: 'sluice.home',
  homeId: 'sluice.home-id',
  boot: 'sluice.boot',
} as const;

/** Not below /opt/ml, which belongs to the job. */
export const driverFolder = '/sluice';
export const driverOutputs = `${driverFolder}/output`;

/** What a host's driver says of its transform. It lies among the predictions, whose names end in `.out`: one stream brings both. */
export const resultName = (host: string) => `result-${host}.json`;

const servingPort = 8080;

/** The containers of a job, in the order in which they start; the first main one has the job's name. */
export function planGroup(setting: GroupSetting): PlannedContainer[] {
  const hosts = hostNames(instanceCount(setting.job));
  const plan = setting.job.kind === 'Transform' ? planTransform : planHost;
  return hosts.flatMap((host, index) => plan(setting, host, { index, count: hosts.length }));
}

export const networkName = (job: string) => `sluice-${job}`;

function planHost(setting: GroupSetting, host: string, shard: Shard): PlannedContainer[] {
  const { name, job } = setting;
  const command = commandOf(job);
  return [
    {
      role: 'main',
      prefix: shard.count > 1 ? `${host}: ` : '',
      spec: {
        ...common(setting, host, 'main'),
        name: shard.index === 0 ? name : `${name}.${host}`,
        image: setting.images.job,
        ...command,
        environment: { ...jobEnvironment(name, job), ...job.body.Environment },
        network: networkOf(setting, host, shard),
      },
      files: below(optMl, configFiles(name, job, host)),
      folders: jobFolders(job).map((folder) => `${optMl}/${folder}`),
      inputs: setting.inputs.map((input) => ({
        ...input,
        target: `${optMl}/${input.target}`,
        shard: input.isSharded ? shard : wholeShard,
      })),
      part: null,
    },
  ];
}

/** A server of the model, and beside it, in its network, the driver that sends the records. */
function planTransform(setting: GroupSetting, host: string, shard: Shard): PlannedContainer[] {
  const { name, job, model, batch } = setting;
  if (job.kind !== 'Transform' || model === null || batch === null) return [];
  const suffix = shard.index === 0 ? '' : `.${host}`;
  const spec = common(setting, host, 'main');
  const number = shard.count > 1 ? ` ${host}` : '';
  const environment = { ...model.PrimaryContainer.Environment, ...job.body.Environment };
  const folder = join(setting.folder, `driver-${host}`);
  return [
    {
      role: 'service',
      prefix: `server${number}: `,
      spec: {
        ...common(setting, host, 'service'),
        name: `${name}${suffix}.server`,
        image: setting.images.job,
        entrypoint: null,
        command: ['serve'],
        environment: { ...jobEnvironment(name, job), ...servingVariables(job), ...environment },
        network: networkOf(setting, host, wholeShard),
      },
      files: {},
      folders: jobFolders(job).map((folder) => `${optMl}/${folder}`),
      inputs: [],
      part: { kind: 'server' },
    },
    {
      role: 'main',
      prefix: `driver${number}: `,
      spec: {
        ...spec,
        name: `${name}${suffix}`,
        image: setting.images.driver,
        entrypoint: ['python3'],
        command: ['-I', '-S', `${driverFolder}/driver/driver.py`, `${driverFolder}/driver/config.json`],
        environment: { LANG: 'C.UTF-8', PYTHONUNBUFFERED: '1' },
        network: { kind: 'of', container: `${name}${suffix}.server` },
        options: withoutGpus(spec.options),
      },
      files: {},
      folders: [driverOutputs, `${optMl}/output`],
      inputs: [
        batchInput(batch),
        { ...given, source: folder, target: `${driverFolder}/driver`, isFolder: true },
      ],
      part: { kind: 'driver', folder, settings: JSON.stringify(driver(job, batch, host, shard)) },
    },
  ];
}

const wholeShard: Shard = { index: 0, count: 1 };
const given = { isSharded: false, shard: wholeShard };

function common(setting: GroupSetting, host: string, role: PlannedContainer['role']) {
  const { job } = setting;
  return {
    labels: {
      ...job.tags,
      [labels.job]: setting.name,
      [labels.role]: role,
      [labels.request]: setting.requestHash,
      [labels.home]: setting.home.folder,
      [labels.homeId]: setting.home.id,
      [labels.boot]: setting.home.boot,
    },
    hostname: host,
    instanceType: instanceTypeOf(job),
    options: job.local,
  };
}

function commandOf(job: JobRequest): Pick<ContainerSpec, 'entrypoint' | 'command'> {
  switch (job.kind) {
    case 'Processing': {
      const { ContainerEntrypoint, ContainerArguments } = job.body.AppSpecification;
      return { entrypoint: ContainerEntrypoint ?? null, command: ContainerArguments ?? null };
    }
    case 'Training': {
      const { ContainerEntrypoint, ContainerArguments } = job.body.AlgorithmSpecification;
      // Without an entrypoint SageMaker runs the image as `docker run IMAGE train`.
      const command =
        ContainerEntrypoint === undefined ? ['train', ...(ContainerArguments ?? [])] : ContainerArguments;
      return { entrypoint: ContainerEntrypoint ?? null, command: command ?? null };
    }
    case 'Transform':
      return { entrypoint: null, command: ['serve'] };
  }
}

export function instanceTypeOf(job: JobRequest): string {
  switch (job.kind) {
    case 'Processing':
      return job.body.ProcessingResources.ClusterConfig.InstanceType;
    case 'Training':
      return job.body.ResourceConfig.InstanceType;
    case 'Transform':
      return job.body.TransformResources.InstanceType;
  }
}

function networkOf({ name, job, model }: GroupSetting, host: string, { count }: Shard): Network {
  if (count > 1) return { kind: 'own', name: networkName(name), alias: host };
  return isIsolated(job, model) ? { kind: 'none' } : { kind: 'default' };
}

/** What SageMaker tells a server of a batch transform. */
function servingVariables({ body }: TransformJob): Record<string, string> {
  return {
    SAGEMAKER_BATCH_STRATEGY: body.BatchStrategy === 'SingleRecord' ? 'SINGLE_RECORD' : 'MULTI_RECORD',
    SAGEMAKER_BIND_TO_PORT: String(servingPort),
    SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: String(Math.max(1, body.MaxConcurrentTransforms ?? 1)),
    SAGEMAKER_MAX_PAYLOAD_IN_MB: String(body.MaxPayloadInMB ?? 6),
  };
}

function driver(job: TransformJob, batch: FoundBatch, host: string, { index, count }: Shard) {
  const inBatch = (path: string) => batchTarget(batch) + path.slice(batch.path.length);
  return driverConfig(job, {
    serve: null,
    port: servingPort,
    baseDir: optMl,
    inputs: batch.files
      .filter((_file, number) => number % count === index)
      .map(({ path, name }) => ({ path: inBatch(path), name })),
    outputDir: driverOutputs,
    resultFile: `${driverOutputs}/${resultName(host)}`,
    failureFile: `${optMl}/output/failure`,
  });
}

const batchTarget = ({ path, files }: FoundBatch) =>
  files[0]?.path === path ? `${driverFolder}/input/${files[0].name}` : `${driverFolder}/input`;

function batchInput(batch: FoundBatch): FoundInput & { shard: Shard } {
  const isFolder = batch.files[0]?.path !== batch.path;
  return { ...given, source: batch.path, target: batchTarget(batch), isFolder };
}

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
}

/** They are for the model. */
function withoutGpus(options: LocalOptions): LocalOptions {
  const { gpus: ofTheModel, ...others } = options;
  return ofTheModel === undefined ? options : others;
}
