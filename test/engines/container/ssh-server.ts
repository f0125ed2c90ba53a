import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { command } from '../../support/commands.ts';
import { freePort } from '../../support/ports.ts';
import { findProgram } from '../../support/real-parts.ts';
import { until } from '../../support/until.ts';

export interface SshServer {
  /** `user@host` and port by which the `ssh` of the folder `bin` gets in. */
  user: string;
  port: number;
  /** Belongs on the PATH: an `ssh` that knows this server and its keys, and nothing of the user's own. */
  bin: string;
  close(): Promise<void>;
}

/** An sshd of this user on a port of this machine, with keys of its own. Everything lies in the folder. */
export async function startSshServer(folder: string): Promise<SshServer> {
  const at = (name: string) => join(folder, name);
  for (const key of ['host_key', 'user_key', 'stranger_key']) {
    await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  }
  const [user, port] = [userInfo().username, await freePort()];
  await writeFile(at('authorized_keys'), await readFile(at('user_key.pub')));
  const hostKey = (await readFile(at('host_key.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
  await writeFile(at('known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
  await writeFile(at('sshd_config'), sshdConfig(folder, port));
  await writeClient(folder);
  // Where root's sshd goes to lock itself in; the package leaves it to the service.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const sshd = spawn(findProgram('sshd')!, ['-D', '-e', '-f', at('sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  sshd.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(() => {
    if (sshd.exitCode !== null) throw new Error(`sshd: ${said}`);
    return answers(port);
  });
  return { user, port, bin: at('bin'), close: () => end(sshd) };
}

const sshdConfig = (folder: string, port: number) => `
Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host_key
AuthorizedKeysFile ${folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
`;

async function writeClient(folder: string): Promise<void> {
  await writeFile(
    join(folder, 'ssh_config'),
    `IdentityFile ${folder}/user_key\nIdentitiesOnly yes\nUserKnownHostsFile ${folder}/known_hosts\nGlobalKnownHostsFile none\n`,
  );
  await mkdir(join(folder, 'bin'));
  const script = `#!/bin/sh\nexec ${findProgram('ssh')!} -F ${folder}/ssh_config "$@"\n`;
  await writeFile(join(folder, 'bin', 'ssh'), script);
  await chmod(join(folder, 'bin', 'ssh'), 0o755);
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.kill();
  });
}
