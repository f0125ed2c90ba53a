import { z } from 'zod';
import * as field from './fields.ts';
import { comparisons, type Comparison, type Rule } from './gate.ts';
import { sageMakerName } from './jobs.ts';
import { notifyTarget } from './notify-targets.ts';
import { parameters } from './parameters.ts';
import { sessionSettings } from './session.ts';
import { listed, quote } from './wording.ts';

/** The largest pipeline file, in bytes: what Temporal passes in one payload with room to spare. */
export const maxPipelineBytes = 256 * 1024;

export type ExecutionMode = z.infer<typeof field.executionMode>;
export type Framework = z.infer<typeof field.framework>;

const scriptOrEntrypoint = {
  check: (step: { script?: string | undefined; entrypoint?: string[] | undefined }) =>
    (step.script === undefined) !== (step.entrypoint === undefined),
  message: 'needs either "script" or "entrypoint"',
};

/** What the check above and the one of the condition say, in JSON Schema. */
const exactlyOne = (names: readonly string[]) => ({ oneOf: names.map((name) => ({ required: [name] })) });

const preprocess = z
  .strictObject({
    ...field.job,
    ...field.volume,
    ...field.command,
    networkIsolation: field.networkIsolation,
    dataDistribution: field.dataDistribution,
    arguments: field.commandArguments,
    input: field.location,
    outputs: field.outputNames.describe('Folders that the script fills; the other steps read them.'),
  })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.message)
  .meta(exactlyOne(['script', 'entrypoint']));

const train = z
  .strictObject({
    ...field.job,
    ...field.volume,
    ...field.command,
    networkIsolation: field.networkIsolation,
    dataDistribution: field.dataDistribution,
    hyperparameters: field.hyperparameters.default({}),
    channels: field.outputNames
      .optional()
      .describe('Outputs of "preprocess" that training reads. Default: all but "test".'),
    spot: field.spot.optional(),
    metricDefinitions: field.metricDefinitions.optional(),
    retryAttempts: z
      .int()
      .min(1)
      .max(30)
      .optional()
      .describe('How often SageMaker itself starts training anew after its own errors. SageMaker only.'),
  })
  .refine(({ spot, maxRuntimeSeconds }) => spot === undefined || spot.maxWaitSeconds >= maxRuntimeSeconds, {
    path: ['spot', 'maxWaitSeconds'],
    message: 'must be at least maxRuntimeSeconds',
  })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.message)
  .meta(exactlyOne(['script', 'entrypoint']));

/** Its name stands in a URI, and so does the name of what is read. */
const report = field.innerPath.regex(
  /^[\w.-]+(\/[\w.-]+)*$/,
  'must consist of letters, digits, ".", "_", "-" and "/"',
);

const evaluate = z
  .strictObject({
    ...field.job,
    ...field.volume,
    ...field.command,
    networkIsolation: field.networkIsolation,
    dataDistribution: field.dataDistribution,
    arguments: field.commandArguments,
    inputs: field.outputNames
      .optional()
      .describe('Outputs of "preprocess" that evaluation reads. Default: those that training did not get.'),
    report: report.describe('The JSON file that the script writes into its output "evaluation".'),
  })
  .refine(scriptOrEntrypoint.check, scriptOrEntrypoint.message)
  .meta(exactlyOne(['script', 'entrypoint']));

const comparisonNames = Object.keys(comparisons) as Comparison[];

const condition = z
  .strictObject({
    metric: field
      .text(256)
      .regex(/^[^.]+(\.[^.]+)*$/, 'must be names joined by "."')
      .describe('Where the report has the metric: keys joined by dots, "regression_metrics.mse.value".'),
    lessThan: z.number().optional(),
    lessThanOrEqualTo: z.number().optional(),
    greaterThan: z.number().optional(),
    greaterThanOrEqualTo: z.number().optional(),
    onRejected: z
      .enum(['fail', 'complete'])
      .default('fail')
      .describe('Whether a rejected run fails with QualityGateRejected, or completes as rejected.'),
  })
  .refine((rule) => comparisonNames.filter((name) => rule[name] !== undefined).length === 1, {
    message: `needs exactly one of ${comparisonNames.join(', ')}`,
  })
  .meta(exactlyOne(comparisonNames));

const createModel = z.strictObject({
  script: field.script.describe('The inference script, a file of the code folder; it goes into the model.'),
  environment: field.environment.default({}),
  networkIsolation: field.networkIsolation,
});

const transform = z.strictObject({
  executionMode: field.job.executionMode,
  input: field.location,
  contentType: field.headerText.default('text/csv'),
  accept: field.headerText.optional(),
  splitType: z.enum(['None', 'Line']).default('None'),
  assembleWith: z.enum(['None', 'Line']).default('None'),
  strategy: z.enum(['MultiRecord', 'SingleRecord']).optional(),
  maxPayloadMb: z.int().min(0).max(100).optional(),
  maxConcurrentTransforms: z.int().min(1).max(100).optional(),
  environment: field.environment
    .refine((variables) => Object.keys(variables).length <= 16, { message: 'takes at most 16 variables' })
    .default({}),
  instanceType: field.job.instanceType,
  instanceCount: field.job.instanceCount,
  maxRuntimeSeconds: field.job.maxRuntimeSeconds,
  jobRetries: field.job.jobRetries,
  local: field.job.local,
});

const register = z.strictObject({
  group: sageMakerName.describe('The model package group.'),
  approvalStatus: z.enum(['PendingManualApproval', 'Approved', 'Rejected']).default('PendingManualApproval'),
  description: field.text(1024).optional(),
});

const steps = z.strictObject({
  preprocess,
  train,
  evaluate,
  condition,
  createModel,
  transform: transform.optional(),
  register: register.optional(),
  notify: z
    .array(notifyTarget)
    .min(1)
    .max(10)
    .optional()
    .describe('Who is told how a run ends. The log of the worker always is.'),
});

const exclusiveImage = {
  check: (where: { image?: string | undefined; framework?: unknown }) =>
    where.image === undefined || where.framework === undefined,
  message: 'takes "framework" or "image", not both',
};

/** The pipeline file, its expressions resolved. */
export const pipelineSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: sageMakerName.describe('Prefix of jobs and models, and the name that runs are found by.'),
    description: field.text(1024).optional(),
    executionMode: field.executionMode.default('local'),
    parameters: parameters
      .default({})
      .describe('Typed values of a run, each with a default or required at start.'),
    framework: field.framework.optional(),
    image: field.image.optional(),
    code: field.location.describe(
      'The folder of the scripts: a path relative to the root of the worker, or an s3:// URI.',
    ),
    priority: field.priority,
    session: sessionSettings.optional(),
    vpc: field.vpc.optional(),
    kms: field.kms.optional(),
    tags: field.tags.default({}),
    steps,
  })
  .refine(exclusiveImage.check, exclusiveImage.message)
  .superRefine(checkReferences);

export type Pipeline = z.infer<typeof pipelineSchema>;
export type Steps = Pipeline['steps'];
/** The steps that run a job. */
export const jobSteps = ['preprocess', 'train', 'evaluate', 'transform'] as const;
export type JobStep = (typeof jobSteps)[number];

/** Rules between steps. */
function checkReferences(
  pipeline: { image?: string | undefined; framework?: unknown; steps: Steps },
  context: z.RefinementCtx,
): void {
  const problem = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path: ['steps', ...path], message });
  const outputs = pipeline.steps.preprocess.outputs;
  for (const [step, key, names] of [
    ['train', 'channels', pipeline.steps.train.channels],
    ['evaluate', 'inputs', pipeline.steps.evaluate.inputs],
  ] as const) {
    for (const [index, name] of (names ?? []).entries()) {
      if (!outputs.includes(name))
        problem([step, key, index], `${quote(name)} is not an output of preprocess (${listed(outputs)})`);
    }
  }
  for (const step of ['preprocess', 'train', 'evaluate'] as const) {
    const own = pipeline.steps[step];
    if (!exclusiveImage.check(own)) problem([step], exclusiveImage.message);
    if ((own.image ?? own.framework ?? pipeline.image ?? pipeline.framework) === undefined) {
      problem([step], 'needs a "framework" or an "image", here or at the top level');
    }
  }
  for (const key of Object.keys(pipeline.steps.train.hyperparameters)) {
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
