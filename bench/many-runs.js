import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seconds, timed } from './measure.js';
import { startStack } from './stack.js';

const count = 100;

const sh = (script) => ({ entrypoint: ['/bin/sh', '-c', script] });
const pipeline = {
  name: 'bench',
  framework: { name: 'sklearn', version: '1.2-1' },
  code: 'code',
  steps: {
    preprocess: { ...sh(':'), input: 'data.csv', outputs: ['train', 'test'] },
    train: sh(':'),
    evaluate: {
      ...sh(`echo '{"mse": 1}' > "\${SAGEMAKER_BASE_DIR:-/opt/ml}/processing/output/evaluation/report.json"`),
      report: 'report.json',
    },
    condition: { metric: 'mse', lessThan: 2 },
    createModel: { script: 'inference.py' },
    register: { group: 'bench' },
  },
};

/** A hundred runs at once whose steps do nothing: all end, and what that takes. */
export async function manyRuns() {
  const root = await mkdtemp(join(tmpdir(), 'sluice-bench-root-'));
  await mkdir(join(root, 'code'));
  await writeFile(join(root, 'code', 'inference.py'), '');
  await writeFile(join(root, 'data.csv'), '1\n');
  const stack = await startStack({ root });
  let peak = 0;
  const watching = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 100);
  try {
    let outcomes = [];
    const took = await timed(async () => {
      const handles = await Promise.all(
        Array.from({ length: count }, () =>
          stack.client.workflow.start('trainingPipeline', {
            taskQueue: stack.config.taskQueue,
            workflowId: `bench-${randomUUID()}`,
            args: [{ pipeline }],
          }),
        ),
      );
      outcomes = await Promise.all(handles.map(async (handle) => (await handle.result()).outcome));
    });
    const accepted = outcomes.filter((outcome) => outcome === 'accepted').length;
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
    await rm(root, { recursive: true, force: true });
  }
}
