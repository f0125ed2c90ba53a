import type { JobRequest, ModelBody, ProcessingJob, TrainingJob } from '../core/jobs.ts';

/** SageMaker's folder in the container: the contract of every image and script. */
export const optMl = '/opt/ml';

/** Something to read that a job finds below {@link optMl}: the object at `uri` itself, or the folder. */
export interface JobInput {
  name: string;
  uri: string;
  /** Relative to {@link optMl}. A single file lies in this folder under its own name. */
  folder: string;
  /** Whether each host gets only its share of the files. */
  isSharded: boolean;
}

/** A folder that is handed over, relative to {@link optMl}, and where to. */
export interface JobOutput {
  kind: 'folder' | 'archive' | 'optional-archive';
  folder: string;
  uri: string;
}

/** The part of an absolute path below {@link optMl}, without slashes at its ends; null if it isn't there. */
export function belowOptMl(path: string): string | null {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const inside = path.startsWith('/') && parts[0] === 'opt' && parts[1] === 'ml' && !parts.includes('..');
  return inside && parts.length > 2 ? parts.slice(2).join('/') : null;
}

/** What the job reads from /opt/ml. The input of a transform job isn't there: its driver sends it to the server. */
export function jobInputs(job: JobRequest): JobInput[] {
  switch (job.kind) {
    case 'Processing':
      return job.body.ProcessingInputs.map(({ InputName, S3Input }) => ({
        name: InputName,
        uri: S3Input.S3Uri,
        folder: belowOptMl(S3Input.LocalPath) ?? '',
        isSharded: S3Input.S3DataDistributionType === 'ShardedByS3Key',
      }));
    case 'Training':
      return job.body.InputDataConfig.map(({ ChannelName, DataSource }) => ({
        name: ChannelName,
        uri: DataSource.S3DataSource.S3Uri,
        folder: `input/data/${ChannelName}`,
        isSharded: DataSource.S3DataSource.S3DataDistributionType === 'ShardedByS3Key',
      }));
    case 'Transform':
      return [];
  }
}

/** What is kept of a job that succeeded. The folder of a transform job isn't below /opt/ml, and so not here. */
export function jobOutputs(name: string, job: JobRequest): JobOutput[] {
  switch (job.kind) {
    case 'Processing':
      return job.body.ProcessingOutputConfig.Outputs.map(({ S3Output }) => ({
        kind: 'folder',
        folder: belowOptMl(S3Output.LocalPath) ?? '',
        uri: withoutFinalSlash(S3Output.S3Uri),
      }));
    case 'Training': {
      const uri = `${withoutFinalSlash(job.body.OutputDataConfig.S3OutputPath)}/${name}/output`;
      return [
        { kind: 'archive', folder: 'model', uri: `${uri}/model.tar.gz` },
        { kind: 'optional-archive', folder: 'output/data', uri: `${uri}/output.tar.gz` },
      ];
    }
    case 'Transform':
      return [];
  }
}

/** The folders that are there before the job starts, besides those of inputs. Relative to {@link optMl}. */
export function jobFolders(job: JobRequest): string[] {
  switch (job.kind) {
    case 'Processing':
      return ['config', 'output', 'processing', ...jobOutputs('', job).map((output) => output.folder)];
    case 'Training':
      return ['input/config', 'input/data', 'model', 'output/data', 'checkpoints', 'code'];
    case 'Transform':
      return ['model', 'output'];
  }
}

/** The hosts of a job, by the names that SageMaker gives them. */
export const hostNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `algo-${index + 1}`);

export function instanceCount(job: JobRequest): number {
  switch (job.kind) {
    case 'Processing':
      return job.body.ProcessingResources.ClusterConfig.InstanceCount;
    case 'Training':
      return job.body.ResourceConfig.InstanceCount;
    case 'Transform':
      return job.body.TransformResources.InstanceCount;
  }
}

/** Whether the job has no network; of a transform job its model says so. */
export function isIsolated(job: JobRequest, model: ModelBody | null): boolean {
  switch (job.kind) {
    case 'Processing':
      return job.body.NetworkConfig?.EnableNetworkIsolation === true;
    case 'Training':
      return job.body.EnableNetworkIsolation === true;
    case 'Transform':
      return model?.EnableNetworkIsolation === true;
  }
}

/** The files that SageMaker writes on a host before the job starts: path relative to {@link optMl} → content. */
export function configFiles(name: string, job: JobRequest, host = 'algo-1'): Record<string, string> {
  switch (job.kind) {
    case 'Processing':
      return toJson({
        'config/processingjobconfig.json': processingJobConfig(name, job),
        'config/resourceconfig.json': resourceConfig(job.body.ProcessingResources.ClusterConfig, host),
      });
    case 'Training':
      return toJson({
        'input/config/hyperparameters.json': job.body.HyperParameters,
        'input/config/inputdataconfig.json': inputDataConfig(job),
        'input/config/resourceconfig.json': resourceConfig(job.body.ResourceConfig, host),
      });
    case 'Transform':
      return {};
  }
}

/** What SageMaker itself sets in the environment of the container, before the variables of the request. */
export function jobEnvironment(name: string, job: JobRequest): Record<string, string> {
  switch (job.kind) {
    case 'Processing':
      return { PROCESSING_JOB_NAME: name };
    case 'Training':
      return { TRAINING_JOB_NAME: name };
    case 'Transform':
      // The driver sets the rest, for its own defaults count.
      return { SAGEMAKER_BATCH: 'true' };
  }
}

function processingJobConfig(name: string, { body }: ProcessingJob) {
  const { ContainerEntrypoint, ContainerArguments, ImageUri } = body.AppSpecification;
  return {
    ProcessingJobArn: `arn:aws:sagemaker:local:000000000000:processing-job/${name}`,
    ProcessingJobName: name,
    AppSpecification: {
      ImageUri,
      ContainerEntrypoint: ContainerEntrypoint ?? null,
      ContainerArguments: ContainerArguments ?? null,
    },
    Environment: body.Environment,
    ProcessingInputs: body.ProcessingInputs,
    ProcessingOutputConfig: body.ProcessingOutputConfig,
    ProcessingResources: body.ProcessingResources,
    StoppingCondition: body.StoppingCondition,
    ...(body.NetworkConfig && { NetworkConfig: body.NetworkConfig }),
  };
}

function inputDataConfig({ body }: TrainingJob) {
  const channels = body.InputDataConfig.map(({ ChannelName, ContentType, DataSource }) => [
    ChannelName,
    {
      TrainingInputMode: body.AlgorithmSpecification.TrainingInputMode,
      S3DistributionType: DataSource.S3DataSource.S3DataDistributionType ?? 'FullyReplicated',
      RecordWrapperType: 'None',
      ...(ContentType !== undefined && { ContentType }),
    },
  ]);
  return Object.fromEntries(channels) as Record<string, unknown>;
}

function resourceConfig(
  { InstanceCount, InstanceType }: { InstanceCount: number; InstanceType: string },
  host: string,
) {
  const hosts = hostNames(InstanceCount);
  const group = 'homogeneousCluster';
  return {
    current_host: host,
    current_instance_type: InstanceType,
    current_group_name: group,
    hosts,
    instance_groups: [{ instance_group_name: group, instance_type: InstanceType, hosts }],
    network_interface_name: 'eth0',
  };
}

function toJson(files: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, value]) => [path, JSON.stringify(value, null, 2)]),
  );
}

export function withoutFinalSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
