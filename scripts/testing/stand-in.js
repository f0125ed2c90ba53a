import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';
import { CommandFailed, run } from '../setup/command.js';
import { SetupError } from '../setup/errors.js';
import { findOnPath } from '../setup/files.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';

/** @typedef {import('../setup/context.js').Context} Context */
/** What the engine is to have under `tag`, pulled or made. `facts` is all that the stand-in depends on; `make` is given the
 * options that mark it as one.
 * @typedef {{ tag: string, facts: unknown, make: (labels: Record<string, string>) => Promise<unknown> }} StandIn */

export const standInLabel = 'sluice.stand-in';
const KEY_LABEL = 'sluice.stand-in.key';
const PULL_SECONDS = 300;

/** @param {string[]} args */
export function docker(...args) {
  return run('docker', args, { timeoutSeconds: 900 });
}

/** The engine gets the image: its own, else the registry's, else a stand-in. @param {Context} context @param {StandIn} standIn */
export async function ensureImage(context, { tag, facts, make }) {
  const key = keyOf(facts);
  const lock = join(cacheFolder(context.env), 'images', `${tag.replace(/[/:]/g, '-')}.lock`);
  await withLock(lock, context.say, async () => {
    const there = await inspect(tag);
    if (there === undefined ? await pull(context, tag) : !there.isStandIn || there.key === key) {
      if (there) context.say(`The engine has ${tag}${there.isStandIn ? ' (the stand-in)' : ''}`);
      return;
    }
    await make({ [standInLabel]: 'true', [KEY_LABEL]: key });
    context.say(`The engine has ${tag} (the stand-in, new)`);
  });
}

/** @param {unknown} facts */
export const keyOf = (facts) => createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 12);

/** @param {string} tag */
async function inspect(tag) {
  try {
    await docker('version', '--format', '{{.Server.Version}}');
  } catch (error) {
    throw new SetupError(`No container engine answers: ${/** @type {Error} */ (error).message}`);
  }
  try {
    const labels = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', tag));
    return { isStandIn: labels?.[standInLabel] === 'true', key: labels?.[KEY_LABEL] };
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}

/** @param {Context} context @param {string} tag */
async function pull(context, tag) {
  try {
    await step(context, `Pulling ${tag}`, 'the engine does not have it', () =>
      run('docker', ['pull', '--quiet', tag], { timeoutSeconds: PULL_SECONDS }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    context.say(`It cannot be pulled, so a stand-in is made: ${error.message}`);
    return false;
  }
}

/** @param {Record<string, string | undefined>} env @param {{ suite: string }} system */
export const debianTarIn = (env, system) =>
  join(cacheFolder(env), 'images', `stand-in-${system.suite}-${process.arch}-${keyOf(system)}.tar.gz`);

/** The files of a Debian with these packages, as a tar in the cache. Root, debootstrap and apt's own mirror are what it needs.
 * @param {Context} context @param {{ suite: string, packages: string[], leftOut: string[] }} system @returns {Promise<string>} */
export async function debianTar(context, system) {
  const tar = debianTarIn(context.env, system);
  if (existsSync(tar)) return tar;
  const { suite } = system;
  // A mirror has every release, whichever this machine has.
  const [source] = [...(await debianSources(context, suite)), ...(await debianSources(context, ''))];
  const mirror = source?.uri;
  if (!mirror)
    throw new SetupError(
      `${refusal} apt knows no mirror of Debian ${suite}. If /etc/apt has one: apt-get update`,
    );
  const why = `${system.packages.length} packages from ${mirror}; kept in ${tar}`;
  await step(context, 'Making the stand-in', why, () => makeTar(system, mirror, tar));
  return tar;
}

const refusal = 'The image cannot be pulled, and no stand-in can be made:';

/** What apt is set up with, for a release and its updates; the release itself first.
 * @param {Context} context @param {string} suite @returns {Promise<{ codename: string, uri: string }[]>} */
export async function debianSources(context, suite) {
  if (process.getuid?.() !== 0) throw new SetupError(`${refusal} only root can make it.`);
  for (const command of ['debootstrap', 'unshare', 'apt-get']) {
    if (!findOnPath(command, context.env)) throw new SetupError(`${refusal} there is no ${command}.`);
  }
  const format = '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)';
  const lines = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const found = lines.matchAll(new RegExp(`^Debian (${suite}\\S*) main (\\S+)$`, 'gm'));
  const sources = [...found].map(([, codename = '', uri = '']) => ({ codename, uri }));
  return sources.sort((one, other) => one.codename.length - other.codename.length);
}

/** @param {{ suite: string, packages: string[], leftOut: string[] }} system @param {string} mirror @param {string} tar */
async function makeTar({ suite, packages, leftOut }, mirror, tar) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stand-in-'));
  const beside = `${tar}.${randomUUID()}`;
  mkdirSync(dirname(tar), { recursive: true });
  const debootstrap = ['debootstrap', '--variant=minbase', `--include=${packages.join(',')}`];
  const excluded = leftOut.map((pattern) => `--exclude=./${pattern}`);
  try {
    // A mount namespace: what debootstrap mounts in the tree is gone with it, however it ends, before the tree is removed.
    await run('unshare', ['--mount', ...debootstrap, suite, folder, mirror], { timeoutSeconds: 900 });
    await run('tar', ['-C', folder, '--numeric-owner', '-I', 'gzip -1', ...excluded, '-cf', beside, '.']);
    renameSync(beside, tar);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(beside, { force: true });
  }
}

/** @param {string} tag @param {string} tar @param {string[]} changes @param {Record<string, string>} labels */
export function importTar(tag, tar, changes, labels) {
  const all = [...changes, ...Object.entries(labels).map(([name, value]) => `LABEL ${name}=${value}`)];
  return docker('import', ...all.flatMap((change) => ['--change', change]), tar, tag);
}
