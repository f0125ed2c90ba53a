export type JobKind = 'Processing' | 'Training' | 'Transform';
export const jobKinds: readonly JobKind[] = ['Processing', 'Training', 'Transform'];

/** Where a call goes: everything that has a name is unique in one of these. */
export interface Place {
  accountId: string;
  region: string;
}

type ResourceType =
  'processing-job' | 'training-job' | 'transform-job' | 'model' | 'model-package' | 'model-package-group';

/** An ARN of SageMaker. Names keep their case (aws-samples/ml-edge-getting-started#18 shows one of 2023). */
export function arnOf({ accountId, region }: Place, type: ResourceType, id: string): string {
  return `arn:${partitionOf(region)}:sagemaker:${region}:${accountId}:${type}/${id}`;
}

export const jobTypes = {
  Processing: 'processing-job',
  Training: 'training-job',
  Transform: 'transform-job',
} as const satisfies Record<JobKind, ResourceType>;

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** The part after the type: `group/3` of a model package. */
export const idOf = (arn: string) => arn.slice(arn.indexOf('/') + 1);
