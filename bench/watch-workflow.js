import { jobActivities } from '../dist/workflows/proxies.js';

/** One run with one job of SageMaker. */
export async function watch({ name, request, session }) {
  const engine = 'sagemaker';
  await jobActivities(engine, request, 'nowhere').train.executeWithOptions({ activityId: 'train' }, [
    { name, engine, request, session },
  ]);
}
