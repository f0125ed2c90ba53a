import { createHash, randomUUID } from 'node:crypto';
import { validateOutput } from '../../src/emulator/validate.ts';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Says it without an SDK, which would refuse much of it by itself. */
export async function ask(
  endpoint: string,
  operation: string,
  input: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = typeof input === 'string' ? input : JSON.stringify(input);
  const response = await fetch(endpoint, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `SageMaker.${operation}`,
      ...signature('sagemaker'),
      ...headers,
    },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer['body'],
  };
}

/** The same, for what is answered: it must be of the shape that the service model says. */
export async function askRightly(endpoint: string, operation: string, input: unknown): Promise<Answer> {
  const answer = await ask(endpoint, operation, input);
  if (answer.status === 200) validateOutput(operation, answer.body);
  return answer;
}

/** The headers of a Signature Version 4, as far as an emulator looks at them. */
export function signature(service: string, { region = 'eu-west-1', accessKey = 'AKIATEST' } = {}) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const sum = createHash('sha256').update(randomUUID()).digest('hex');
  return {
    'x-amz-date': date,
    authorization:
      `AWS4-HMAC-SHA256 Credential=${accessKey}/${date.slice(0, 8)}/${region}/${service}/aws4_request, ` +
      `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${sum}`,
  };
}

const RoleArn = 'arn:aws:iam::123456789012:role/sluice';
const s3Source = (S3Uri: string) => ({ S3DataSource: { S3Uri, S3DataType: 'S3Prefix' } });

/** A request that AWS takes. */
export const processingJob = (ProcessingJobName: string, more: object = {}) => ({
  ProcessingJobName,
  RoleArn,
  AppSpecification: { ImageUri: 'sklearn:1.2-1', ContainerEntrypoint: ['python3', 'preprocess.py'] },
  ProcessingInputs: [
    {
      InputName: 'input',
      S3Input: {
        S3Uri: 's3://bucket/input',
        LocalPath: '/opt/ml/processing/input',
        S3DataType: 'S3Prefix',
        S3InputMode: 'File',
      },
    },
  ],
  ProcessingOutputConfig: {
    Outputs: [
      {
        OutputName: 'evaluation',
        S3Output: {
          S3Uri: 's3://bucket/evaluation/',
          LocalPath: '/opt/ml/processing/evaluation',
          S3UploadMode: 'EndOfJob',
        },
      },
    ],
  },
  ProcessingResources: {
    ClusterConfig: { InstanceType: 'ml.m5.xlarge', InstanceCount: 1, VolumeSizeInGB: 30 },
  },
  ...more,
});

export const trainingJob = (TrainingJobName: string, more: object = {}) => ({
  TrainingJobName,
  RoleArn,
  AlgorithmSpecification: { TrainingImage: 'sklearn:1.2-1', TrainingInputMode: 'File' },
  HyperParameters: { max_depth: '5' },
  InputDataConfig: [{ ChannelName: 'train', DataSource: s3Source('s3://bucket/train') }],
  OutputDataConfig: { S3OutputPath: 's3://bucket/models' },
  ResourceConfig: { InstanceType: 'ml.m5.xlarge', InstanceCount: 1, VolumeSizeInGB: 30 },
  StoppingCondition: { MaxRuntimeInSeconds: 3600 },
  ...more,
});

export const transformJob = (TransformJobName: string, more: object = {}) => ({
  TransformJobName,
  ModelName: 'model',
  TransformInput: {
    DataSource: s3Source('s3://bucket/batch.csv'),
    ContentType: 'text/csv',
    SplitType: 'Line',
  },
  TransformOutput: { S3OutputPath: 's3://bucket/predictions', AssembleWith: 'Line' },
  TransformResources: { InstanceType: 'ml.m5.xlarge', InstanceCount: 1 },
  ...more,
});

export const model = (ModelName: string, more: object = {}) => ({
  ModelName,
  ExecutionRoleArn: RoleArn,
  PrimaryContainer: { Image: 'sklearn:1.2-1', ModelDataUrl: 's3://bucket/model.tar.gz' },
  ...more,
});

export const modelPackage = (more: object = {}) => ({
  ModelPackageGroupName: 'abalone',
  InferenceSpecification: {
    Containers: [{ Image: 'sklearn:1.2-1', ModelDataUrl: 's3://bucket/model.tar.gz' }],
    SupportedContentTypes: ['text/csv'],
    SupportedResponseMIMETypes: ['text/csv'],
  },
  ...more,
});

export const jobs = {
  Processing: processingJob,
  Training: trainingJob,
  Transform: transformJob,
} as const;
