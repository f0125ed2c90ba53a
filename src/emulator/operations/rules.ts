import { validationException } from '../aws-error.ts';
import type { Body } from '../store.ts';

/**
 * What AWS checks of a request beyond the shapes of its service model. Each rule names where it comes from: the API reference
 * (its sentences are in botocore's model), the developer guide, or a message that somebody reported. Where the words of the
 * message are not known, they are ours.
 */

interface TrainingInput {
  TrainingJobName: string;
  AlgorithmSpecification?: { TrainingImage?: string; AlgorithmName?: string };
  ResourceConfig?: { InstanceType?: string; InstanceCount?: number; InstanceGroups?: unknown[] };
  StoppingCondition?: { MaxRuntimeInSeconds?: number; MaxWaitTimeInSeconds?: number };
  EnableManagedSpotTraining?: boolean;
  InputDataConfig?: { ChannelName: string }[];
  ServerlessJobConfig?: unknown;
}

const day = 86_400;

export function checkTraining(input: Body): void {
  const { AlgorithmSpecification, ResourceConfig, StoppingCondition, ...rest } =
    input as unknown as TrainingInput;
  // Serverless jobs need neither an image nor instances; they are another product.
  if (rest.ServerlessJobConfig !== undefined)
    throw validationException('The emulator does not run serverless training jobs');
  const { TrainingImage, AlgorithmName } = AlgorithmSpecification ?? {};
  // API reference, AlgorithmSpecification: "You must specify either the algorithm name … or the image URI … you can't specify both".
  if ((TrainingImage === undefined) === (AlgorithmName === undefined))
    throw validationException(
      'Exactly one of TrainingImage and AlgorithmName must be specified in AlgorithmSpecification',
    );
  if (ResourceConfig === undefined) throw validationException('ResourceConfig must be specified');
  // API reference, ResourceConfig: instance type and count, or groups.
  const { InstanceType, InstanceCount, InstanceGroups } = ResourceConfig;
  if (InstanceGroups === undefined && (InstanceType === undefined || InstanceCount === undefined))
    throw validationException('InstanceType and InstanceCount must be specified in ResourceConfig');
  if (StoppingCondition === undefined) throw validationException('StoppingCondition must be specified');
  checkStopping(StoppingCondition, rest.EnableManagedSpotTraining === true);
  const channels = (rest.InputDataConfig ?? []).map(({ ChannelName }) => ChannelName);
  // The folder of a channel is /opt/ml/input/data/<name>.
  refuseTwice(channels, 'ChannelName', 'InputDataConfig');
}

function checkStopping(
  {
    MaxRuntimeInSeconds: runtime = day,
    MaxWaitTimeInSeconds: wait,
  }: NonNullable<TrainingInput['StoppingCondition']>,
  isSpot: boolean,
): void {
  // API reference, StoppingCondition: "The maximum value is 28 days".
  if (runtime > 28 * day) throw validationException('MaxRuntimeInSeconds must not be greater than 28 days');
  // API reference, StoppingCondition: "It must be equal to or greater than MaxRuntimeInSeconds".
  if (isSpot && (wait === undefined || wait < runtime))
    throw validationException(
      'Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds',
    );
  if (!isSpot && wait !== undefined)
    throw validationException(
      'MaxWaitTimeInSeconds must not be specified unless EnableManagedSpotTraining is true',
    );
}

interface ProcessingInput {
  ProcessingInputs?: {
    InputName: string;
    AppManaged?: boolean;
    S3Input?: { LocalPath?: string };
    DatasetDefinition?: { LocalPath?: string };
  }[];
  ProcessingOutputConfig?: {
    Outputs: { OutputName: string; S3Output?: { LocalPath?: string }; FeatureStoreOutput?: unknown }[];
  };
}

export function checkProcessing(input: Body): void {
  const { ProcessingInputs: inputs = [], ProcessingOutputConfig } = input as ProcessingInput;
  const outputs = ProcessingOutputConfig?.Outputs ?? [];
  refuseTwice(
    inputs.map(({ InputName }) => InputName),
    'InputName',
    'ProcessingInputs',
  );
  refuseTwice(
    outputs.map(({ OutputName }) => OutputName),
    'OutputName',
    'ProcessingOutputConfig',
  );
  for (const { InputName, AppManaged, S3Input, DatasetDefinition } of inputs) {
    if ((S3Input === undefined) === (DatasetDefinition === undefined))
      throw validationException(
        `Exactly one of S3Input and DatasetDefinition must be specified for the input ${InputName}`,
      );
    if (AppManaged !== true) checkLocalPath(InputName, (S3Input ?? DatasetDefinition)?.LocalPath);
  }
  for (const { OutputName, S3Output } of outputs)
    if (S3Output !== undefined) checkLocalPath(OutputName, S3Output.LocalPath);
}

/** Developer guide, "How Amazon SageMaker Processing configures input and output": all paths begin with it. */
function checkLocalPath(name: string, path: string | undefined): void {
  if (path === undefined || !/^\/opt\/ml\/processing(\/|$)/.test(path))
    throw validationException(
      `The LocalPath of ${name} must be specified and begin with /opt/ml/processing (it is ${path ?? 'absent'})`,
    );
}

export function checkTransform(input: Body): void {
  const { MaxPayloadInMB: payload = 6, MaxConcurrentTransforms: concurrency = 1 } = input as {
    MaxPayloadInMB?: number;
    MaxConcurrentTransforms?: number;
  };
  // API reference, MaxPayloadInMB: neither it nor its product with MaxConcurrentTransforms can exceed 100 MB.
  if (payload > 100) throw validationException('MaxPayloadInMB must not be greater than 100');
  if (payload * concurrency > 100)
    throw validationException(
      `The product of MaxConcurrentTransforms and MaxPayloadInMB must not be greater than 100 MB (it is ${payload * concurrency})`,
    );
}

interface ModelInput {
  PrimaryContainer?: Container;
  Containers?: Container[];
}
interface Container {
  Image?: string;
  ModelPackageName?: string;
}

export function checkModel(input: Body): void {
  const { PrimaryContainer, Containers } = input as ModelInput;
  // API reference, CreateModel: a primary container, or the containers of a pipeline.
  if ((PrimaryContainer === undefined) === (Containers === undefined))
    throw validationException('Exactly one of PrimaryContainer and Containers must be specified');
  for (const { Image, ModelPackageName } of PrimaryContainer ? [PrimaryContainer] : (Containers ?? []))
    if (Image === undefined && ModelPackageName === undefined)
      throw validationException('A container needs Image or ModelPackageName');
}

function refuseTwice(names: readonly string[], member: string, list: string): void {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    throw validationException(`${member} '${twice}' is used more than once in ${list}`);
}
