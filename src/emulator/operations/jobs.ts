import { arnOf, jobTypes, type JobKind } from '../arn.ts';
import { AwsError, validationException } from '../aws-error.ts';
import type { Model } from '../executor.ts';
import { isOver, statusOf, type Job } from '../job.ts';
import { newView } from '../jobs.ts';
import { pageOf } from '../lists.ts';
import { isVisible, type Body, type Region } from '../store.ts';
import type { Call, Handler } from './call.ts';
import { withDefaults } from './defaults.ts';
import { describe, summarize } from './describe-job.ts';
import { checkProcessing, checkTraining, checkTransform } from './rules.ts';
import { checkTags, setTags } from './tags.ts';

const checks = { Processing: checkProcessing, Training: checkTraining, Transform: checkTransform };

/** The operations on one kind of job. */
export function jobOperations(kind: JobKind): Record<string, Handler> {
  return {
    [`Create${kind}Job`]: (call) => create(kind, call),
    [`Describe${kind}Job`]: (call) => describe(find(kind, call), call),
    [`Stop${kind}Job`]: (call) => stop(find(kind, call), call),
    [`List${kind}Jobs`]: (call) => list(kind, call),
    ...(kind === 'Transform' ? {} : { [`Delete${kind}Job`]: (call: Call) => remove(kind, call) }),
  };
}

const nameIn = (kind: JobKind, { input }: Call) => input[`${kind}JobName`] as string;

function create(kind: JobKind, call: Call): Body {
  const { input, region, now, executor } = call;
  checks[kind](input);
  const tags = checkTags(input);
  const model = kind === 'Transform' ? modelOf(region, input.ModelName as string) : null;
  const name = nameIn(kind, call);
  const taken = region.jobs[kind].get(name);
  if (taken !== undefined) throw new AwsError('ResourceInUse', takenMessage(kind, taken.arn));
  const job: Job = {
    kind,
    name,
    arn: arnOf(region.place, jobTypes[kind], name),
    region: region.place.region,
    input: withDefaults(kind, input),
    createdAt: now,
    view: newView(now),
    past: [],
  };
  region.jobs[kind].add(name, job);
  setTags(region, job.arn, tags);
  executor.start(job, call.reportOf(job), model, call.life);
  return { [`${kind}JobArn`]: job.arn };
}

/** SuperCowPowers/workbench#384 has the words for training jobs. */
function takenMessage(kind: JobKind, arn: string): string {
  return kind === 'Training'
    ? `Training job names must be unique within an AWS account and region, and a training job with this name already exists (${arn})`
    : `Job name must be unique within an AWS account and region, and a job with this name already exists (${arn})`;
}

function modelOf(region: Region, name: string): Model {
  const model = region.models.get(name);
  if (model !== undefined) return model.input;
  throw validationException(`Could not find model "${arnOf(region.place, 'model', name)}".`);
}

/** Waiters look for ValidationException, though the service model declares ResourceNotFound (botocore, waiters-2.json). */
function find(kind: JobKind, call: Call): Job {
  const name = nameIn(kind, call);
  const job = call.region.jobs[kind].get(name);
  if (job !== undefined && isVisible(call.region, job.arn)) return job;
  throw validationException(
    kind === 'Training' ? 'Requested resource not found.' : `Could not find requested job with name: ${name}`,
  );
}

/** awslabs/benchmark-ai#928: a job that is over cannot be stopped. One that is being stopped can: nothing happens. */
function stop(job: Job, { executor, reportOf }: Call): Body {
  const { phase } = job.view;
  if (isOver(phase)) {
    throw validationException(
      `The request was rejected because the ${job.kind.toLowerCase()} job is in status ${statusOf(phase)}.`,
    );
  }
  if (phase !== 'Stopping') {
    reportOf(job)('Stopping');
    executor.stop(job);
  }
  return {};
}

/** API reference, DeleteTrainingJob: only jobs that are over; the name is free afterwards. */
function remove(kind: JobKind, call: Call): Body {
  const job = find(kind, call);
  if (!isOver(job.view.phase))
    throw new AwsError('ResourceInUse', `The job ${job.name} is in status ${statusOf(job.view.phase)}.`);
  call.region.jobs[kind].delete(job.name);
  call.region.tags.delete(job.arn);
  return {};
}

/** API reference: ListTransformJobs sorts downwards, the others upwards. */
function list(kind: JobKind, { operation, input, region }: Call): Body {
  const jobs = region.jobs[kind].all().filter(({ arn }) => isVisible(region, arn));
  const items = jobs.map((job) => ({
    name: job.name,
    arn: job.arn,
    createdAt: job.createdAt,
    modifiedAt: job.view.modifiedAt,
    status: statusOf(job.view.phase),
    summary: summarize(job, operation),
  }));
  const { summaries, ...rest } = pageOf(items, input, {
    order: kind === 'Transform' ? 'Descending' : 'Ascending',
  });
  return { [`${kind}JobSummaries`]: summaries, ...rest };
}
