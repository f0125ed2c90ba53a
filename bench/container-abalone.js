import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { frameworkImage } from './container-engine.js';
import { median, seconds, sideBySide, spread } from './measure.js';
import { projectFolder, startStack } from './stack.js';

const run = promisify(execFile);

/** The abalone pipeline in containers by a running worker against the same containers by a shell script, alternating. */
export async function containerAbalone(rounds) {
  const stack = await startStack({ localEngine: 'container' });
  const byWorker = () =>
    stack.client.workflow.execute('trainingPipeline', {
      taskQueue: stack.config.taskQueue,
      workflowId: `bench-${randomUUID()}`,
      args: [{ pipeline: 'examples/abalone/pipeline.json' }],
    });
  const byShell = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-shell-'));
    const script = join(projectFolder, 'bench', 'container-abalone.sh');
    await run(script, [await frameworkImage(), projectFolder, folder]);
    await rm(folder, { recursive: true });
  };
  try {
    await sideBySide(1, { byWorker, byShell });
    const times = await sideBySide(rounds, { byWorker, byShell });
    const ratio = median(times.byWorker) / median(times.byShell);
    return [
      {
        figure: 'abalone in containers by a running worker ÷ the same containers by a shell script',
        aim: '≤ 1.10',
        measured: `${ratio.toFixed(2)}: worker ${spread(times.byWorker, seconds)}, shell ${spread(times.byShell, seconds)}`,
      },
    ];
  } finally {
    await stack.close();
  }
}
