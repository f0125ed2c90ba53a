import { patched, sleep, type WorkflowInterceptors } from '@temporalio/workflow';

/** Changes of the workflow code as somebody might make them, for every workflow of the bundle that they are put into. */
type Change = () => WorkflowInterceptors;

/** A timer more, before everything else. */
export const timer: Change = () => ({
  inbound: [
    {
      async execute(input, next) {
        await sleep(1);
        return next(input);
      },
    },
  ],
});

/** The same, for runs that begin after it. */
export const guardedTimer: Change = () => ({
  inbound: [
    {
      async execute(input, next) {
        if (patched('a timer')) await sleep(1);
        return next(input);
      },
    },
  ],
});

/** The activity that reads the report is called by another name. */
export const renamedActivity: Change = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next(input.activityType === 'readReport' ? { ...input, activityType: 'readMetric' } : input),
    },
  ],
});
