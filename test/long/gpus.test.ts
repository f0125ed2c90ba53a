import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { shell } from '../engines/container/jobs.ts';
import { createSecondEngineBench } from '../engines/container/second-engine-bench.ts';
import { describeSecondEngine, tinyImage } from '../support/second-engine.ts';

const hook = fileURLToPath(new URL('../support/nvidia_hook.py', import.meta.url));

describeSecondEngine("an engine with two GPUs, by a stand-in of NVIDIA's hook", () => {
  const bench = createSecondEngineBench('gpus', (folder) => {
    mkdirSync(join(folder, 'bin'));
    // Where an engine finds a program of this name when it starts, it gives GPUs.
    copyFileSync(hook, join(folder, 'bin', 'nvidia-container-runtime-hook'));
    return { prepare: `export PATH="${folder}/bin:$PATH"` };
  });

  it.each([
    ['none, unless it asks', undefined, '/dev/nvidia*'],
    ['as many as it asks for', 1, '/dev/nvidia0'],
    ['two', 2, '/dev/nvidia0 /dev/nvidia1'],
    ['all', 'all', '/dev/nvidia0 /dev/nvidia1'],
  ] as const)('a job gets %s', async (_, gpus, seen) => {
    const name = `gpus-${gpus ?? 'none'}`;
    const job = shell('echo /dev/nvidia*', { image: tinyImage });
    expect(await bench.run(name, { ...job, local: { ...job.local, gpus } })).toMatchObject({
      status: 'succeeded',
    });
    expect(bench.log(name).trim()).toBe(seen);
  });

  it('a job that asks for more than there are fails, and says why', async () => {
    const job = shell('true', { image: tinyImage });
    const state = await bench.run('too-many', { ...job, local: { ...job.local, gpus: 3 } });
    expect(state).toMatchObject({ status: 'failed', reason: expect.stringContaining('unknown device') });
  });
});
