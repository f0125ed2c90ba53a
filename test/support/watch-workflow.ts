import { CancellationScope } from '@temporalio/workflow';
import type { JobRequest } from '../../src/core/jobs.ts';
import type { ResolvedSession } from '../../src/core/session.ts';
import { jobActivities, longActivities } from '../../src/workflows/proxies.ts';

export interface WatchInput {
  name: string;
  request: JobRequest;
  session: ResolvedSession;
}

/** A run with one job of SageMaker and nothing else, seen to as `workflows/job-step.ts` does. */
export async function watch({ name, request, session }: WatchInput): Promise<string> {
  const engine = 'sagemaker';
  try {
    const activity = jobActivities(engine, request, 'nowhere').train;
    const { jobName } = await activity.executeWithOptions({ activityId: 'train' }, [
      { name, engine, request, session },
    ]);
    return jobName;
  } catch (error) {
    const ref = { name, engine, kind: request.kind, session } as const;
    await CancellationScope.nonCancellable(() => longActivities.stopJob(ref));
    throw error;
  }
}
