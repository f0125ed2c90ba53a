import { randomUUID } from 'node:crypto';
import type { ProcessingJob, TrainingJob, TransformJob } from '../../src/core/jobs.ts';
import { packArchive } from './archives.ts';
import type { ConformanceTarget, Files } from './contract.ts';
import { processingPrelude, trainingPrelude } from './scripts.ts';

interface CommonParts {
  environment?: Record<string, string>;
  graceSeconds?: number;
  maxRuntimeSeconds?: number;
  instanceCount?: number;
}

/** Inputs are files to store, or the URI of what is stored already. */
type Inputs = Record<string, Files | string>;
type Distribution = 'FullyReplicated' | 'ShardedByS3Key';

interface ProcessingParts extends CommonParts {
  inputs?: Inputs;
  outputs?: string[];
  arguments?: string[];
  distribution?: Distribution;
}

interface TrainingParts extends CommonParts {
  channels?: Inputs;
  contentTypes?: Record<string, string>;
  hyperparameters?: Record<string, string>;
  /** Other files of the code folder. */
  code?: Files;
}

interface TransformParts extends CommonParts {
  input: Files;
  split?: 'None' | 'Line';
  assemble?: 'None' | 'Line';
  contentType?: string;
  accept?: string;
  strategy?: 'MultiRecord' | 'SingleRecord';
  maxPayloadMb?: number;
  concurrent?: number;
  /** Other files of the model. */
  model?: Files;
  modelEnvironment?: Record<string, string>;
  /** Of the output; another one for a second job of the same case. */
  output?: string;
}

/** Builds the requests of one case: all paths and shapes are SageMaker's, all URIs those of the target. */
export type Lab = ReturnType<typeof createLab>;

export function createLab(target: ConformanceTarget, caseId: string) {
  const run = `${caseId}-${randomUUID().slice(0, 8)}`;
  const put = async (input: Files | string) => (typeof input === 'string' ? input : target.putInput(input));
  const outputUri = (name: string) => target.outputUri(`${run}/${name}`);

  /** A processing job of any command. */
  async function command(entrypoint: string[], parts: ProcessingParts = {}): Promise<ProcessingJob> {
    const { outputs = ['out'], distribution = 'FullyReplicated' } = parts;
    const inputs = await Promise.all(
      Object.entries(parts.inputs ?? {}).map(async ([name, input]) => ({
        InputName: name,
        S3Input: {
          S3Uri: await put(input),
          LocalPath: `/opt/ml/processing/input/${name}`,
          S3DataType: 'S3Prefix' as const,
          S3InputMode: 'File' as const,
          S3DataDistributionType: name === 'code' ? ('FullyReplicated' as const) : distribution,
        },
      })),
    );
    return {
      kind: 'Processing',
      body: {
        AppSpecification: {
          ImageUri: target.image,
          ContainerEntrypoint: entrypoint,
          ...(parts.arguments && { ContainerArguments: parts.arguments }),
        },
        ProcessingInputs: inputs,
        ProcessingOutputConfig: {
          Outputs: outputs.map((name) => ({
            OutputName: name,
            S3Output: {
              S3Uri: outputUri(name),
              LocalPath: `/opt/ml/processing/output/${name}`,
              S3UploadMode: 'EndOfJob',
            },
          })),
        },
        ProcessingResources: { ClusterConfig: cluster(parts) },
        StoppingCondition: { MaxRuntimeInSeconds: limit(parts) },
        Environment: parts.environment ?? {},
      },
      ...around(parts),
    };
  }

  /** A processing job of a Python script, which is an input like any other. */
  const script = (text: string, parts: ProcessingParts = {}) =>
    command(['python3', '/opt/ml/processing/input/code/script.py'], {
      ...parts,
      inputs: { code: { 'script.py': `${processingPrelude}\n${text}` }, ...parts.inputs },
    });

  async function training(
    entrypoint: string[] | null,
    files: Files,
    parts: TrainingParts,
  ): Promise<TrainingJob> {
    const channels: Inputs = { ...parts.channels, code: { ...files, ...parts.code } };
    const inputs = await Promise.all(
      Object.entries(channels).map(async ([name, input]) => ({
        ChannelName: name,
        DataSource: {
          S3DataSource: {
            S3Uri: await put(input),
            S3DataType: 'S3Prefix' as const,
            S3DataDistributionType: 'FullyReplicated' as const,
          },
        },
        ...(parts.contentTypes?.[name] !== undefined && { ContentType: parts.contentTypes[name] }),
      })),
    );
    return {
      kind: 'Training',
      body: {
        AlgorithmSpecification: {
          TrainingImage: target.image,
          TrainingInputMode: 'File',
          ...(entrypoint && { ContainerEntrypoint: entrypoint }),
        },
        HyperParameters: parts.hyperparameters ?? {},
        InputDataConfig: inputs,
        OutputDataConfig: { S3OutputPath: outputUri('training') },
        ResourceConfig: cluster(parts),
        StoppingCondition: { MaxRuntimeInSeconds: limit(parts) },
        Environment: parts.environment ?? {},
      },
      ...around(parts),
    };
  }

  /** A training job of a Python script, without script mode. */
  const trainer = (text: string, parts: TrainingParts = {}) =>
    training(
      ['python3', '/opt/ml/input/data/code/script.py'],
      { 'script.py': `${trainingPrelude}\n${text}` },
      parts,
    );

  /** A training job by the `train` command of the image. */
  const scriptMode = (text: string, parts: TrainingParts = {}) =>
    training(
      null,
      { 'script.py': `${trainingPrelude}\n${text}` },
      {
        ...parts,
        hyperparameters: {
          sagemaker_program: '"script.py"',
          sagemaker_submit_directory: '"/opt/ml/input/data/code"',
          ...parts.hyperparameters,
        },
      },
    );

  /** A batch transform by the `serve` command of the image. One file of input is sent as that object, several as a folder. */
  async function transform(inference: string, parts: TransformParts): Promise<TransformJob> {
    const archive = await packArchive({ 'code/inference.py': inference, ...parts.model });
    const names = Object.keys(parts.input);
    const folder = await target.putInput(parts.input);
    return {
      kind: 'Transform',
      body: {
        ModelName: await target.createModel(archive, {
          SAGEMAKER_PROGRAM: 'inference.py',
          SAGEMAKER_SUBMIT_DIRECTORY: '/opt/ml/model/code',
          ...parts.modelEnvironment,
        }),
        TransformInput: {
          DataSource: {
            S3DataSource: {
              S3Uri: names.length === 1 ? `${folder}/${names[0]}` : folder,
              S3DataType: 'S3Prefix',
            },
          },
          ContentType: parts.contentType ?? 'text/csv',
          SplitType: parts.split ?? 'Line',
        },
        TransformOutput: {
          S3OutputPath: outputUri(parts.output ?? 'transform'),
          Accept: parts.accept ?? 'text/csv',
          AssembleWith: parts.assemble ?? 'Line',
        },
        ...(parts.strategy && { BatchStrategy: parts.strategy }),
        ...(parts.maxPayloadMb !== undefined && { MaxPayloadInMB: parts.maxPayloadMb }),
        ...(parts.concurrent !== undefined && { MaxConcurrentTransforms: parts.concurrent }),
        TransformResources: { InstanceCount: parts.instanceCount ?? 1, InstanceType: instanceType },
        Environment: parts.environment ?? {},
      },
      ...around(parts),
    };
  }

  return { target, jobName: `sluice-${run}`, command, script, trainer, scriptMode, transform };
}

export const instanceType = 'ml.m5.large';
const cluster = ({ instanceCount = 1 }: CommonParts) => ({
  InstanceCount: instanceCount,
  InstanceType: instanceType,
  VolumeSizeInGB: 30,
});
const limit = ({ maxRuntimeSeconds = 120 }: CommonParts) => maxRuntimeSeconds;
const around = (parts: CommonParts) => ({
  local: { stopGraceSeconds: parts.graceSeconds ?? 5, maxRuntimeSeconds: limit(parts) },
  tags: {},
});
