import { z } from 'zod';
import { comparisons, type Comparison, type Rule } from './gate.ts';
import { sageMakerName } from './jobs.ts';
import { parameters } from './parameters.ts';

/** The largest pipeline file, in bytes: what Temporal passes in one payload with room to spare. */
export const maxPipelineBytes = 256 * 1024;

/** Half of a character (a lone surrogate) cannot be written to a file or a URI. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

/** A relative path under the worker's root, or a `file://` or `s3://` URI. */
const location = text(1024);
/** A file inside a folder of the pipeline, so never absolute and never with `..`. */
const innerPath = text(200).regex(
  /^(?!\/)(?![\s\S]*(?:^|\/)\.\.(?:\/|$))(?![\s\S]*\\)/,
  'must be a path inside the folder: not absolute, without ".."',
);
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

export const executionMode = z.enum(['local', 'sagemaker']);
export type ExecutionMode = z.infer<typeof executionMode>;

/** The framework images that Sluice brings, with the versions of SageMaker's own images. */
const framework = z.strictObject({ name: z.literal('sklearn'), version: z.literal('1.2-1') });

const environment = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'must be the name of an environment variable'),
    z.string().max(256),
  )
  .refine((variables) => Object.keys(variables).length <= 100, { message: 'at most 100 variables' });

/** Settings that only local engines honour. */
const localOptions = z.strictObject({
  /** Seconds between SIGTERM and SIGKILL when the job is stopped. SageMaker gives 120. */
  stopGraceSeconds: z.number().min(0).max(3600).default(10),
});

const unique = (items: readonly string[]) => new Set(items).size === items.length;
const outputNames = z.array(outputName).min(1).max(8).refine(unique, { message: 'names must differ' });

/** What every job takes. */
const job = {
  executionMode: executionMode.optional(),
  framework: framework.optional(),
  image: text(255).optional(),
  environment: environment.default({}),
  instanceType: text(64).default('ml.m5.xlarge'),
  instanceCount: z.int().min(1).max(100).default(1),
  maxRuntimeSeconds: z.int().min(1).max(432_000).default(86_400),
  local: localOptions.prefault({}),
};
const volume = { volumeSizeGb: z.int().min(1).max(16_384).default(30) };

const argument = text(256);
/** A processing step runs a script of the code folder, or any command. */
const command = {
  script: innerPath.optional(),
  entrypoint: z.array(argument).min(1).max(100).optional(),
  arguments: z.array(argument).min(1).max(100).optional(),
};
const scriptOrEntrypoint = {
  check: (step: { script?: string | undefined; entrypoint?: string[] | undefined }) =>
    (step.script === undefined) !== (step.entrypoint === undefined),
  params: { message: 'needs either "script" or "entrypoint"' },
};

const preprocess = z
  .strictObject({ ...job, ...volume, ...command, input: location, outputs: outputNames })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.params);

const train = z
  .strictObject({
    ...job,
    ...volume,
    script: innerPath.optional(),
    entrypoint: command.entrypoint,
    hyperparameters: z
      .record(
        z.string().min(1).max(256),
        z
          .union([z.string(), z.number(), z.boolean()])
          .refine((value) => JSON.stringify(value).length <= 2500, {
            message: 'at most 2,500 characters as JSON',
          }),
      )
      .refine((values) => Object.keys(values).length <= 97, {
        message: 'at most 97 (SageMaker takes 100, three are its own)',
      })
      .default({}),
    /** Outputs of `preprocess` that become channels. Default: all but `test`. */
    channels: outputNames.optional(),
  })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.params);

const evaluate = z
  .strictObject({
    ...job,
    ...volume,
    ...command,
    /** Outputs of `preprocess` that become inputs. Default: those that training did not get. */
    inputs: outputNames.optional(),
    /** The JSON file that the script writes into its output `evaluation`. */
    report: innerPath,
  })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.params);

const comparisonNames = Object.keys(comparisons) as Comparison[];

const condition = z
  .strictObject({
    /** Dotted path to a number in the report. */
    metric: text(256),
    lessThan: z.number().optional(),
    lessThanOrEqualTo: z.number().optional(),
    greaterThan: z.number().optional(),
    greaterThanOrEqualTo: z.number().optional(),
    /** `fail` (default): a rejected run fails with `QualityGateRejected`. `complete`: it completes as rejected. */
    onRejected: z.enum(['fail', 'complete']).default('fail'),
  })
  .refine((rule) => comparisonNames.filter((name) => rule[name] !== undefined).length === 1, {
    message: `needs exactly one of ${comparisonNames.join(', ')}`,
  });

const createModel = z.strictObject({
  /** The inference script, put into the model as `code/`. */
  script: innerPath,
  environment: environment.default({}),
});

const transform = z.strictObject({
  executionMode: job.executionMode,
  input: location,
  contentType: text(256).default('text/csv'),
  accept: text(256).optional(),
  splitType: z.enum(['None', 'Line']).default('None'),
  assembleWith: z.enum(['None', 'Line']).default('None'),
  strategy: z.enum(['MultiRecord', 'SingleRecord']).optional(),
  maxPayloadMb: z.int().min(0).max(100).optional(),
  maxConcurrentTransforms: z.int().min(1).max(100).optional(),
  environment: environment
    .refine((variables) => Object.keys(variables).length <= 16, { message: 'at most 16 variables' })
    .default({}),
  instanceType: job.instanceType,
  instanceCount: job.instanceCount,
  maxRuntimeSeconds: job.maxRuntimeSeconds,
  local: job.local,
});

const register = z.strictObject({
  /** The model package group. */
  group: sageMakerName,
  approvalStatus: z.enum(['PendingManualApproval', 'Approved', 'Rejected']).default('PendingManualApproval'),
  description: text(1024).optional(),
});

const webhook = z.strictObject({
  /** Gets a JSON body that Slack and Teams accept as it is. */
  webhook: z.url({ protocol: /^https?$/ }).max(2048),
});

const steps = z.strictObject({
  preprocess,
  train,
  evaluate,
  condition,
  createModel,
  transform: transform.optional(),
  register: register.optional(),
  notify: z.array(webhook).min(1).max(10).optional(),
});

const exclusiveImage = {
  check: (where: { image?: string | undefined; framework?: unknown }) =>
    where.image === undefined || where.framework === undefined,
  params: { message: 'takes "framework" or "image", not both' },
};

/** The pipeline file, its expressions resolved. */
export const pipelineSchema = z
  .strictObject({
    $schema: z.string().optional(),
    /** Identifies the pipeline: prefix of jobs and models, and the name its runs are found by. */
    name: sageMakerName,
    description: text(1024).optional(),
    executionMode: executionMode.default('local'),
    parameters: parameters.default({}),
    framework: framework.optional(),
    image: text(255).optional(),
    /** The folder of the scripts. */
    code: location,
    steps,
  })
  .refine(exclusiveImage.check, exclusiveImage.params)
  .superRefine(checkReferences);

export type Pipeline = z.infer<typeof pipelineSchema>;
export type Steps = Pipeline['steps'];
export type JobStep = 'preprocess' | 'train' | 'evaluate' | 'transform';

/** Rules between steps. */
function checkReferences(
  pipeline: { image?: string | undefined; framework?: unknown; steps: Steps },
  context: z.RefinementCtx,
): void {
  const problem = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path: ['steps', ...path], message });
  const outputs = pipeline.steps.preprocess.outputs;
  for (const [step, field, names] of [
    ['train', 'channels', pipeline.steps.train.channels],
    ['evaluate', 'inputs', pipeline.steps.evaluate.inputs],
  ] as const) {
    for (const [index, name] of (names ?? []).entries()) {
      if (!outputs.includes(name))
        problem([step, field, index], `"${name}" is not an output of preprocess (${outputs.join(', ')})`);
    }
  }
  for (const step of ['preprocess', 'train', 'evaluate'] as const) {
    const own = pipeline.steps[step];
    if (!exclusiveImage.check(own)) problem([step], exclusiveImage.params.message);
    if ((own.image ?? own.framework ?? pipeline.image ?? pipeline.framework) === undefined) {
      problem([step], 'needs a "framework" or an "image", here or at the top level');
    }
  }
  for (const [key] of Object.entries(pipeline.steps.train.hyperparameters)) {
    if (key.startsWith('sagemaker_'))
      problem(['train', 'hyperparameters', key], 'names that start with "sagemaker_" are SageMaker\'s own');
  }
}

export function gateRule(step: Steps['condition']): Rule {
  for (const comparison of comparisonNames) {
    const threshold = step[comparison];
    if (threshold !== undefined) return { metric: step.metric, comparison, threshold };
  }
  throw new Error('unreachable: the schema asks for one comparison');
}
