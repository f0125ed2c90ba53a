import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../setup/context.js';
import { CommandFailed } from '../setup/command.js';
import { step } from '../setup/progress.js';
import { debianSources, debianTar, docker, importTar, keyOf } from './stand-in.js';

const system = {
  suite: 'bookworm',
  packages: ['busybox', 'ca-certificates'],
  leftOut: [
    ...['dev/*', 'etc/hostname', 'etc/resolv.conf', 'proc/*', 'sys/*', 'tmp/*'],
    ...['usr/share/doc/*', 'usr/share/info/*', 'usr/share/locale/*', 'usr/share/man/*'],
    ...['var/cache/apt/*', 'var/lib/apt/lists/*', 'var/log/*'],
  ],
};
const authorities = '/etc/ssl/certs/ca-certificates.crt';
const recipeFile = join(projectRoot, 'scripts', 'testing', 'stand-ins', 'debian.Dockerfile');

export const debianRecipe = () => readFileSync(recipeFile, 'utf8');

/** The small Debian that all stand-ins of Compose's images are made on. @param {import('../setup/context.js').Context} context
 * @returns {Promise<string>} its name in the engine */
export async function debianBase(context) {
  const sources = await debianSources(context, system.suite);
  const facts = [system, sources, debianRecipe(), readFileSync(authorities, 'utf8')];
  const tag = `sluice-stand-in-debian:${keyOf(facts)}`;
  if (await has(tag)) return tag;
  const tar = await debianTar(context, system);
  const bare = `${tag}-bare`;
  await importTar(bare, tar, ['CMD ["bash"]'], {});
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stand-in-'));
  try {
    const lines = sources.map(({ codename, uri }) => `deb ${uri} ${codename} main\n`);
    writeFileSync(join(folder, 'sources.list'), lines.join(''));
    copyFileSync(authorities, join(folder, 'ca-certificates.crt'));
    await step(context, 'Building the Debian of the stand-ins', tag, () =>
      docker('build', '--quiet', '-t', tag, '-f', recipeFile, '--build-arg', `DEBIAN=${bare}`, folder),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tag;
}

/** @param {string} tag */
async function has(tag) {
  try {
    await docker('image', 'inspect', tag);
    return true;
  } catch (error) {
    if (error instanceof CommandFailed) return false;
    throw error;
  }
}
