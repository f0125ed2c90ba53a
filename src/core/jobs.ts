import { z } from 'zod';
import type { RemoteJob } from './remote-job.ts';

/**
 * Jobs in SageMaker's own words: the body of `CreateProcessingJob`, `CreateTrainingJob`, `CreateTransformJob` and
 * `CreateModel` without the name. Only fields that Sluice sets are here; the shapes and limits are those of the
 * service model (botocore, sagemaker 2017-07-24). URIs are `file://` locally.
 */

/** `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`: the names of jobs, models, model packages and their groups. */
export const sageMakerName = z
  .string()
  .max(63)
  .regex(
    /^[a-zA-Z0-9](-*[a-zA-Z0-9])*$/,
    'must match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}: letters, digits and inner hyphens',
  );

const uri = z.string().min(1).max(1024);
const environment = z.record(z.string(), z.string());
const command = z.array(z.string().max(256)).min(1).max(100);

const instances = {
  InstanceCount: z.int().min(1).max(100),
  InstanceType: z.string().min(1),
};
/** Ids, ARNs and aliases of AWS KMS keys: `[a-zA-Z0-9:/_-]*`. */
const kmsKeyId = z
  .string()
  .max(2048)
  .regex(/^[a-zA-Z0-9:/_-]*$/);
const cluster = z.strictObject({
  ...instances,
  VolumeSizeInGB: z.int().min(1).max(16384),
  VolumeKmsKeyId: kmsKeyId.optional(),
});

/** What is inert on this machine: the role, the network and the keys of an AWS account. */
const vpcConfig = z.strictObject({
  SecurityGroupIds: z.array(z.string().max(32)).min(1).max(5),
  Subnets: z.array(z.string().max(32)).min(1).max(16),
});
const roleArn = z
  .string()
  .min(20)
  .max(2048)
  .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@/-]+$/);

const s3DataSource = z.strictObject({
  S3Uri: uri,
  S3DataType: z.literal('S3Prefix'),
  S3DataDistributionType: z.enum(['FullyReplicated', 'ShardedByS3Key']).optional(),
});

const stoppingCondition = z.strictObject({ MaxRuntimeInSeconds: z.int().min(1) });

const processingBody = z.strictObject({
  RoleArn: roleArn.optional(),
  AppSpecification: z.strictObject({
    ImageUri: uri,
    ContainerEntrypoint: command.optional(),
    ContainerArguments: command.optional(),
  }),
  ProcessingInputs: z
    .array(
      z.strictObject({
        InputName: z.string(),
        S3Input: z.strictObject({
          S3Uri: uri,
          LocalPath: z.string().max(256),
          S3DataType: z.literal('S3Prefix'),
          S3InputMode: z.literal('File'),
          S3DataDistributionType: z.enum(['FullyReplicated', 'ShardedByS3Key']),
        }),
      }),
    )
    .max(10),
  ProcessingOutputConfig: z.strictObject({
    KmsKeyId: kmsKeyId.optional(),
    Outputs: z
      .array(
        z.strictObject({
          OutputName: z.string(),
          S3Output: z.strictObject({
            S3Uri: uri,
            LocalPath: z.string().max(256),
            S3UploadMode: z.literal('EndOfJob'),
          }),
        }),
      )
      .max(10),
  }),
  ProcessingResources: z.strictObject({ ClusterConfig: cluster }),
  StoppingCondition: stoppingCondition,
  NetworkConfig: z
    .strictObject({
      EnableNetworkIsolation: z.boolean().optional(),
      EnableInterContainerTrafficEncryption: z.boolean().optional(),
      VpcConfig: vpcConfig.optional(),
    })
    .optional(),
  Environment: environment,
});

const trainingBody = z.strictObject({
  RoleArn: roleArn.optional(),
  AlgorithmSpecification: z.strictObject({
    TrainingImage: uri,
    TrainingInputMode: z.literal('File'),
    ContainerEntrypoint: command.optional(),
    ContainerArguments: command.optional(),
    MetricDefinitions: z
      .array(z.strictObject({ Name: z.string().min(1).max(255), Regex: z.string().min(1).max(500) }))
      .max(40)
      .optional(),
  }),
  HyperParameters: z.record(z.string().max(256), z.string().max(2500)),
  InputDataConfig: z
    .array(
      z.strictObject({
        ChannelName: z.string().regex(/^[A-Za-z0-9.\-_]{1,64}$/),
        DataSource: z.strictObject({ S3DataSource: s3DataSource }),
        ContentType: z.string().optional(),
      }),
    )
    .max(20),
  OutputDataConfig: z.strictObject({ S3OutputPath: uri, KmsKeyId: kmsKeyId.optional() }),
  ResourceConfig: cluster,
  StoppingCondition: stoppingCondition.extend({ MaxWaitTimeInSeconds: z.int().min(1).optional() }),
  EnableNetworkIsolation: z.boolean().optional(),
  EnableInterContainerTrafficEncryption: z.boolean().optional(),
  EnableManagedSpotTraining: z.boolean().optional(),
  CheckpointConfig: z.strictObject({ S3Uri: uri, LocalPath: z.string().max(4096) }).optional(),
  RetryStrategy: z.strictObject({ MaximumRetryAttempts: z.int().min(1).max(30) }).optional(),
  VpcConfig: vpcConfig.optional(),
  Environment: environment,
});

const transformBody = z.strictObject({
  ModelName: sageMakerName,
  TransformInput: z.strictObject({
    DataSource: z.strictObject({ S3DataSource: s3DataSource }),
    ContentType: z.string().optional(),
    SplitType: z.enum(['None', 'Line']),
  }),
  TransformOutput: z.strictObject({
    S3OutputPath: uri,
    Accept: z.string().optional(),
    AssembleWith: z.enum(['None', 'Line']),
    KmsKeyId: kmsKeyId.optional(),
  }),
  BatchStrategy: z.enum(['MultiRecord', 'SingleRecord']).optional(),
  MaxPayloadInMB: z.int().min(0).max(100).optional(),
  MaxConcurrentTransforms: z.int().min(0).max(100).optional(),
  TransformResources: z.strictObject({ ...instances, VolumeKmsKeyId: kmsKeyId.optional() }),
  Environment: environment,
});

/** The body of `CreateModel` without its name. */
export const modelBody = z.strictObject({
  ExecutionRoleArn: roleArn.optional(),
  PrimaryContainer: z.strictObject({ Image: uri, ModelDataUrl: uri, Environment: environment }),
  EnableNetworkIsolation: z.boolean().optional(),
  VpcConfig: vpcConfig.optional(),
});
export type ModelBody = z.infer<typeof modelBody>;

/** What only the container engine looks at; inert elsewhere. */
export const containerOptions = z.strictObject({
  pullPolicy: z.enum(['missing', 'always', 'never']).optional(),
  /** CPUs and memory of the instance type; `cpus` and `memoryGb` come before. */
  limits: z.literal('instance').optional(),
  cpus: z.number().min(0.01).max(1024).optional(),
  /** GB of 2^30 bytes, as AWS gives the memory of instances. */
  memoryGb: z.number().min(0.01).max(65_536).optional(),
  /** Devices to pass through: so many, or all. */
  gpus: z.union([z.literal('all'), z.int().min(1).max(64)]).optional(),
  /** MB (2^20 bytes) of /dev/shm. */
  sharedMemoryMb: z.int().min(1).max(1_048_576).optional(),
  /** An init as the first process, which forwards signals and reaps; SageMaker has none. */
  init: z.boolean().optional(),
  /** Whether `host.docker.internal` names the machine. */
  hostGateway: z.boolean().optional(),
});

/** What only local engines look at. */
const local = containerOptions.extend({
  /** Seconds between SIGTERM and SIGKILL when the job is stopped. */
  stopGraceSeconds: z.number().min(0).max(3600),
  /** Transform jobs have no StoppingCondition in SageMaker; local engines enforce this one. */
  maxRuntimeSeconds: z.int().min(1),
});
export type LocalOptions = z.infer<typeof local>;

/** Whose job it is: namespace, workflow id, run id, pipeline and step. SageMaker gets them as tags. */
const tags = z.record(z.string().max(128), z.string().max(256));

export const jobRequest = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('Processing'), body: processingBody, local, tags }),
  z.strictObject({ kind: z.literal('Training'), body: trainingBody, local, tags }),
  z.strictObject({ kind: z.literal('Transform'), body: transformBody, local, tags }),
]);
export type JobRequest = z.infer<typeof jobRequest>;
export type ProcessingJob = Extract<JobRequest, { kind: 'Processing' }>;
export type TrainingJob = Extract<JobRequest, { kind: 'Training' }>;
export type TransformJob = Extract<JobRequest, { kind: 'Transform' }>;

export type JobKind = JobRequest['kind'];

/** Null for a transform job whose model is not known. */
export function imageOf(job: JobRequest, model: ModelBody | null): string | null {
  switch (job.kind) {
    case 'Processing':
      return job.body.AppSpecification.ImageUri;
    case 'Training':
      return job.body.AlgorithmSpecification.TrainingImage;
    case 'Transform':
      return model?.PrimaryContainer.Image ?? null;
  }
}

export interface JobRef {
  engine: string;
  name: string;
  /** SageMaker has calls of its own for each kind; local engines know a job by its name. */
  kind?: JobKind;
}

/** Times are ISO 8601, UTC. */
interface Ended {
  /** Absent for jobs of this machine. */
  remote?: RemoteJob;
  startedAt: string;
  endedAt: string;
  /** The last lines of the job's log, for messages. */
  logTail: readonly string[];
}

/** Codes that a finished job can fail with. */
export type JobFailureCode =
  | 'JobFailed'
  | 'JobTimedOut'
  | 'JobLost'
  | 'OutputMissing'
  | 'AccessDenied'
  | 'StorageError'
  | 'CapacityUnavailable'
  | 'JobInterrupted'
  | 'JobInternalError';

export type JobState =
  | { status: 'missing' }
  | {
      status: 'running';
      /** What it is doing, for people: "starting", "running". */ phase: string;
      startedAt: string | null;
      remote?: RemoteJob;
    }
  | ({
      status: 'succeeded';
      /** `/opt/ml/output/message` of a processing job. */
      exitMessage: string | null;
      /** Records that a transform job answered, where the engine can tell. */
      records: number | null;
    } & Ended)
  | ({
      status: 'failed';
      code: JobFailureCode;
      reason: string;
      exitCode: number | null;
      /** What the job itself wrote to `/opt/ml/output/failure`, where the engine can tell. It is in the reason, too. */
      failure?: string;
    } & Ended)
  | ({ status: 'stopped' } & Ended);

/** The states that a job does not leave. */
export type EndedJobState = Extract<JobState, { endedAt: string }>;
