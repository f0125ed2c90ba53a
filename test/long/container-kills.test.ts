import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { sluice } from '../support/commands.ts';
import {
  baseImage,
  describeDocker,
  dockerApi,
  dockerDo,
  listContainers,
  listNetworks,
  removeContainers,
} from '../support/docker.ts';
import { chosenSeed, killWorkers } from '../support/kill-workers.ts';
import { openServedLedger } from '../support/ledger.ts';
import { processesWith } from '../support/processes.ts';

const seed = chosenSeed();
const kills = Number(process.env.SLUICE_KILLS ?? 32);
const labelOf = (root: string) => `sluice.home=${join(root, '.sluice', 'jobs')}`;
let root: string | undefined;

/** The address of this machine on the network of containers that have none of their own; one of them has to run to know it. */
async function gateway(): Promise<string> {
  const made = await dockerDo('POST', '/containers/create', { Image: baseImage, Cmd: ['sleep', '60'] });
  const { Id } = made.json() as { Id: string };
  try {
    await dockerDo('POST', `/containers/${Id}/start`);
    const found = await dockerDo('GET', `/containers/${Id}/json`);
    return (found.json() as { NetworkSettings: { Gateway: string } }).NetworkSettings.Gateway;
  } finally {
    await dockerApi('DELETE', `/containers/${Id}?force=1`);
  }
}

/** Now and then one of the supervisors of jobs, or the fork server. */
async function killSupervisor(of: string, random: () => number): Promise<number> {
  const [dice, choice] = [random(), random()];
  if (dice > 0.5) return 0;
  const all = (await processesWith(join(of, '.sluice', 'jobs'))).filter(({ command }) =>
    command.includes('container/supervisor/main.py'),
  );
  const chosen = all[Math.floor(choice * all.length)];
  if (chosen === undefined) return 0;
  try {
    process.kill(chosen.pid, 'SIGKILL');
    return 1;
  } catch {
    return 0;
  }
}

describeDocker('containers', () => {
  afterEach(async () => {
    if (root !== undefined) await removeContainers(labelOf(root));
  });

  it(
    `are started once for every job, whenever workers and supervisors are killed (seed ${seed}, ${kills} kills)`,
    { timeout: 40 * 60_000 },
    () =>
      killWorkers({
        seed,
        kills,
        env: { SLUICE_LOCAL_ENGINE: 'container' },
        ledger: async (folder) => {
          root = folder;
          return openServedLedger(await gateway());
        },
        alsoKill: killSupervisor,
        expectNothingLeft: async (folder, address) => {
          const left = (await listContainers(labelOf(folder))).map(({ Names }) => Names[0]!.slice(1));
          // A worker that was killed while it asked how the engine sees files leaves the container by which it asked.
          expect(left.filter((name) => !name.startsWith('sluice-probe-'))).toEqual([]);
          const cleaned = await sluice(['clean', '--unknown'], {
            TEMPORAL_ADDRESS: address,
            SLUICE_ROOT: folder,
          });
          expect(cleaned, cleaned.stderr).toMatchObject({ code: 0 });
          expect(await listContainers(labelOf(folder))).toEqual([]);
          expect(await listNetworks(labelOf(folder))).toEqual([]);
        },
      }),
  );
});
