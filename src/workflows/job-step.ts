import { CancellationScope, log, workflowInfo } from '@temporalio/workflow';
import type { JobInput, JobResult } from '../activities/run-job.ts';
import { jobName } from '../core/job-name.ts';
import type { JobRef, JobRequest } from '../core/jobs.ts';
import type { JobStep } from '../core/pipeline.ts';
import type { Run } from './open-run.ts';
import { jobActivities, longActivities } from './proxies.ts';

/** A step that runs a job: under its name, on its engine, and not left behind whatever way the step ends. */
export async function runJobStep(run: Run, step: JobStep, request: JobRequest): Promise<JobResult> {
  const { pipeline } = run.plan;
  const name = jobName(pipeline.name, step, workflowInfo().runId);
  const engine = engineOf(run, step);
  return run.progress.step(step, { engine, jobName: name }, async () => {
    try {
      const summary = summaryOf(run, step, engine);
      const activity = jobActivities(request.local.maxRuntimeSeconds)[step];
      return await activity.executeWithOptions({ activityId: step, summary }, [{ name, engine, request }]);
    } catch (error) {
      // The activity may have died before it saw the job to its end; asking again costs nothing.
      await CancellationScope.nonCancellable(() => stopJob(step, { engine, name, kind: request.kind }));
      throw error;
    }
  });
}

function engineOf(run: Run, step: JobStep): JobInput['engine'] {
  const engine = run.prepared.engines[step];
  if (engine) return engine;
  throw new Error(`unreachable: the run was prepared without an engine for ${step}`);
}

/** What fails here never hides why the step ended. */
async function stopJob(step: JobStep, ref: JobRef): Promise<void> {
  try {
    await longActivities.stopJob.executeWithOptions({ activityId: `stop-${step}`, summary: ref.name }, [ref]);
  } catch (error) {
    log.warn('the job could not be stopped', { job: ref.name, error });
  }
}

/** What the Web UI says beside the step; at most 200 bytes. */
function summaryOf(run: Run, step: JobStep, engine: string): string {
  const { steps } = run.plan.pipeline;
  const what =
    step === 'transform' ? steps.transform?.input : (steps[step].script ?? steps[step].entrypoint?.join(' '));
  return `${(what ?? step).replace(/[^\x20-\x7e]/g, '?').slice(0, 150)} (${engine})`;
}
