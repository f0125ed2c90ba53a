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

/**
 * The abalone pipeline in containers by a running worker against the same containers by a shell script, alternating: one that mounts
 * the folders that jobs write to, and one that fetches what they wrote, as the engine does, so that nothing on the host is root's.
 */
export async function containerAbalone(rounds) {
  const stack = await startStack({ localEngine: 'container' });
  const byWorker = () =>
    stack.client.workflow.execute('trainingPipeline', {
      taskQueue: stack.config.taskQueue,
      workflowId: `bench-${randomUUID()}`,
      args: [{ pipeline: 'examples/abalone/pipeline.json' }],
    });
  const byShell = (how) => async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-shell-'));
    const script = join(projectFolder, 'bench', 'container-abalone.sh');
    await run(script, [await frameworkImage(), projectFolder, folder, how]);
    await rm(folder, { recursive: true });
  };
  try {
    const ways = { byWorker, mounts: byShell('mounts'), copies: byShell('copies') };
    await sideBySide(1, ways);
    const times = await sideBySide(rounds, ways);
    const against = (how) =>
      `${(median(times.byWorker) / median(times[how])).toFixed(2)}: worker ${spread(times.byWorker, seconds)}, shell ${spread(times[how], seconds)}`;
    return [
      {
        figure:
          'abalone in containers by a running worker ÷ the same containers by a shell script that mounts outputs',
        aim: '≤ 1.10',
        measured: against('mounts'),
      },
      { figure: '… ÷ one that fetches them by `docker cp`', aim: '≤ 1.10', measured: against('copies') },
    ];
  } finally {
    await stack.close();
  }
}
