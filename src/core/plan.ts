import type {
  JobRequest,
  LocalOptions,
  ModelBody,
  ProcessingJob,
  TrainingJob,
  TransformJob,
} from './jobs.ts';
import type { Pipeline, Steps } from './pipeline.ts';

/** Where things are, found out before the first job: what the plan cannot know by itself. */
export interface Sources {
  /** The snapshot of the code folder. */
  codeUri: string;
  inputUri: string;
  /** Input of the batch transform. Null without that step. */
  batchUri: string | null;
  /** Image of each step, by name; createModel serves with training's. */
  images: Record<'preprocess' | 'train' | 'evaluate', string>;
  /** The folder that this run writes to. */
  runUri: string;
}

export interface StepPlan {
  pipeline: Pipeline;
  sources: Sources;
  /** Kept with every job: whose it is. */
  tags: Record<string, string>;
}

const processing = '/opt/ml/processing';
const codePath = `${processing}/input/code`;
/** Where script mode finds the code channel in the container. */
const codeChannelPath = '/opt/ml/input/data/code';

export const stepOutputUri = (sources: Sources, step: string, output: string) =>
  `${sources.runUri}/${step}/${output}`;

/** SageMaker writes the model of a training job here. */
export const modelArtifactUri = (sources: Sources, jobName: string) =>
  `${sources.runUri}/train/${jobName}/output/model.tar.gz`;

export const reportUri = ({ pipeline, sources }: StepPlan) =>
  `${stepOutputUri(sources, 'evaluate', 'evaluation')}/${pipeline.steps.evaluate.report}`;

export function preprocessJob(plan: StepPlan): ProcessingJob {
  const step = plan.pipeline.steps.preprocess;
  const data = processingInput('data', plan.sources.inputUri, step.dataDistribution);
  return processingJob(plan, 'preprocess', [data], step.outputs);
}

/** Evaluation reads the model and every output of preprocessing that training did not get, unless the file says otherwise. */
export function evaluateJob(plan: StepPlan, modelUri: string): ProcessingJob {
  const step = plan.pipeline.steps.evaluate;
  const names = step.inputs ?? withoutChannels(plan.pipeline.steps);
  const inputs = names.map((name) =>
    processingInput(name, stepOutputUri(plan.sources, 'preprocess', name), step.dataDistribution),
  );
  return processingJob(plan, 'evaluate', [processingInput('model', modelUri), ...inputs], ['evaluation']);
}

function withoutChannels(steps: Steps): string[] {
  const channels = trainingChannels(steps);
  return steps.preprocess.outputs.filter((name) => !channels.includes(name));
}

/** Training never sees the output `test` unless the file names it as a channel. */
function trainingChannels(steps: Steps): string[] {
  return steps.train.channels ?? steps.preprocess.outputs.filter((name) => name !== 'test');
}

type Distribution = Steps['train']['dataDistribution'];

function processingInput(
  name: string,
  uri: string,
  distribution: Distribution = 'FullyReplicated',
): ProcessingJob['body']['ProcessingInputs'][number] {
  return {
    InputName: name,
    S3Input: {
      S3Uri: uri,
      LocalPath: `${processing}/input/${name}`,
      S3DataType: 'S3Prefix',
      S3InputMode: 'File',
      S3DataDistributionType: distribution,
    },
  };
}

function processingJob(
  plan: StepPlan,
  name: 'preprocess' | 'evaluate',
  inputs: ProcessingJob['body']['ProcessingInputs'],
  outputs: readonly string[],
): ProcessingJob {
  const step = plan.pipeline.steps[name];
  const entrypoint = step.script === undefined ? step.entrypoint : ['python3', `${codePath}/${step.script}`];
  return {
    kind: 'Processing',
    body: {
      AppSpecification: {
        ImageUri: plan.sources.images[name],
        ...(entrypoint && { ContainerEntrypoint: entrypoint }),
        ...(step.arguments && { ContainerArguments: step.arguments }),
      },
      ProcessingInputs: [processingInput('code', plan.sources.codeUri), ...inputs],
      ProcessingOutputConfig: {
        Outputs: outputs.map((output) => ({
          OutputName: output,
          S3Output: {
            S3Uri: stepOutputUri(plan.sources, name, output),
            LocalPath: `${processing}/output/${output}`,
            S3UploadMode: 'EndOfJob',
          },
        })),
      },
      ProcessingResources: {
        ClusterConfig: {
          InstanceCount: step.instanceCount,
          InstanceType: step.instanceType,
          VolumeSizeInGB: step.volumeSizeGb,
        },
      },
      StoppingCondition: { MaxRuntimeInSeconds: step.maxRuntimeSeconds },
      ...(step.networkIsolation && { NetworkConfig: { EnableNetworkIsolation: true } }),
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: { ...plan.tags, 'sluice:step': name },
  };
}

/** Script mode: the script and its folder travel as a channel, its arguments as JSON-encoded hyperparameters. */
export function trainJob(plan: StepPlan): TrainingJob {
  const step = plan.pipeline.steps.train;
  const channels = trainingChannels(plan.pipeline.steps).map((name) =>
    trainingChannel(name, stepOutputUri(plan.sources, 'preprocess', name), step.dataDistribution),
  );
  const scriptMode = step.script !== undefined && {
    sagemaker_program: step.script,
    sagemaker_submit_directory: codeChannelPath,
  };
  return {
    kind: 'Training',
    body: {
      AlgorithmSpecification: {
        TrainingImage: plan.sources.images.train,
        TrainingInputMode: 'File',
        ...(step.entrypoint && { ContainerEntrypoint: step.entrypoint }),
      },
      HyperParameters: encodeHyperparameters({ ...step.hyperparameters, ...scriptMode }),
      InputDataConfig: [...channels, trainingChannel('code', plan.sources.codeUri, 'FullyReplicated')],
      OutputDataConfig: { S3OutputPath: `${plan.sources.runUri}/train` },
      ResourceConfig: {
        InstanceCount: step.instanceCount,
        InstanceType: step.instanceType,
        VolumeSizeInGB: step.volumeSizeGb,
      },
      StoppingCondition: { MaxRuntimeInSeconds: step.maxRuntimeSeconds },
      ...(step.networkIsolation && { EnableNetworkIsolation: true }),
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: { ...plan.tags, 'sluice:step': 'train' },
  };
}

function trainingChannel(
  name: string,
  uri: string,
  distribution: Distribution,
): TrainingJob['body']['InputDataConfig'][number] {
  return {
    ChannelName: name,
    DataSource: {
      S3DataSource: { S3Uri: uri, S3DataType: 'S3Prefix', S3DataDistributionType: distribution },
    },
  };
}

/** As the SageMaker SDK sends them: every value a string of JSON, so that a string keeps its quotes. */
function encodeHyperparameters(values: Record<string, string | number | boolean>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
}

export function modelRequest(plan: StepPlan, modelDataUrl: string): ModelBody {
  const step = plan.pipeline.steps.createModel;
  return {
    PrimaryContainer: {
      Image: plan.sources.images.train,
      ModelDataUrl: modelDataUrl,
      Environment: {
        ...step.environment,
        SAGEMAKER_PROGRAM: step.script,
        SAGEMAKER_SUBMIT_DIRECTORY: '/opt/ml/model/code',
      },
    },
    ...(step.networkIsolation && { EnableNetworkIsolation: true }),
  };
}

export const transformOutputUri = (sources: Sources) => `${sources.runUri}/transform`;

export function transformJob(
  plan: StepPlan,
  step: NonNullable<Steps['transform']>,
  batchUri: string,
  modelName: string,
): TransformJob {
  return {
    kind: 'Transform',
    body: {
      ModelName: modelName,
      TransformInput: {
        DataSource: { S3DataSource: { S3Uri: batchUri, S3DataType: 'S3Prefix' } },
        ContentType: step.contentType,
        SplitType: step.splitType,
      },
      TransformOutput: {
        S3OutputPath: transformOutputUri(plan.sources),
        ...(step.accept !== undefined && { Accept: step.accept }),
        AssembleWith: step.assembleWith,
      },
      ...(step.strategy !== undefined && { BatchStrategy: step.strategy }),
      ...(step.maxPayloadMb !== undefined && { MaxPayloadInMB: step.maxPayloadMb }),
      ...(step.maxConcurrentTransforms !== undefined && {
        MaxConcurrentTransforms: step.maxConcurrentTransforms,
      }),
      TransformResources: { InstanceCount: step.instanceCount, InstanceType: step.instanceType },
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: { ...plan.tags, 'sluice:step': 'transform' },
  };
}

function localOptions(step: {
  maxRuntimeSeconds: number;
  local: Omit<LocalOptions, 'maxRuntimeSeconds'>;
}): LocalOptions {
  return { ...step.local, maxRuntimeSeconds: step.maxRuntimeSeconds };
}

/** The longest that a job may take, for Temporal's time-outs. */
export function maxRuntimeSeconds(request: JobRequest): number {
  return request.local.maxRuntimeSeconds;
}
