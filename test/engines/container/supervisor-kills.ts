import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { seeded } from '../../support/random.ts';
import { sleep } from '../../support/until.ts';
import { count, jobName, leftovers, shell, type Bench } from './fixtures.ts';

/**
 * Kills the supervisor of one job after the other at a random moment of its first `withinMs`: every job runs once, and to its end.
 * What is left in the engine is for the caller to see.
 */
export async function killSupervisors(
  bench: Bench,
  { seed, kills, withinMs }: { seed: number; kills: number; withinMs: number },
): Promise<void> {
  const random = seeded(seed);
  for (let kill = 0; kill < kills; kill += 1) {
    const name = jobName(`kill-${kill}`);
    const out = join(bench.folder, name);
    const lines = 'for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done';
    const script = `echo started; ${lines}; echo x > /opt/ml/processing/output/out/x; echo over`;
    await bench.start(name, shell(script, { outputs: { out } }));
    await sleep(random() * withinMs);
    // It may be over by now.
    await Promise.race([bench.killSupervisor(name), sleep(200)]).catch(() => undefined);
    expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
    expect(count(bench.log(name), 'started\n')).toBe(1);
    expect(bench.log(name)).toBe('started\nline 1\nline 2\nline 3\nline 4\nline 5\nover\n');
    expect(readdirSync(out)).toEqual(['x']);
  }
  expect(leftovers(bench)).toEqual([]);
}
