import { expect, it } from 'vitest';
import { isOver, type Job, type Phase } from '../../src/emulator/job.ts';
import { moveJob, newView } from '../../src/emulator/jobs.ts';

/**
 * The names are those of SecondaryStatus in the API reference (DescribeTrainingJob), which has no table of what may follow what: this is
 * in the order in which it describes them. Spot instances may be lost on the way, and nothing leaves an end.
 */
const legal: Record<Phase, string> = {
  Starting: 'Pending Downloading Training Interrupted Stopping MaxWaitTimeExceeded Failed',
  Pending: 'Starting Downloading Stopping MaxWaitTimeExceeded Failed',
  Downloading: 'Training Interrupted Stopping Failed',
  Training: 'Uploading Interrupted Starting Stopping Failed',
  Interrupted: 'Starting Restarting Pending Stopping MaxWaitTimeExceeded Failed',
  Restarting: 'Downloading Training Stopping MaxWaitTimeExceeded Failed',
  Uploading: 'Completed Stopping Failed',
  Stopping: 'Stopped MaxRuntimeExceeded MaxWaitTimeExceeded Completed Failed',
  Stopped: '',
  MaxRuntimeExceeded: '',
  MaxWaitTimeExceeded: '',
  Completed: '',
  Failed: '',
};
const phases = Object.keys(legal) as Phase[];

function jobIn(phase: Phase): Job {
  const arn = 'arn:aws:sagemaker:us-east-1:123456789012:training-job/job-1';
  const view = { ...newView(0), phase };
  return {
    kind: 'Training',
    name: 'job-1',
    arn,
    region: 'us-east-1',
    input: {},
    createdAt: 0,
    view,
    past: [],
  };
}

it.each(phases)('a job that is %s goes where SageMaker would let it, and nowhere else', (from) => {
  const taken = phases.filter((to) => {
    const job = jobIn(from);
    try {
      moveJob(job, to, 1000);
    } catch (error) {
      expect(error).toMatchObject({ message: `job-1 cannot go from ${from} to ${to}` });
      expect(job.view.phase).toBe(from);
      return false;
    }
    expect(job.view.phase).toBe(to);
    return true;
  });
  expect(taken.sort()).toEqual(legal[from].split(' ').filter(Boolean).sort());
  expect(isOver(from)).toBe(taken.length === 0);
});
