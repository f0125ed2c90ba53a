import { isOver, statusOf, type Job, type JobView } from '../job.ts';
import { outputMembers, serviceModel, shapeOf } from '../service-model.ts';
import type { Body } from '../store.ts';
import { epoch, present, type Call } from './call.ts';

/** A job as Describe shows it: what was asked for, and what became of it. */
export function describe(job: Job, call: Call): Body {
  const view = call.viewOf(job);
  return only(outputMembers(call.operation), {
    ...job.input,
    ...stateOf(job, view),
    ...trainingState(job, view),
  });
}

/** A job as List shows it. */
export function summarize(job: Job, operation: string): Body {
  const output = shapeOf(serviceModel().operations[operation]?.output ?? '');
  const list = shapeOf(output.members?.[`${job.kind}JobSummaries`] ?? '');
  const members = Object.keys(shapeOf(list.member ?? '').members ?? {});
  return only(members, {
    [`${job.kind}JobName`]: job.name,
    ...stateOf(job, job.view),
    SecondaryStatus: job.view.phase,
  });
}

function only(members: readonly string[], body: Body): Body {
  return present(Object.fromEntries(members.map((name) => [name, body[name]])));
}

function stateOf({ kind, arn, createdAt }: Job, view: JobView): Body {
  const at = (time: number | null) => (time === null ? undefined : epoch(time));
  return {
    [`${kind}JobArn`]: arn,
    [`${kind}JobStatus`]: statusOf(view.phase),
    CreationTime: epoch(createdAt),
    LastModifiedTime: epoch(view.modifiedAt),
    [`${kind}StartTime`]: at(view.startedAt),
    [`${kind}EndTime`]: at(view.endedAt),
    FailureReason: view.failureReason,
    ExitMessage: view.exitMessage,
  };
}

function trainingState({ kind, name, input }: Job, view: JobView): Body {
  if (kind !== 'Training') return {};
  const { S3OutputPath } = input.OutputDataConfig as { S3OutputPath: string };
  return {
    SecondaryStatus: view.phase,
    SecondaryStatusTransitions: view.stays.map(({ phase, startTime, endTime, message }) =>
      present({
        Status: phase,
        StartTime: epoch(startTime),
        EndTime: endTime === null ? undefined : epoch(endTime),
        StatusMessage: message,
      }),
    ),
    // Required in the service model, so it is there before there is an archive.
    ModelArtifacts: { S3ModelArtifacts: `${S3OutputPath.replace(/\/+$/, '')}/${name}/output/model.tar.gz` },
    FinalMetricDataList: Object.entries(view.metrics).map(([MetricName, Value]) => ({
      MetricName,
      Value,
      Timestamp: epoch(view.modifiedAt),
    })),
    // The service model allows no 0: a job that never came onto instances has neither.
    ...(isOver(view.phase) &&
      view.trainingSeconds !== 0 && {
        TrainingTimeInSeconds: view.trainingSeconds,
        BillableTimeInSeconds: view.billableSeconds,
      }),
  };
}
