import { seconds, timed } from './measure.js';
import { makeRoot, startRuns } from './no-op-pipeline.js';
import { startStack } from './stack.js';

const count = 100;

/** A hundred runs at once whose steps do nothing: all end, and what that takes. */
export async function manyRuns() {
  const root = await makeRoot();
  const stack = await startStack({ root: root.path });
  let peak = 0;
  const watching = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 100);
  try {
    let accepted = 0;
    const took = await timed(async () => {
      accepted = await startRuns(stack.client, stack.config.taskQueue, count);
    });
    return [
      {
        figure: `${count} runs at once, 6 steps each that do nothing`,
        aim: 'all end',
        measured: `${accepted} accepted in ${seconds(took)}: ${((count * 6000) / took).toFixed(1)} steps a second, worker at most ${(peak / 1e6).toFixed(0)} MB`,
      },
    ];
  } finally {
    clearInterval(watching);
    await stack.close();
    await root.remove();
  }
}
