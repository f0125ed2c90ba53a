import type { Client } from '@temporalio/client';
import type { Json } from '../../core/expressions.ts';
import { decide, type Reading, type Rule } from '../../core/gate.ts';
import type { JobKind } from '../../core/jobs.ts';
import type { Claim } from '../../core/instance-slots.ts';
import { gateRule, type Pipeline } from '../../core/pipeline.ts';
import { announcedJob, remoteJob } from '../../core/remote-job.ts';
import { decided, newReport, opened, withStep } from '../../core/run-report.ts';
import type { RunReport, StepName, StepStatus } from '../../core/run.ts';
import type { ResolvedSession } from '../../core/session.ts';
import { decodeAll } from './payloads.ts';
import type { RunRef } from './report.ts';

type Events = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>;
type Event = Events[number];

/** The step that an activity is, by its type. */
const steps: Readonly<Record<string, StepName>> = {
  preprocess: 'preprocess',
  train: 'train',
  evaluate: 'evaluate',
  readReport: 'condition',
  createModel: 'createModel',
  transform: 'transform',
  registerModel: 'register',
  notifyFailure: 'notify',
  notifyAccepted: 'notify',
};

/** What the workflow gave to an activity, as far as it is told on. */
interface Input {
  pipeline?: Pipeline;
  name?: string;
  engine?: string;
  session?: ResolvedSession | null;
  /** Of a request for instances of a type that is capped. */
  claim?: Claim;
  slotsId?: string;
  request?: { kind: JobKind; body: { TransformOutput?: { S3OutputPath: string } } };
}

interface Begun {
  type: string;
  input: Input | undefined;
  startedAt: number;
}

/**
 * What a run has come to, as its history has it: the workflow itself tells more (`queryReport`), but needs a worker for it. Only
 * how the run was closed is not said.
 */
export async function reportFromHistory(client: Client, { workflowId, runId }: RunRef): Promise<RunReport> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const begun = new Map<string, Begun>();
  let report = newReport();
  let rule: Rule | null = null;
  for (const event of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const [input] = await decodeAll(client, scheduled.input?.payloads ?? []);
      const work = {
        type: scheduled.activityType?.name ?? '',
        input: (input ?? undefined) as Input | undefined,
        startedAt: timeOf(event),
      };
      begun.set(String(event.eventId), work);
      if (work.type === 'prepareRun' && work.input?.pipeline) {
        rule = gateRule(work.input.pipeline.steps.condition);
        report = { ...report, ...opened(report, work.input.pipeline, rule) };
      }
      report = { ...report, ...startOf(report, work) };
      continue;
    }
    const end = endOf(event);
    const work = end === null ? undefined : begun.get(String(end.scheduledEventId));
    if (end === null || work === undefined) continue;
    const [result] = await decodeAll(client, end.payloads);
    report = { ...report, ...changeAtEnd(report, work, end.status, timeOf(event)) };
    if (end.status === 'succeeded') {
      report = { ...report, ...resultOf(work, result as Json, rule), ...remoteOf(report, work, result) };
    }
  }
  return report;
}

function startOf(report: RunReport, { type, input, startedAt }: Begun): Partial<RunReport> {
  if (type === 'requestInstances' && input?.claim && input.slotsId !== undefined) {
    const { step, job, instances, cap } = input.claim;
    return withStep(report, step, {
      status: 'waiting',
      startedAt: new Date(startedAt).toISOString(),
      jobName: job,
      waitsFor: { instances, cap, slotsId: input.slotsId },
    });
  }
  const step = steps[type];
  if (step === undefined) return {};
  const { engine = null, name = null, session, request } = input ?? {};
  const isRemote = engine === 'sagemaker' && session && request && name !== null;
  return withStep(report, step, {
    status: 'running',
    startedAt: new Date(startedAt).toISOString(),
    seconds: null,
    engine,
    jobName: name,
    ...(isRemote && { remote: announcedJob(session, request.kind, name) }),
  });
}

function changeAtEnd(report: RunReport, { type, startedAt }: Begun, status: StepStatus, at: number) {
  const step = steps[type];
  return step === undefined ? {} : withStep(report, step, { status, seconds: (at - startedAt) / 1000 });
}

/** What the results of activities say besides that they are there. */
function resultOf({ type, input }: Begun, result: Json, rule: Rule | null): Partial<RunReport> {
  switch (type) {
    case 'readReport':
      return rule === null ? {} : decided(rule, decide(result as unknown as Reading, rule));
    case 'createModel':
      return { model: input?.name ?? null };
    case 'transform': {
      const { records } = result as unknown as { records: number | null };
      const output = input?.request?.body.TransformOutput?.S3OutputPath ?? '';
      return { transform: { output, records } };
    }
    case 'registerModel':
      return { modelPackage: result as unknown as RunReport['modelPackage'] };
    default:
      return {};
  }
}

/** What SageMaker said at the end of a job, to the activity that saw to it or the one that stopped it. */
function remoteOf(report: RunReport, { type, input }: Begun, result: unknown): Partial<RunReport> {
  const step = report.steps.find(({ jobName }) => jobName !== null && jobName === input?.name);
  const told = remoteJob.safeParse(
    type === 'stopJob' ? result : (result as { remote?: unknown } | null)?.remote,
  );
  return step && told.success ? withStep(report, step.name, { remote: told.data }) : {};
}

interface End {
  scheduledEventId: unknown;
  status: StepStatus;
  payloads: Parameters<typeof decodeAll>[1];
}

function endOf(event: Event): End | null {
  const completed = event.activityTaskCompletedEventAttributes;
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  const canceled = event.activityTaskCanceledEventAttributes;
  const end = completed ?? failed ?? canceled;
  if (!end) return null;
  const status = completed ? 'succeeded' : failed ? 'failed' : 'canceled';
  return {
    scheduledEventId: end.scheduledEventId,
    status,
    payloads: completed?.result?.payloads ?? [],
  };
}

function timeOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.round((eventTime?.nanos ?? 0) / 1e6);
}
