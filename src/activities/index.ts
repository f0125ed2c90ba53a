import { SluiceError } from '../core/errors.ts';
import type { SweepInput } from '../core/sweep.ts';
import { watcherHeartbeats } from '../core/run.ts';
import type { Engine } from '../engines/engine.ts';
import { checkTargets, type CheckTargetsInput } from './check-targets.ts';
import { createModel, type CreateModelInput } from './create-model.ts';
import type { Dependencies } from './dependencies.ts';
import { translateFailures } from './failures.ts';
import { hashInput } from './hash-input.ts';
import { withHeartbeats, type Tell } from './heartbeats.ts';
import {
  findClosedRuns,
  requestInstances,
  type RequestSlotInput,
  type RunOfClaim,
} from './instance-slots.ts';
import { loadPipeline } from './load-pipeline.ts';
import { notify, type NotifyInput } from './notify.ts';
import { prepareRun, type PrepareInput } from './prepare-run.ts';
import { previousOutcome } from './previous-outcome.ts';
import { readReport } from './read-report.ts';
import { registerModel } from './register-model.ts';
import { sweepJobs } from './sweep-jobs.ts';
import { runJob, stopJob, type JobInput, type JobResult, type StopInput } from './run-job.ts';

export type Activities = ReturnType<typeof createActivities>;

/** Every activity of the workflow, by the names that the Web UI shows. */
export function createActivities(deps: Dependencies) {
  const job = translateFailures((input: JobInput) =>
    withHeartbeats(
      (tell): Promise<JobResult> => runJob(engineOf(deps, input), input, tell),
      ...(input.engine === 'sagemaker' ? [watcherHeartbeats.everyMs] : []),
    ),
  );

  const tell = activity((input: NotifyInput) => notify(deps, input));

  return {
    loadPipeline: activity((input: { location: string }) => loadPipeline(deps, input)),
    checkTargets: activity((input: CheckTargetsInput) => checkTargets(deps, input)),
    prepareRun: activity((input: PrepareInput) => prepareRun(deps, input)),
    hashInput: activity((input: Parameters<typeof hashInput>[1]) => hashInput(deps, input)),
    preprocess: job,
    train: job,
    evaluate: job,
    readReport: activity((input: Parameters<typeof readReport>[1]) => readReport(deps, input)),
    createModel: activity((input: CreateModelInput) => createModel(deps, input)),
    transform: job,
    sweepJobs: activity((input: SweepInput) => sweepJobs(deps, input)),
    registerModel: activity((input: Parameters<typeof registerModel>[1]) => registerModel(deps, input)),
    previousOutcome: activity((input: { pipeline: string }) => previousOutcome(deps, input)),
    notifyFailure: tell,
    notifyAccepted: tell,
    /** For runs that end before they were prepared. */
    hasSearchAttributes: activity(() => deps.hasSearchAttributes()),
    requestInstances: activity((input: RequestSlotInput) => requestInstances(input)),
    findClosedRuns: activity((input: RunOfClaim[]) => findClosedRuns(input)),
    /** Clean-up after a step that ended while its activity could not see to its job. */
    stopJob: activity(async (input: StopInput) => stopJob(engineOf(deps, input), input)),
  };
}

type Place = Pick<JobInput, 'engine' | 'name' | 'session'>;

/** Local jobs of a run that has its data on S3 get them from there. */
function engineOf(deps: Dependencies, { engine: name, name: job, session }: Place): Engine {
  const cloud = session === null ? null : deps.cloud(session);
  const engine = name === 'sagemaker' ? cloud?.engine : deps.engines[name];
  if (!engine) throw new SluiceError('Unsupported', `${job}: this worker has no engine "${name}"`);
  return cloud === null || name === 'sagemaker' ? engine : cloud.stage(engine);
}

/** Heartbeats for the short ones too: without, a worker's death is noticed only when the whole activity times out. */
function activity<Input, Output>(work: (input: Input, tell: Tell) => Promise<Output>) {
  return translateFailures((input: Input) => withHeartbeats((tell) => work(input, tell)));
}
