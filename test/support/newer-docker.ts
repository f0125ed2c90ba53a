import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './commands.ts';
import { baseImage, whyNoDocker } from './docker.ts';
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
  const { code, stderr } = await command('tar', ['-C', system, '-xzf', archive]);
  if (code !== 0) throw new Error(stderr);
  const engine = await startSecondEngine({ folder, prepare: `mount --bind ${system}/usr /usr` });
  try {
    // No registry may be in reach.
    const base = join(folder, 'base.tar');
    const saved = await command('docker', ['save', '--output', base, baseImage]);
    if (saved.code !== 0) throw new Error(saved.stderr);
    engine.docker('load', '--input', base);
    await rm(base);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
