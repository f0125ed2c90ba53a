import { SluiceError } from '../core/errors.ts';
import { jobRequest, modelBody, type JobRequest, type ModelBody } from '../core/jobs.ts';
import { parseWith } from '../core/problems.ts';
import type { Model } from './executor.ts';
import type { Job } from './job.ts';

/** What a request of AWS says and a job of this machine does not need: its values change nothing that the job does or leaves. */
const inert = new Set([
  ...['ProcessingJobName', 'TrainingJobName', 'TransformJobName', 'ModelName', 'Tags', 'ExperimentConfig'],
  ...['DebugHookConfig', 'DebugRuleConfigurations', 'TensorBoardOutputConfig', 'MlflowConfig'],
  ...['ProfilerConfig', 'ProfilerRuleConfigurations', 'RemoteDebugConfig', 'InfraCheckConfig'],
  ...['SessionChainingConfig', 'ModelClientConfig', 'DataCaptureConfig', 'KeepAlivePeriodInSeconds'],
  ...['EnableSageMakerMetricsTimeSeries', 'MaxPendingTimeInSeconds', 'TrainingPlanArn', 'ContainerHostname'],
]);
/** Members that may be there if they say what is so anyway. */
const usual: Readonly<Record<string, readonly unknown[]>> = {
  AppManaged: [false],
  CompressionType: ['None', 'GZIP'],
  S3CompressionType: ['None'],
  RecordWrapperType: ['None'],
  InputMode: ['File'],
  Mode: ['SingleModel'],
  InputFilter: ['$'],
  OutputFilter: ['$'],
  JoinSource: ['None'],
};
/** Their keys are the user's. */
const maps = new Set(['Environment', 'HyperParameters']);

/** How local engines are to run a job. */
export interface LocalLimits {
  /** Seconds from SIGTERM to SIGKILL; 120 in SageMaker. */
  stopGraceSeconds: number;
  /** What takes the place of an image. */
  imageOf: (image: string) => string;
}

/** Transform jobs have no maximum run time in SageMaker; the longest of the others. */
const longestSeconds = 28 * 86_400;

/**
 * A job of the emulator as a request to a local engine, for which its model has the job's own name.
 * @throws SluiceError `InvalidInput` that names what local engines have no equivalent of.
 */
export function executedRequest(job: Job, { stopGraceSeconds, imageOf }: LocalLimits): JobRequest {
  const { kind, name } = job;
  const body = bodyOf(job, imageOf);
  const limit = (body.StoppingCondition as { MaxRuntimeInSeconds?: number } | undefined)?.MaxRuntimeInSeconds;
  const local = { stopGraceSeconds, maxRuntimeSeconds: limit ?? longestSeconds };
  return parseWith(`The request of ${name}, for a job of this machine,`, jobRequest, {
    kind,
    body,
    local,
    tags: {},
  });
}

/** The model that a transform job uses. @throws SluiceError as {@link executedRequest}. */
export function executedModel(name: string, model: Model, imageOf: LocalLimits['imageOf']): ModelBody {
  const { Containers, ...rest } = strip(model) as { Containers?: object[]; PrimaryContainer?: object };
  if (Containers !== undefined && Containers.length > 1)
    throw new SluiceError('Unsupported', `${name}: its model has ${Containers.length} containers`);
  const { Image, ...container } = (rest.PrimaryContainer ?? Containers?.[0] ?? {}) as { Image?: string };
  return parseWith(`The model of ${name}, for a job of this machine,`, modelBody, {
    ...rest,
    PrimaryContainer: { Environment: {}, ...container, Image: imageOf(Image ?? '') },
  });
}

type Fields = Record<string, unknown>;

function bodyOf({ kind, name, input }: Job, imageOf: LocalLimits['imageOf']): Fields {
  const body: Fields = { Environment: {}, ...(strip(input) as Fields) };
  switch (kind) {
    case 'Processing':
      return {
        ProcessingInputs: [],
        ...body,
        ...change(body, 'AppSpecification', (app) => ({ ...app, ImageUri: imageOf(String(app.ImageUri)) })),
        ...changeAll(body, 'ProcessingInputs', (item) => ({
          ...item,
          ...change(item, 'S3Input', (source) => ({
            S3InputMode: 'File',
            S3DataDistributionType: 'FullyReplicated',
            ...source,
          })),
        })),
        ProcessingOutputConfig: body.ProcessingOutputConfig ?? { Outputs: [] },
      };
    case 'Training':
      return {
        HyperParameters: {},
        InputDataConfig: [],
        ...body,
        ...change(body, 'AlgorithmSpecification', (algorithm) => ({
          ...algorithm,
          ...('TrainingImage' in algorithm && { TrainingImage: imageOf(String(algorithm.TrainingImage)) }),
        })),
        ...change(body, 'CheckpointConfig', (config) => ({ LocalPath: '/opt/ml/checkpoints', ...config })),
      };
    case 'Transform': {
      const { DataProcessing, ...rest } = body;
      const processing = Object.keys(DataProcessing ?? {}).length > 0 && { DataProcessing };
      return { ...rest, ...processing, ModelName: name };
    }
  }
}

/** Without what is inert and what is usual. */
function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !inert.has(key) && usual[key]?.includes(inner) !== true)
      .map(([key, inner]) => [key, maps.has(key) ? inner : strip(inner)]),
  );
}

function change(body: Fields, key: string, made: (inner: Fields) => Fields): Fields {
  return body[key] === undefined ? {} : { [key]: made(body[key] as Fields) };
}

function changeAll(body: Fields, key: string, made: (inner: Fields) => Fields): Fields {
  return body[key] === undefined ? {} : { [key]: (body[key] as Fields[]).map(made) };
}
