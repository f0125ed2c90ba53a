import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import { jobName } from '../dist/core/job-name.js';
import { jobActivities } from '../dist/workflows/proxies.js';

/** Runs the same job so many times in sequence, each under a name of its own: what a step costs that does nothing. */
export async function sequence({ count, request, engine, host }) {
  const { runId } = workflowInfo();
  for (let index = 0; index < count; index += 1) {
    const name = jobName('bench', `step${index}`, runId);
    await jobActivities(engine, request, host).preprocess.executeWithOptions(
      { activityId: `step-${index}` },
      [{ name, engine, request, session: null }],
    );
  }
}

/** As many activities that do nothing: what Temporal alone costs. */
export async function sequenceOfNothing({ count }) {
  // Steps go to a queue of their host, where there is no eager dispatch either.
  const { nothing } = proxyActivities({ startToCloseTimeout: '1 minute', allowEagerDispatch: false });
  for (let index = 0; index < count; index += 1)
    await nothing.executeWithOptions({ activityId: `step-${index}` }, []);
}
