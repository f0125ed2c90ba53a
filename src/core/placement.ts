import type { ProcessingJob, TrainingJob } from './jobs.ts';
import { stepMode } from './parse-pipeline.ts';
import type { JobStep, Pipeline } from './pipeline.ts';
import type { StepPlan } from './run-places.ts';

/** What jobs of an AWS account have and jobs of this machine have not: role, keys, network; and the tags of both. */

export const isOnline = ({ pipeline }: StepPlan, step: JobStep) => stepMode(pipeline, step) === 'sagemaker';

export function tagsOf(plan: StepPlan, step: JobStep): Record<string, string> {
  return { ...plan.tags, ...plan.pipeline.tags, 'sluice:step': step };
}

/** What only an AWS account has is left out of jobs of this machine. */
export function role(plan: StepPlan, step: JobStep): { RoleArn?: string } {
  return isOnline(plan, step) && plan.session ? { RoleArn: plan.session.roleArn } : {};
}

export function outputKey(plan: StepPlan, step: JobStep): { KmsKeyId?: string } {
  const key = plan.pipeline.kms?.output;
  return isOnline(plan, step) && key !== undefined ? { KmsKeyId: key } : {};
}

export function volumeKey(plan: StepPlan, step: JobStep): { VolumeKmsKeyId?: string } {
  const key = plan.pipeline.kms?.volume;
  return isOnline(plan, step) && key !== undefined ? { VolumeKmsKeyId: key } : {};
}

type Vpc = NonNullable<Pipeline['vpc']>;
export const vpcConfig = ({ subnets, securityGroupIds }: Vpc) => ({
  SecurityGroupIds: securityGroupIds,
  Subnets: subnets,
});

export function network(
  plan: StepPlan,
  step: JobStep,
): Pick<TrainingJob['body'], 'VpcConfig' | 'EnableInterContainerTrafficEncryption'> {
  const { vpc } = plan.pipeline;
  if (!isOnline(plan, step) || !vpc) return {};
  return {
    VpcConfig: vpcConfig(vpc),
    ...(vpc.encryptTraffic && { EnableInterContainerTrafficEncryption: true }),
  };
}

export function networkConfig(
  plan: StepPlan,
  step: 'preprocess' | 'evaluate',
): Pick<ProcessingJob['body'], 'NetworkConfig'> {
  const config = {
    ...(plan.pipeline.steps[step].networkIsolation && { EnableNetworkIsolation: true }),
    ...network(plan, step),
  };
  return Object.keys(config).length === 0 ? {} : { NetworkConfig: config };
}
