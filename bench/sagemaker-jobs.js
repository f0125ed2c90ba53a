import { createSageMakerApi } from '../dist/aws/sagemaker.js';
import { createBudget } from '../dist/engines/sagemaker/budget.js';
import { createClock } from '../dist/engines/sagemaker/clock.js';
import { createSageMakerEngine } from '../dist/engines/sagemaker/engine.js';
import { createTokenBucket } from '../dist/engines/sagemaker/token-bucket.js';

export const session = {
  region: 'us-east-1',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/Jobs',
  bucket: 'bench',
  prefix: 'sluice',
};

/** A training job that may take a day. */
export const request = {
  kind: 'Training',
  body: {
    RoleArn: session.roleArn,
    AlgorithmSpecification: {
      TrainingImage: '123456789012.dkr.ecr.us-east-1.amazonaws.com/bench:1',
      TrainingInputMode: 'File',
    },
    HyperParameters: {},
    InputDataConfig: [],
    OutputDataConfig: { S3OutputPath: 's3://bench/sluice' },
    ResourceConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 86_400 },
    Environment: {},
  },
  local: { stopGraceSeconds: 1, maxRuntimeSeconds: 86_400 },
  tags: { 'sluice:pipeline': 'bench' },
};

/** No line of a log is asked for by jobs that succeed. */
const logs = {
  lastEvents: () => Promise.reject(new Error('a job has failed')),
  pages: () => {
    throw new Error('nobody reads logs here');
  },
};

/**
 * An engine whose time runs so much faster than the real one.
 * @param creations - a second, for measurements that want their jobs to be there soon. Default: the engine's own budget.
 */
export function openEngine({ speed = 1, creations } = {}) {
  const clock = createClock(speed);
  const budget = createBudget(clock);
  const create =
    creations &&
    createTokenBucket({ perSecond: { start: creations, most: creations, least: 1 }, burst: 1 }, clock);
  return createSageMakerEngine({
    api: createSageMakerApi(session.region),
    logs,
    clock,
    budget: {
      of: (operation) => (create && operation.startsWith('Create') ? create : budget.of(operation)),
    },
  });
}
