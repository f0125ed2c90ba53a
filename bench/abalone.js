import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomUUID } from 'node:crypto';
import { median, seconds, sideBySide, spread } from './measure.js';
import { projectFolder, startStack } from './stack.js';

const run = promisify(execFile);

/** The abalone pipeline by a running worker against the same commands one after another in a shell, alternating. */
export async function abalone(rounds) {
  const stack = await startStack();
  const byWorker = () =>
    stack.client.workflow.execute('trainingPipeline', {
      taskQueue: stack.config.taskQueue,
      workflowId: `bench-${randomUUID()}`,
      args: [{ pipeline: 'examples/abalone/pipeline.json' }],
    });
  const byShell = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-shell-'));
    await run(join(projectFolder, 'bench', 'abalone.sh'), [stack.config.python, projectFolder, folder]);
    await rm(folder, { recursive: true });
  };
  try {
    await sideBySide(1, { byWorker, byShell });
    const times = await sideBySide(rounds, { byWorker, byShell });
    const ratio = median(times.byWorker) / median(times.byShell);
    const more = median(times.byWorker) - median(times.byShell);
    return [
      {
        figure: 'abalone by a running worker ÷ the same commands in a shell',
        aim: '≤ 1.10, and ≤ 400 ms more',
        measured: `${ratio.toFixed(2)}, ${more.toFixed(0)} ms more: worker ${spread(times.byWorker, seconds)}, shell ${spread(times.byShell, seconds)}`,
      },
    ];
  } finally {
    await stack.close();
  }
}
