import { setTimeout as sleep } from 'node:timers/promises';
import { millis, spread } from './measure.js';
import { makeRoot, pipeline } from './no-op-pipeline.js';
import { startStack } from './stack.js';

const count = 10;

/** From the time that a schedule means to the start of the run, and of its first activity. */
export async function scheduleLag() {
  const root = await makeRoot();
  const stack = await startStack({ root: root.path });
  const schedule = await stack.client.schedule.create({
    scheduleId: 'bench',
    spec: { intervals: [{ every: '3s' }] },
    policies: { overlap: 'ALLOW_ALL' },
    action: {
      type: 'startWorkflow',
      workflowType: 'trainingPipeline',
      taskQueue: stack.config.taskQueue,
      workflowId: 'bench',
      args: [{ pipeline }],
    },
  });
  try {
    const started = async () => (await schedule.describe()).info.numActionsTaken;
    while ((await started()) < count) await sleep(500);
    await schedule.pause();
    const { info } = await schedule.describe();
    const lags = await Promise.all(
      info.recentActions.slice(-count).map(async ({ scheduledAt, action }) => {
        const handle = stack.client.workflow.getHandle(action.workflow.workflowId);
        await handle.result();
        const { events } = await handle.fetchHistory();
        const first = events.find((event) => event.activityTaskStartedEventAttributes);
        const since = (time) => time - scheduledAt.getTime();
        const { seconds, nanos } = first.eventTime;
        return {
          run: since((await handle.describe()).startTime.getTime()),
          activity: since(Number(seconds) * 1000 + nanos / 1e6),
        };
      }),
    );
    const of = (what) =>
      spread(
        lags.map((lag) => lag[what]),
        millis,
      );
    return [
      {
        figure: "a schedule's time → start of the run, and of its first activity",
        aim: 'reported',
        measured: `${of('run')}, ${of('activity')}`,
      },
    ];
  } finally {
    await schedule.delete();
    await stack.close();
    await root.remove();
  }
}
