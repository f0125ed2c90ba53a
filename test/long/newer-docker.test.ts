import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createContainerTarget, frameworkImage } from '../conformance/container-target.ts';
import { testConformance } from '../conformance/harness.ts';
import { createLocalStorage } from '../conformance/local-storage.ts';
import { giveWorkerSecrets } from '../conformance/worker-variables.ts';
import { createBench } from '../engines/container/fixtures.ts';
import { killSupervisors } from '../engines/container/supervisor-kills.ts';
import { chosenSeed } from '../support/kill-workers.ts';
import { describeNewerDocker, startNewerDocker, whyNoNewerDocker } from '../support/newer-docker.ts';
import { secondEngineHost, type SecondEngine } from '../support/second-engine.ts';

/** The same table by a newer Docker than this machine's: what engines do that an API's version does not tell changes, too. */
const folder = await mkdtemp('/tmp/sluice-newer-');
const local = createLocalStorage(frameworkImage);
let engine: SecondEngine | undefined;

beforeAll(async () => {
  if (whyNoNewerDocker === undefined) engine = await startNewerDocker(folder);
}, 300_000);
afterAll(async () => {
  await engine?.close();
  rmSync(local.folder, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});
giveWorkerSecrets();

const seed = chosenSeed();

describeNewerDocker('the newer Docker engine', () => {
  const bench = createBench({ host: secondEngineHost(folder) });

  it('is one', () => {
    const version = engine!.docker('version', '--format', '{{.Server.Version}}');
    expect(Number(version.split('.')[0])).toBeGreaterThanOrEqual(26);
  });

  it(
    `has every job run once whose supervisor is killed around its start, which it gives up then (seed ${seed})`,
    { timeout: 10 * 60_000 },
    async () => {
      await killSupervisors(bench, { seed, kills: 60, withinMs: 250 });
      expect(engine!.docker('ps', '--all', '--quiet')).toBe('');
    },
  );
});

const target = createContainerTarget(local, { host: secondEngineHost(folder) });
testConformance(target, whyNoNewerDocker === undefined ? target : { unavailable: whyNoNewerDocker });
