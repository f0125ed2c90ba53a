import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { findEngineAddresses } from '../../../src/engines/container/connection.ts';
import {
  isDeadTunnel,
  openSshTunnel,
  sshCommand,
  type SshAddress,
  type SshTunnel,
} from '../../../src/engines/container/ssh-tunnel.ts';
import { command } from '../../support/commands.ts';
import { failureOf } from '../../support/folders.ts';
import { processesWith } from '../../support/processes.ts';
import { describeDockerAnd } from '../../support/docker.ts';
import { until } from '../../support/until.ts';
import { unset } from './docker-folder.ts';
import { ask } from './requests.ts';
import { startSshServer, type SshServer } from './ssh-server.ts';

const describeSsh = describeDockerAnd('sshd', 'ssh', 'docker');
const path = process.env.PATH;
const tunnels: SshTunnel[] = [];
let folder: string;
let server: SshServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-ssh-'));
  server = await startSshServer(folder);
  process.env.PATH = `${server.bin}${delimiter}${path}`;
});
afterEach(async () => {
  for (const tunnel of tunnels.splice(0)) await tunnel.close();
});
afterAll(async () => {
  process.env.PATH = path;
  await server.close();
  await rm(folder, { recursive: true });
});

async function addressOf(host: string): Promise<SshAddress> {
  const [found] = await findEngineAddresses(unset(folder, { host }));
  if (found?.address.kind !== 'ssh') throw new Error(`${host} is no ssh`);
  return found.address;
}

const hostOf = ({ user, port }: SshServer, rest = '') => `ssh://${user}@127.0.0.1:${port}${rest}`;

async function open(host = hostOf(server)): Promise<SshTunnel> {
  const tunnel = await openSshTunnel(await addressOf(host));
  tunnels.push(tunnel);
  return tunnel;
}

const sshProcesses = () => processesWith(`-F ${folder}/ssh_config`);

describeSsh('an engine by ssh', () => {
  it('answers at a socket of this machine, in a folder of this user alone', async () => {
    const { socketPath } = await open();
    expect(await ask({ socketPath, path: '/_ping' })).toEqual({ status: 200, body: 'OK' });
    const version = await ask({ socketPath, path: '/version' });
    expect(JSON.parse(version.body)).toHaveProperty('ApiVersion');
    expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700);
  });

  it('answers at the socket that the address names', async () => {
    const { socketPath } = await open(hostOf(server, '/var/run/docker.sock'));
    expect(await ask({ socketPath, path: '/_ping' })).toMatchObject({ status: 200 });
  });

  it('has a folder that is known to be of no use once nobody listens there', async () => {
    const { socketPath } = await open();
    expect(await isDeadTunnel(dirname(socketPath))).toBe(false);
    const left = await mkdtemp(join(folder, 'left-'));
    expect(await isDeadTunnel(left)).toBe(true);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(left, 'docker.sock'), resolve));
    expect(await isDeadTunnel(left)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isDeadTunnel(left)).toBe(true);
  });

  it('answers many at once', async () => {
    const { socketPath } = await open();
    const all = await Promise.all(Array.from({ length: 5 }, () => ask({ socketPath, path: '/version' })));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  it('takes large bodies both ways', async () => {
    const { socketPath } = await open();
    const text = 'x'.repeat(5_000_000);
    await writeFile(join(folder, 'large'), text);
    const tar = await command('tar', ['-C', folder, '-cf', join(folder, 'large.tar'), 'large']);
    expect(tar.code).toBe(0);
    const headers = { 'content-type': 'application/x-tar' };
    const image = 'sluice-test-ssh:large';
    const imported = await ask(
      {
        socketPath,
        method: 'POST',
        path: `/images/create?fromSrc=-&repo=sluice-test-ssh&tag=large`,
        headers,
      },
      await readFile(join(folder, 'large.tar')),
    );
    try {
      expect(imported.status).toBe(200);
      const saved = await ask({ socketPath, path: `/images/${image}/get` });
      expect(saved.body.length).toBeGreaterThan(text.length);
    } finally {
      expect(await ask({ socketPath, method: 'DELETE', path: `/images/${image}` })).toMatchObject({
        status: 200,
      });
    }
  });

  it('ends its ssh when the client hangs up, and its folder when it is closed', async () => {
    const tunnel = await open();
    const events = request({ socketPath: tunnel.socketPath, path: '/events', agent: false }).end();
    events.on('error', () => undefined);
    await new Promise((resolve) => events.once('response', resolve));
    expect(await sshProcesses()).not.toEqual([]);
    events.destroy();
    await until(async () => (await sshProcesses()).length === 0);
    await tunnel.close();
    expect(existsSync(dirname(tunnel.socketPath))).toBe(false);
  });

  it('keeps no process alive, and leaves no folder behind', async () => {
    const module = new URL('../../../dist/engines/container/ssh-tunnel.js', import.meta.url).href;
    const script =
      `import { openSshTunnel } from ${JSON.stringify(module)};` +
      `const tunnel = await openSshTunnel(${JSON.stringify(await addressOf(hostOf(server)))});` +
      'console.log(tunnel.socketPath);';
    const { code, stdout, stderr } = await command(process.execPath, ['--input-type=module', '-e', script]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/docker\.sock/);
    expect(existsSync(dirname(stdout.trim()))).toBe(false);
  });

  it('that was there and is gone answers with status 502 and the words of ssh', async () => {
    const { socketPath } = await open();
    const known = await readFile(join(folder, 'known_hosts'));
    await writeFile(join(folder, 'known_hosts'), '');
    try {
      const { status, body } = await ask({ socketPath, path: '/version' });
      expect(status).toBe(502);
      expect(JSON.parse(body).message).toContain('Host key verification failed');
    } finally {
      await writeFile(join(folder, 'known_hosts'), known);
    }
  });
});

describeSsh('an engine that ssh does not reach', () => {
  const isTold = async (host: string, why: RegExp) => {
    const failure = await failureOf(open(host));
    expect(failure).toMatchObject({ code: 'EngineUnavailable', retryable: true });
    expect(failure.message).toMatch(new RegExp(`^No container engine answers at ssh://.*${why.source}`, 's'));
  };

  it('is told with the words of ssh: nobody listens', async () => {
    await isTold('ssh://ann@127.0.0.1:1', /Connection refused/);
  });

  it('is told with the words of ssh: a key that is not allowed', async () => {
    const allowed = await readFile(join(folder, 'authorized_keys'));
    await writeFile(join(folder, 'authorized_keys'), await readFile(join(folder, 'stranger_key.pub')));
    try {
      await isTold(hostOf(server), /Permission denied/);
    } finally {
      await writeFile(join(folder, 'authorized_keys'), allowed);
    }
  });

  it('is told with the words of Docker over there: no such socket', async () => {
    await isTold(hostOf(server, "/nowhere/it's $HOME.sock"), /it's \$HOME\.sock/);
  });

  it('is told when there is no ssh at all', async () => {
    const before = process.env.PATH;
    process.env.PATH = '/nowhere';
    try {
      await isTold(hostOf(server), /ssh cannot be started: spawn ssh ENOENT/);
    } finally {
      process.env.PATH = before;
    }
  });
});

describeSsh('the command', () => {
  it('is that of the Docker CLI, and asks nobody', async () => {
    expect(sshCommand(await addressOf('ssh://ann@engine:2222'))).toEqual([
      ...['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=30'],
      ...['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3', '-T', '-p', '2222'],
      ...['--', 'ann@engine', 'docker', 'system', 'dial-stdio'],
    ]);
  });

  it('names the socket over there for its shell', async () => {
    expect(sshCommand(await addressOf("ssh://engine/a'b.sock")).slice(-6)).toEqual([
      ...['engine', 'docker', '--host', `'unix:///a'\\''b.sock'`, 'system', 'dial-stdio'],
    ]);
  });
});
