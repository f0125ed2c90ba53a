import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { commandDone } from './commands.ts';
import { giveBaseImage, whyNoDocker } from './docker.ts';
import { describePart, missingPrograms } from './real-parts.ts';
import { startSecondEngine, type SecondEngine } from './second-engine.ts';

const { newerDockerIn } = (await import(
  new URL('../../scripts/testing/newer-docker-system.js', import.meta.url).href
)) as { newerDockerIn: (env: NodeJS.ProcessEnv) => string };
const archive = newerDockerIn(process.env);

/** Undefined where root can start one. */
export const whyNoNewerDocker =
  process.getuid?.() === 0
    ? (whyNoDocker ??
      missingPrograms('docker', 'ip', 'nsenter', 'unshare') ??
      (existsSync(archive)
        ? undefined
        : `there is no ${archive}; \`node scripts/testing/newer-docker.js\` makes it (debootstrap is needed)`))
    : 'only root can start a Docker engine';

export const describeNewerDocker = describePart(
  'a newer Docker engine',
  'SLUICE_REQUIRE_DOCKER',
  whyNoNewerDocker,
);

/**
 * The Docker engine of the Debian after this machine's, beside its own, with the base image.
 * @param folder - with a short path, for sockets have no others.
 */
export async function startNewerDocker(folder: string): Promise<SecondEngine> {
  const system = join(folder, 'system');
  await mkdir(system);
  await commandDone('tar', ['-C', system, '-xzf', archive]);
  const engine = await startSecondEngine({ folder, prepare: `mount --bind ${system}/usr /usr` });
  try {
    await giveBaseImage(folder, ['docker', '-H', engine.host]);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
