import { SluiceError } from '../core/errors.ts';
import type { JobRef } from '../core/jobs.ts';
import { createModel, type CreateModelInput } from './create-model.ts';
import type { Dependencies } from './dependencies.ts';
import { translateFailures } from './failures.ts';
import { hashInput } from './hash-input.ts';
import { withHeartbeats, type Tell } from './heartbeats.ts';
import { loadPipeline } from './load-pipeline.ts';
import { notifyFailure, type NotifyInput } from './notify-failure.ts';
import { prepareRun, type PrepareInput } from './prepare-run.ts';
import { readReport } from './read-report.ts';
import { registerModel } from './register-model.ts';
import { runJob, stopJob, type JobInput, type JobResult } from './run-job.ts';
import type { ModelPackageRequest } from '../core/registry.ts';

export type Activities = ReturnType<typeof createActivities>;

/** Every activity of the workflow, by the names that the Web UI shows. */
export function createActivities(deps: Dependencies) {
  const job = activity(async (input: JobInput, tell): Promise<JobResult> => {
    const engine = deps.engines[input.engine];
    if (engine) return runJob(engine, input, tell);
    throw new SluiceError('Unsupported', `${input.name}: this worker has no engine "${input.engine}"`);
  });

  return {
    loadPipeline: activity((input: { location: string }) => loadPipeline(deps, input)),
    prepareRun: activity((input: PrepareInput) => prepareRun(deps, input)),
    hashInput: activity((input: { uri: string }) => hashInput(deps, input)),
    preprocess: job,
    train: job,
    evaluate: job,
    readReport: activity((input: { uri: string; metric: string }) => readReport(deps, input)),
    createModel: activity((input: CreateModelInput) => createModel(deps, input)),
    transform: job,
    registerModel: activity((input: ModelPackageRequest) => registerModel(deps, input)),
    notifyFailure: activity((input: NotifyInput) => notifyFailure(deps, input)),
    /** Clean-up after a step that ended while its activity could not see to its job. */
    stopJob: activity(async (ref: JobRef) => {
      const engine = Object.values(deps.engines).find(({ name }) => name === ref.engine);
      if (engine) await stopJob(engine, ref);
    }),
  };
}

/** Heartbeats for the short ones too: without, a worker's death is noticed only when the whole activity times out. */
function activity<Input, Output>(work: (input: Input, tell: Tell) => Promise<Output>) {
  return translateFailures((input: Input) => withHeartbeats((tell) => work(input, tell)));
}
