import { z } from 'zod';
import { SluiceError } from '../../core/errors.ts';
import type { JobKind } from './requests.ts';

/** What Sluice reads of the answer to Describe, the same for the three kinds. */
export interface Description {
  arn: string;
  status: string;
  /** Of training jobs. */
  secondaryStatus: string | null;
  failureReason: string | null;
  /** Of processing jobs: /opt/ml/output/message. */
  exitMessage: string | null;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  /** Of all instances together. */
  billableSeconds: number | null;
  trainingSeconds: number | null;
}

const text = z.string().nullish();
const seconds = z.number().nullish();
const time = z.date().nullish();

/** Unknown keys and unknown values of enumerations pass: AWS adds some without notice. */
const training = z.object({
  TrainingJobArn: z.string(),
  TrainingJobStatus: z.string(),
  SecondaryStatus: text,
  FailureReason: text,
  CreationTime: z.date(),
  TrainingStartTime: time,
  TrainingEndTime: time,
  BillableTimeInSeconds: seconds,
  TrainingTimeInSeconds: seconds,
  ResourceConfig: z.object({ InstanceCount: z.number().nullish() }).nullish(),
});
const processing = z.object({
  ProcessingJobArn: z.string(),
  ProcessingJobStatus: z.string(),
  FailureReason: text,
  ExitMessage: text,
  CreationTime: z.date(),
  ProcessingStartTime: time,
  ProcessingEndTime: time,
});
const transform = z.object({
  TransformJobArn: z.string(),
  TransformJobStatus: z.string(),
  FailureReason: text,
  CreationTime: z.date(),
  TransformStartTime: time,
  TransformEndTime: time,
});

/** @throws SluiceError `ServiceUnavailable` if it is no answer of Describe. */
export function parseDescription(kind: JobKind, answer: unknown): Description {
  switch (kind) {
    case 'Training':
      return ofTraining(parse(training, answer));
    case 'Processing':
      return ofProcessing(parse(processing, answer));
    case 'Transform':
      return ofTransform(parse(transform, answer));
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new SluiceError(
    'ServiceUnavailable',
    'SageMaker describes a job in a way that Sluice does not understand',
    {
      cause: parsed.error,
    },
  );
}

/** A job that was just made, before anybody looked at it. @param answer - of Create: the ARN and nothing else. */
export function createdJob(kind: JobKind, answer: Record<string, unknown>, createdAt: Date): Description {
  const arn = answer[`${kind}JobArn`];
  return {
    ...ofTrainingAlone,
    arn: typeof arn === 'string' ? arn : '',
    status: 'InProgress',
    secondaryStatus: kind === 'Training' ? 'Starting' : null,
    failureReason: null,
    exitMessage: null,
    createdAt,
    startedAt: null,
    endedAt: null,
  };
}

const ofTrainingAlone = { secondaryStatus: null, billableSeconds: null, trainingSeconds: null };

function ofTraining(job: z.infer<typeof training>): Description {
  const instances = job.ResourceConfig?.InstanceCount ?? 1;
  // AWS gives the seconds of one instance, and charges for each.
  const ofAll = (value: number | null | undefined) => (typeof value === 'number' ? value * instances : null);
  return {
    arn: job.TrainingJobArn,
    status: job.TrainingJobStatus,
    secondaryStatus: job.SecondaryStatus ?? null,
    failureReason: job.FailureReason ?? null,
    exitMessage: null,
    createdAt: job.CreationTime,
    startedAt: job.TrainingStartTime ?? null,
    endedAt: job.TrainingEndTime ?? null,
    billableSeconds: ofAll(job.BillableTimeInSeconds),
    trainingSeconds: ofAll(job.TrainingTimeInSeconds),
  };
}

function ofProcessing(job: z.infer<typeof processing>): Description {
  return {
    ...ofTrainingAlone,
    arn: job.ProcessingJobArn,
    status: job.ProcessingJobStatus,
    failureReason: job.FailureReason ?? null,
    exitMessage: job.ExitMessage ?? null,
    createdAt: job.CreationTime,
    startedAt: job.ProcessingStartTime ?? null,
    endedAt: job.ProcessingEndTime ?? null,
  };
}

function ofTransform(job: z.infer<typeof transform>): Description {
  return {
    ...ofTrainingAlone,
    arn: job.TransformJobArn,
    status: job.TransformJobStatus,
    failureReason: job.FailureReason ?? null,
    exitMessage: null,
    createdAt: job.CreationTime,
    startedAt: job.TransformStartTime ?? null,
    endedAt: job.TransformEndTime ?? null,
  };
}
