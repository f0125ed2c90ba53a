// For .ci/run and for tests of containers: the engine gets the base of images/sklearn. Where no registry can be reached, a
// stand-in is made of Debian's packages under the same name. Root, debootstrap and apt's own mirror are what that needs.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';
import { CommandFailed, run } from '../setup/command.js';
import { createContext, projectRoot } from '../setup/context.js';
import { SetupError, runScript } from '../setup/errors.js';
import { findOnPath } from '../setup/files.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';

const SUITE = 'bookworm';
// Debian's scikit-learn 1.2.1 and xgboost 1.7.4 are those of the requirements. pip: for jobs that bring a requirements.txt.
const PACKAGES = [
  'ca-certificates',
  'gunicorn',
  'python-is-python3',
  'python3-joblib',
  'python3-packaging',
  'python3-pandas',
  'python3-pip',
  'python3-sklearn',
  'python3-threadpoolctl',
  'python3-xgboost',
];
// scipy's package depends on a whole C++ compiler, and nothing here ever compiles.
const LEFT_OUT = [
  'dev/*',
  'etc/hostname',
  'etc/resolv.conf',
  'proc/*',
  'sys/*',
  'tmp/*',
  'usr/bin/*-linux-gnu-*',
  'usr/include/*',
  'usr/lib/gcc/*',
  'usr/lib/*/*.a',
  'usr/lib/python3/dist-packages/*/tests',
  'usr/share/doc/*',
  'usr/share/info/*',
  'usr/share/locale/*',
  'usr/share/man/*',
  'var/cache/apt/*',
  'var/lib/apt/lists/*',
  'var/log/*',
];
const CHANGES = ['CMD ["python3"]', 'ENV SLUICE_ACCEPT_INSTALLED=1', 'LABEL sluice.stand-in=true'];
const KEY_LABEL = 'sluice.stand-in.key';

const context = createContext();
const tag = readTag();
const key = createHash('sha256')
  .update(JSON.stringify([SUITE, process.arch, PACKAGES, LEFT_OUT, CHANGES]))
  .digest('hex')
  .slice(0, 12);
const tar = join(cacheFolder(context.env), 'images', `stand-in-${SUITE}-${process.arch}-${key}.tar.gz`);

await runScript(() =>
  withLock(`${tar}.lock`, context.say, async () => {
    const there = await inspect();
    if (there === undefined && (await pull())) return;
    if (there === undefined || (there.isStandIn && there.key !== key)) await makeStandIn();
    else context.say(`The engine has ${tag}${there.isStandIn ? ' (the stand-in)' : ''}`);
  }),
);

function readTag() {
  const text = readFileSync(join(projectRoot, 'images', 'sklearn', 'Dockerfile'), 'utf8');
  const found = /^ARG BASE_IMAGE=(\S+)$/m.exec(text)?.[1];
  if (!found) throw new Error('images/sklearn/Dockerfile has no default BASE_IMAGE');
  return found;
}

/** @param {string[]} args */
function docker(...args) {
  return run('docker', args, { timeoutSeconds: 300 });
}

async function inspect() {
  try {
    await docker('version', '--format', '{{.Server.Version}}');
  } catch (error) {
    throw new SetupError(`No container engine answers: ${/** @type {Error} */ (error).message}`);
  }
  try {
    const labels = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', tag));
    return { isStandIn: labels?.['sluice.stand-in'] === 'true', key: labels?.[KEY_LABEL] };
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}

async function pull() {
  try {
    await step(context, `Pulling ${tag}`, 'the engine does not have it', () =>
      docker('pull', '--quiet', tag),
    );
    return true;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    context.say(`It cannot be pulled, so a stand-in is made of Debian's packages: ${error.message}`);
    return false;
  }
}

async function makeStandIn() {
  if (!existsSync(tar)) {
    const mirror = await findMirror();
    const why = `${PACKAGES.length} packages from ${mirror}; kept in ${tar}`;
    await step(context, 'Making the stand-in', why, () => makeTar(mirror));
  }
  const changes = [...CHANGES, `LABEL ${KEY_LABEL}=${key}`].flatMap((change) => ['--change', change]);
  const id = await step(context, `Importing the stand-in as ${tag}`, tar, () =>
    docker('import', ...changes, tar, tag),
  );
  context.say(`The engine has ${tag} (the stand-in, ${id.slice(0, 19)})`);
}

/** The one that apt is set up with, whichever that is. */
async function findMirror() {
  if (process.getuid?.() !== 0) throw new SetupError(`${refusal()} only root can make it.`);
  for (const command of ['debootstrap', 'unshare', 'apt-get']) {
    if (!findOnPath(command, context.env)) throw new SetupError(`${refusal()} there is no ${command}.`);
  }
  const format = '$(CODENAME) $(COMPONENT) $(REPO_URI)';
  const lines = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const mirror = new RegExp(`^${SUITE} main (\\S+)$`, 'm').exec(lines)?.[1];
  if (!mirror)
    throw new SetupError(
      `${refusal()} apt knows no mirror of Debian ${SUITE}. If /etc/apt has one: apt-get update`,
    );
  return mirror;
}

function refusal() {
  return `The engine has no ${tag}, it cannot be pulled, and no stand-in can be made:`;
}

/** @param {string} mirror */
async function makeTar(mirror) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stand-in-'));
  const beside = `${tar}.${randomUUID()}`;
  mkdirSync(dirname(tar), { recursive: true });
  const debootstrap = ['debootstrap', '--variant=minbase', `--include=${PACKAGES.join(',')}`];
  const leftOut = LEFT_OUT.map((pattern) => `--exclude=./${pattern}`);
  try {
    // A mount namespace: what debootstrap mounts in the tree is gone with it, however it ends, before the tree is removed.
    await run('unshare', ['--mount', ...debootstrap, SUITE, folder, mirror], { timeoutSeconds: 900 });
    await run('tar', ['-C', folder, '--numeric-owner', '-I', 'gzip -1', ...leftOut, '-cf', beside, '.']);
    renameSync(beside, tar);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(beside, { force: true });
  }
}
