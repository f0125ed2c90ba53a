import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './commands.ts';
import { giveBaseImage, whyNoDocker } from './docker.ts';
import { describePart, findProgram, missingPrograms } from './real-parts.ts';
import { until } from './until.ts';

/** Also the number of its group. No user of this machine has it. */
export const rootlessUser = 54321;

const script = 'dockerd-rootless.sh';

/** Undefined where root can start one. */
export const whyNoRootlessDocker =
  process.getuid?.() === 0
    ? (whyNoDocker ??
      missingPrograms(script, 'dockerd', 'rootlesskit', 'slirp4netns', 'newuidmap', 'setpriv', 'unshare') ??
      (existsSync('/dev/net/tun') ? undefined : 'this machine has no /dev/net/tun'))
    : 'only root can make the user of a rootless engine here';

export const describeRootlessDocker = describePart(
  'a rootless Docker engine',
  'SLUICE_REQUIRE_DOCKER',
  whyNoRootlessDocker,
);

/** Folders of that user: the socket lies in what it has as `XDG_RUNTIME_DIR`. */
export const rootlessFolders = (folder: string) => ({
  runtimeFolder: join(folder, 'run'),
  home: join(folder, 'home'),
});

/**
 * A Docker engine that runs as a user without privilege, with images of its own, the base image among them. The user is known in a
 * mount namespace only: nothing of the machine is changed.
 * @param folder - with a short path, for sockets have no others. @returns what ends the engine.
 */
export async function startRootlessDocker(folder: string): Promise<() => Promise<void>> {
  const { runtimeFolder, home } = rootlessFolders(folder);
  execFileSync('chmod', ['755', folder]);
  for (const owned of [runtimeFolder, home]) {
    await mkdir(owned, { mode: 0o700 });
    await chown(owned, rootlessUser, rootlessUser);
  }
  const user = `sluice-rootless:x:${rootlessUser}:${rootlessUser}::${home}:/bin/sh\n`;
  await writeFile(join(folder, 'passwd'), (await readFile('/etc/passwd', 'utf8')) + user);
  await writeFile(join(folder, 'subids'), `sluice-rootless:${rootlessUser * 2}:65536\n`);
  execFileSync('mknod', ['--mode=666', join(folder, 'tun'), 'c', '10', '200']);

  const prepare = `
    set -e
    mount --bind ${folder}/passwd /etc/passwd
    mount --bind ${folder}/subids /etc/subuid
    mount --bind ${folder}/subids /etc/subgid
    mount --bind ${folder}/tun /dev/net/tun
    exec setpriv --reuid=${rootlessUser} --regid=${rootlessUser} --clear-groups sh "$0"`;
  const daemon = spawn('unshare', ['--mount', 'sh', '-c', prepare, findProgram(script)!], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
      HOME: home,
      XDG_RUNTIME_DIR: runtimeFolder,
    },
  });
  let said = '';
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-3000)));
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  const options = ['-H', `unix://${runtimeFolder}/docker.sock`];
  const docker = (...args: string[]) => command('docker', [...options, ...args]);
  const close = async () => {
    const all = (await docker('ps', '--all', '--quiet')).stdout.split('\n').filter(Boolean);
    if (all.length > 0) await docker('rm', '--force', ...all);
    daemon.kill();
    await ended;
  };
  try {
    await until(async () => {
      if (daemon.exitCode !== null) throw new Error(`${script}: ${said}`);
      return (await docker('version')).code === 0;
    });
    await giveBaseImage(folder, ['docker', ...options]);
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}
