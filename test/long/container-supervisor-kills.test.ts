import { expect, it } from 'vitest';
import { createBench, ourContainers } from '../engines/container/fixtures.ts';
import { killSupervisors } from '../engines/container/supervisor-kills.ts';
import { describeDocker } from '../support/docker.ts';
import { chosenSeed } from '../support/kill-workers.ts';

const seed = chosenSeed();
const kills = Number(process.env.SLUICE_KILLS ?? 60);

describeDocker('supervisors of container jobs', () => {
  const bench = createBench();

  it(
    `are replaced whenever they are killed, and every job runs once (seed ${seed}, ${kills} kills)`,
    { timeout: 30 * 60_000 },
    async () => {
      await killSupervisors(bench, { seed, kills, withinMs: 700 });
      expect(await ourContainers()).toEqual([]);
    },
  );
});
