import { z } from 'zod';
import { containerOptions } from './jobs.ts';

/** The fields that several steps of a pipeline file take. Descriptions go into the JSON Schema, for editors. */

/** Half of a character (a lone surrogate) cannot be written to a file or a URI. */
export const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

/** What goes into an HTTP header. */
export const headerText = text(256).regex(/^[ -~]*$/, 'must consist of ASCII characters');

export const location = text(1024).describe(
  'A path relative to the root of the worker, a file:// URI, or an s3:// URI.',
);

/** A file inside a folder, so never absolute and never with `..`. */
export const innerPath = text(200).regex(
  // Not `.*`: a line separator would hide what comes after it.
  /^(?!\/)(?![\s\S]*(?:^|\/)\.\.(?:\/|$))(?![\s\S]*\\)/,
  'must be a path inside the folder: not absolute, without ".."',
);

export const script = innerPath.describe('A file of the code folder.');

/** The name of an output, and so of the channel or input that other steps read it by. */
const outputName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" or "-", not starting with a sign',
  )
  .refine((name) => name !== 'code' && name !== 'model', {
    message: '"code" and "model" are names of Sluice itself',
  });

/** Scripts see the channels as `SM_CHANNEL_<NAME>`, and some file systems know no case either. */
const differ = (names: readonly string[]) =>
  new Set(names.map((name) => name.toUpperCase())).size === names.length;

export const outputNames = z
  .array(outputName)
  .min(1)
  .max(8)
  .refine(differ, { message: 'names must differ, not only in upper and lower case' });

export const executionMode = z
  .enum(['local', 'sagemaker'])
  .describe('Where jobs run: on this machine, or as SageMaker jobs.');

export const priority = z
  .int()
  .min(1)
  .max(5)
  .optional()
  .describe('Whose turn it is where runs wait: 1 goes first, 5 last. Default: 3, or that of the workflow.');

/** The framework images that Sluice brings, with the versions of SageMaker's own images. */
const frameworks = { sklearn: '1.2-1', xgboost: '1.7-1' } as const;
export const framework = z
  .strictObject({
    name: z.enum(Object.keys(frameworks) as (keyof typeof frameworks)[]),
    version: z.enum(Object.values(frameworks)),
  })
  .refine(({ name, version }) => frameworks[name] === version, {
    path: ['version'],
    error: ({ input }) => {
      const { name } = input as { name: keyof typeof frameworks };
      return `${name} is there as ${frameworks[name]}`;
    },
  });

export const image = text(255)
  .regex(/^\S*$/, 'must not contain white space')
  .describe('An image of your own, instead of a framework.');

/** `execve` ends a value at its first NUL. */
export const withoutNul = z.string().regex(/^[^\0]*$/, 'must not contain NUL');

export const environment = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'must be letters, digits and "_", not a digit first'),
    withoutNul.max(256),
  )
  .refine((variables) => Object.keys(variables).length <= 100, { message: 'takes at most 100 variables' })
  .describe('Environment variables of the job.');

const container = containerOptions.shape;

const local = z
  .strictObject({
    stopGraceSeconds: z
      .number()
      .min(0)
      .max(3600)
      .default(10)
      .describe('Seconds between SIGTERM and SIGKILL when the job is stopped. SageMaker gives 120.'),
    pullPolicy: container.pullPolicy.describe('When an image is pulled. Default: missing. Containers only.'),
    limits: container.limits.describe(
      '"instance": no more CPUs and memory than the instance type has. Default: no limits. Containers only.',
    ),
    cpus: container.cpus.describe('CPUs of the container, at most. Containers only.'),
    memoryGb: container.memoryGb.describe(
      'Memory of the container, at most, in GB of 2^30 bytes. Containers only.',
    ),
    gpus: container.gpus.describe('GPUs passed to the container: a number, or "all". Containers only.'),
    sharedMemoryMb: container.sharedMemoryMb.describe('MB of /dev/shm. Containers only.'),
    init: container.init.describe(
      'An init as first process, which forwards signals and reaps. SageMaker has none. Containers only.',
    ),
    hostGateway: container.hostGateway.describe(
      'Whether host.docker.internal names this machine. Containers only.',
    ),
  })
  .describe('Settings that only local engines honour.');

/** Failures of a job of SageMaker that another job may not have. */
const jobRetries = z
  .strictObject({
    capacity: z
      .int()
      .min(0)
      .max(8)
      .default(0)
      .describe('After CapacityUnavailable: AWS had no machines of that type.'),
    internal: z
      .int()
      .min(0)
      .max(8)
      .default(0)
      .describe('After JobInternalError: an error of SageMaker itself.'),
    quota: z.int().min(0).max(8).default(0).describe('After QuotaExceeded: other jobs use what is allowed.'),
    delaySeconds: z.int().min(0).max(86_400).default(60).describe('Before each of them.'),
  })
  .describe('How many other jobs are tried after failures that are not of the script.');

/** What every job takes. */
export const job = {
  executionMode: executionMode.optional(),
  framework: framework.optional(),
  image: image.optional(),
  environment: environment.default({}),
  instanceType: text(64).default('ml.m5.xlarge').describe('SageMaker only.'),
  instanceCount: z.int().min(1).max(100).default(1),
  maxRuntimeSeconds: z
    .int()
    .min(1)
    .max(432_000)
    .default(86_400)
    .describe('The job is stopped and the step fails after so many seconds.'),
  jobRetries: jobRetries.prefault({}),
  local: local.prefault({}),
};
export const volume = { volumeSizeGb: z.int().min(1).max(16_384).default(30).describe('SageMaker only.') };

export const networkIsolation = z
  .boolean()
  .default(false)
  .describe('No network in the container (EnableNetworkIsolation).');

export const dataDistribution = z
  .enum(['FullyReplicated', 'ShardedByS3Key'])
  .default('FullyReplicated')
  .describe(
    'Whether every instance gets all files of its data, or its share of them (S3DataDistributionType).',
  );

const argument = text(256);
/** A step runs a script of the code folder, or any command. */
export const command = {
  script: script.optional(),
  entrypoint: z.array(argument).min(1).max(100).optional().describe('Any command, instead of a script.'),
};
export const commandArguments = z.array(argument).min(1).max(100).optional();

const hyperparameter = z
  .union([withoutNul, z.number(), z.boolean()], { error: 'takes text, a number, true or false' })
  .refine((value) => JSON.stringify(value).length <= 2500, {
    message: 'takes at most 2,500 characters as JSON',
  });

export const hyperparameters = z
  .record(text(256), hyperparameter)
  .refine((values) => Object.keys(values).length <= 97, {
    message: 'takes at most 97 names (SageMaker takes 100, three are its own)',
  })
  .describe('Arguments of the script: --name value.');

/** The same key for data and disks in all of a run is what most have; a step has none of its own. */
export const kms = z
  .strictObject({
    output: text(2048).optional().describe('Of what jobs write to S3: an id, ARN or alias.'),
    volume: text(2048).optional().describe('Of the disks of the instances.'),
  })
  .describe('Keys of AWS KMS. SageMaker only.');

export const vpc = z
  .strictObject({
    subnets: z.array(text(32)).min(1).max(16),
    securityGroupIds: z.array(text(32)).min(1).max(5),
    encryptTraffic: z.boolean().default(false).describe('Between the instances of a job.'),
  })
  .describe('The network of the jobs. SageMaker only.');

/** Beside ours; AWS takes 50. */
export const tags = z
  .record(
    text(128).regex(
      /^(?!aws:|sluice:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u,
      'must be a tag key of AWS, not of "aws:" or "sluice:"',
    ),
    z
      .string()
      .max(256)
      .regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, 'must be a tag value of AWS'),
  )
  .refine((values) => Object.keys(values).length <= 40, { message: 'takes at most 40 tags' })
  .describe('Tags of jobs, models and model packages. SageMaker only.');

export const spot = z
  .strictObject({
    maxWaitSeconds: z
      .int()
      .min(1)
      .max(2_592_000)
      .describe('For spot instances and training together, at least maxRuntimeSeconds.'),
    checkpoints: z
      .boolean()
      .default(true)
      .describe('Whether /opt/ml/checkpoints is kept on S3 and comes back after an interruption.'),
  })
  .describe('Managed spot training. SageMaker only.');

export const metricDefinitions = z
  .array(z.strictObject({ name: text(255), regex: z.string().min(1).max(500) }))
  .min(1)
  .max(40)
  .describe('What SageMaker reads out of the log of training as metrics. SageMaker only.');
