import { z } from 'zod';
import { jobConsoleUrl } from './console.ts';
import type { JobKind } from './jobs.ts';
import type { ResolvedSession } from './session.ts';

/** What SageMaker says of a job of its own; null where it has not said it yet. */
export const remoteJob = z.object({
  arn: z.string().nullable(),
  /** Of the AWS console. */
  consoleUrl: z.string().nullable(),
  /** `TrainingJobStatus` and the like, in SageMaker's words. */
  status: z.string().nullable(),
  /** Of training jobs. */
  secondaryStatus: z.string().nullable(),
  /** Seconds that AWS charges for, of all instances together. Training jobs only. */
  billableSeconds: z.number().nullable(),
  /** Seconds that training took, of all instances together; with spot instances more than is charged for. */
  trainingSeconds: z.number().nullable(),
});
export type RemoteJob = z.infer<typeof remoteJob>;

/** What is known of a job before SageMaker was asked: its ARN follows from its name. */
export function announcedJob(
  { region, accountId, roleArn }: ResolvedSession,
  kind: JobKind,
  name: string,
): RemoteJob {
  const [, partition = 'aws'] = roleArn.split(':');
  const arn = `arn:${partition}:sagemaker:${region}:${accountId}:${kind.toLowerCase()}-job/${name}`;
  return {
    arn,
    consoleUrl: jobConsoleUrl(kind, arn),
    status: null,
    secondaryStatus: null,
    billableSeconds: null,
    trainingSeconds: null,
  };
}

/** What the ARN of a job says. */
export interface JobInArn {
  region: string;
  kind: JobKind;
  name: string;
}

/** Null for what is no ARN of a job. */
export function jobInArn(arn: string): JobInArn | null {
  const [, region, type, name] = /^arn:[\w-]+:sagemaker:([\w-]+):\d+:([a-z]+)-job\/(.+)$/.exec(arn) ?? [];
  const kind = jobKinds.find((one) => one.toLowerCase() === type);
  return kind && region && name ? { region, kind, name } : null;
}

const jobKinds: readonly JobKind[] = ['Processing', 'Training', 'Transform'];

/** The share of the training that was not charged for, between 0 and 1: what spot instances saved. Null if it is not known. */
export function spotSavings({
  billableSeconds: billed,
  trainingSeconds: all,
}: Pick<RemoteJob, 'billableSeconds' | 'trainingSeconds'>): number | null {
  if (billed === null || all === null || all === 0) return null;
  return Math.max(0, 1 - billed / all);
}

/** "Completed", "InProgress (Downloading)"; empty before SageMaker was asked. */
export function remoteStatus({ status, secondaryStatus }: RemoteJob): string {
  if (status === null) return '';
  return secondaryStatus === null || secondaryStatus === status ? status : `${status} (${secondaryStatus})`;
}

/** "54 s billed", "54 s billed of 180 s (spot saved 70 %)"; empty where AWS says nothing of it. */
export function billing(job: RemoteJob): string {
  const { billableSeconds, trainingSeconds } = job;
  if (billableSeconds === null) return '';
  const saved = Math.round((spotSavings(job) ?? 0) * 100);
  const of = saved === 0 ? '' : ` of ${trainingSeconds ?? '?'} s (spot saved ${saved} %)`;
  return `${billableSeconds} s billed${of}`;
}
