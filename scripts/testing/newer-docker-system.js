import { debianTarIn } from './stand-in.js';

/** Docker 26.1, where Debian 12 has 20.10. Only what is below /usr: the rest is this machine's. */
export const newerDocker = {
  suite: 'trixie',
  packages: ['docker.io', 'iptables'],
  leftOut: [
    ...[
      'bin',
      'boot',
      'dev',
      'etc',
      'home',
      'lib',
      'lib64',
      'media',
      'mnt',
      'opt',
      'proc',
      'root',
      'run',
      'sbin',
    ],
    ...['srv', 'sys', 'tmp', 'var', 'usr/share/doc', 'usr/share/locale', 'usr/share/man', 'usr/share/info'],
  ],
};

/** @param {Record<string, string | undefined>} env */
export const newerDockerIn = (env) => debianTarIn(env, newerDocker);
