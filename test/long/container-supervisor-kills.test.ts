import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  count,
  createBench,
  jobName,
  leftovers,
  ourContainers,
  shell,
} from '../engines/container/fixtures.ts';
import { describeDocker } from '../support/docker.ts';
import { chosenSeed } from '../support/kill-workers.ts';
import { seeded } from '../support/random.ts';
import { sleep } from '../support/until.ts';

const seed = chosenSeed();
const kills = Number(process.env.SLUICE_KILLS ?? 60);

describeDocker('supervisors of container jobs', () => {
  const bench = createBench();

  it(
    `are replaced whenever they are killed, and every job runs once (seed ${seed}, ${kills} kills)`,
    { timeout: 30 * 60_000 },
    async () => {
      const random = seeded(seed);
      for (let kill = 0; kill < kills; kill += 1) {
        const name = jobName(`kill-${kill}`);
        const out = join(bench.folder, name);
        const lines = 'for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done';
        const script = `echo started; ${lines}; echo x > /opt/ml/processing/output/out/x; echo over`;
        await bench.start(name, shell(script, { outputs: { out } }));
        await sleep(random() * 700);
        // It may be over by now.
        await Promise.race([bench.killSupervisor(name), sleep(200)]).catch(() => undefined);
        expect(await bench.ended(name)).toMatchObject({ status: 'succeeded' });
        expect(count(bench.log(name), 'started\n')).toBe(1);
        expect(bench.log(name)).toBe('started\nline 1\nline 2\nline 3\nline 4\nline 5\nover\n');
        expect(readdirSync(out)).toEqual(['x']);
      }
      expect(leftovers(bench)).toEqual([]);
      expect(await ourContainers()).toEqual([]);
    },
  );
});
