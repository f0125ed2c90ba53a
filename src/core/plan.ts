import { stepMode } from './parse-pipeline.ts';
import type { LocalOptions, ModelBody, ProcessingJob, TrainingJob, TransformJob } from './jobs.ts';
import type { ExecutionMode, Pipeline, Steps } from './pipeline.ts';
import {
  isOnline,
  network,
  networkConfig,
  outputKey,
  role,
  tagsOf,
  volumeKey,
  vpcConfig,
} from './placement.ts';
import { folder, outputUri, transformOutputUri, type StepPlan } from './run-places.ts';

const processing = '/opt/ml/processing';
const codePath = `${processing}/input/code`;
/** Where script mode finds the code channel in the container. */
const codeChannelPath = '/opt/ml/input/data/code';

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
    processingInput(name, folder(outputUri(plan, 'preprocess', name)), step.dataDistribution),
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
      ...role(plan, name),
      AppSpecification: {
        ImageUri: plan.sources.images[name],
        ...(entrypoint && { ContainerEntrypoint: entrypoint }),
        ...(step.arguments && { ContainerArguments: step.arguments }),
      },
      ProcessingInputs: [processingInput('code', folder(plan.sources.codeUri)), ...inputs],
      ProcessingOutputConfig: {
        ...outputKey(plan, name),
        Outputs: outputs.map((output) => ({
          OutputName: output,
          S3Output: {
            S3Uri: outputUri(plan, name, output),
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
          ...volumeKey(plan, name),
        },
      },
      StoppingCondition: { MaxRuntimeInSeconds: step.maxRuntimeSeconds },
      ...networkConfig(plan, name),
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: tagsOf(plan, name),
  };
}

/** Script mode: the script and its folder travel as a channel, its arguments as JSON-encoded hyperparameters. */
export function trainJob(plan: StepPlan): TrainingJob {
  const step = plan.pipeline.steps.train;
  const channels = trainingChannels(plan.pipeline.steps).map((name) =>
    trainingChannel(name, folder(outputUri(plan, 'preprocess', name)), step.dataDistribution),
  );
  // AWS's training toolkit takes the channel as a folder as well; that it unpacks an archive is what the SageMaker SDK relies on.
  const archive = isOnline(plan, 'train') ? plan.sources.codeArchiveUri : null;
  const scriptMode = step.script !== undefined && {
    sagemaker_program: step.script,
    sagemaker_submit_directory: archive === null ? codeChannelPath : `${codeChannelPath}/sourcedir.tar.gz`,
  };
  return {
    kind: 'Training',
    body: {
      ...role(plan, 'train'),
      AlgorithmSpecification: {
        TrainingImage: plan.sources.images.train,
        TrainingInputMode: 'File',
        ...(step.entrypoint && { ContainerEntrypoint: step.entrypoint }),
        ...(step.metricDefinitions && {
          MetricDefinitions: step.metricDefinitions.map(({ name, regex }) => ({ Name: name, Regex: regex })),
        }),
      },
      HyperParameters: encodeHyperparameters({ ...step.hyperparameters, ...scriptMode }),
      InputDataConfig: [
        ...channels,
        trainingChannel('code', archive ?? folder(plan.sources.codeUri), 'FullyReplicated'),
      ],
      OutputDataConfig: { S3OutputPath: `${plan.sources.runUri}/train`, ...outputKey(plan, 'train') },
      ResourceConfig: {
        InstanceCount: step.instanceCount,
        InstanceType: step.instanceType,
        VolumeSizeInGB: step.volumeSizeGb,
        ...volumeKey(plan, 'train'),
      },
      StoppingCondition: {
        MaxRuntimeInSeconds: step.maxRuntimeSeconds,
        ...(step.spot && { MaxWaitTimeInSeconds: step.spot.maxWaitSeconds }),
      },
      ...spotTraining(plan, step.spot),
      ...(step.retryAttempts && { RetryStrategy: { MaximumRetryAttempts: step.retryAttempts } }),
      ...(step.networkIsolation && { EnableNetworkIsolation: true }),
      ...network(plan, 'train'),
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: tagsOf(plan, 'train'),
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

/** Checkpoints lie beside the run's other data: another job of the step goes on where the first was interrupted. */
function spotTraining(
  { sources }: StepPlan,
  spot: Steps['train']['spot'],
): Partial<Pick<TrainingJob['body'], 'EnableManagedSpotTraining' | 'CheckpointConfig'>> {
  if (!spot) return {};
  return {
    EnableManagedSpotTraining: true,
    ...(spot.checkpoints && {
      CheckpointConfig: { S3Uri: `${sources.runUri}/checkpoints`, LocalPath: '/opt/ml/checkpoints' },
    }),
  };
}

/** The modes that need the model: that of the run, and that of the batch transform. */
export function modelModes(pipeline: Pipeline): ExecutionMode[] {
  const modes = [pipeline.executionMode];
  if (pipeline.steps.transform) modes.push(stepMode(pipeline, 'transform'));
  return [...new Set(modes)];
}

/** @throws Error if the mode is none of {@link modelModes}. */
export function modelRequest(plan: StepPlan, mode: ExecutionMode, modelDataUrl: string): ModelBody {
  const step = plan.pipeline.steps.createModel;
  const image = plan.sources.servingImages[mode];
  if (image === undefined) throw new Error(`unreachable: no serving image for mode ${mode}`);
  const online = mode === 'sagemaker' ? plan.session : null;
  return {
    ...(online && { ExecutionRoleArn: online.roleArn }),
    PrimaryContainer: {
      Image: image,
      ModelDataUrl: modelDataUrl,
      Environment: {
        ...step.environment,
        SAGEMAKER_PROGRAM: step.script,
        SAGEMAKER_SUBMIT_DIRECTORY: '/opt/ml/model/code',
      },
    },
    ...(step.networkIsolation && { EnableNetworkIsolation: true }),
    ...(online && plan.pipeline.vpc && { VpcConfig: vpcConfig(plan.pipeline.vpc) }),
  };
}

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
        S3OutputPath: transformOutputUri(plan),
        ...outputKey(plan, 'transform'),
        ...(step.accept !== undefined && { Accept: step.accept }),
        AssembleWith: step.assembleWith,
      },
      ...(step.strategy !== undefined && { BatchStrategy: step.strategy }),
      ...(step.maxPayloadMb !== undefined && { MaxPayloadInMB: step.maxPayloadMb }),
      ...(step.maxConcurrentTransforms !== undefined && {
        MaxConcurrentTransforms: step.maxConcurrentTransforms,
      }),
      TransformResources: {
        InstanceCount: step.instanceCount,
        InstanceType: step.instanceType,
        ...volumeKey(plan, 'transform'),
      },
      Environment: step.environment,
    },
    local: localOptions(step),
    tags: tagsOf(plan, 'transform'),
  };
}

function localOptions(step: {
  maxRuntimeSeconds: number;
  local: Omit<LocalOptions, 'maxRuntimeSeconds'>;
}): LocalOptions {
  return { ...step.local, maxRuntimeSeconds: step.maxRuntimeSeconds };
}
