import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { command } from './commands.ts';
import { makeNetworkNamespace } from './network-namespace.ts';
import { describePart, missingPrograms } from './real-parts.ts';
import { until } from './until.ts';

export interface Podman {
  socket: string;
  close(): Promise<void>;
}

/** Undefined where Podman can have settings of its own. */
export const whyNoPodman =
  process.getuid?.() === 0
    ? missingPrograms('podman', 'netavark', 'docker-init')
    : 'only root has a Podman with settings of its own here';

/** For tests with Podman's service. CI has it together with Docker. */
export const describePodman = describePart('Podman', 'SLUICE_REQUIRE_DOCKER', whyNoPodman);

/**
 * Podman's service with images, containers and networks of its own, all in the folder; for root. `close` leaves no process, but
 * containers that still run.
 */
export async function startPodman(folder: string): Promise<Podman> {
  const at = (name: string) => join(folder, name);
  const socket = at('podman/podman.sock');
  await mkdir(at('podman'), { recursive: true });
  await mkdir(at('networks'), { recursive: true });
  await writeFile(at('containers.conf'), await containersConf(at('events.log')));
  // Registries of this machine speak no TLS, as Docker takes for granted.
  await writeFile(at('registries.conf'), '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
  const network = makeNetworkNamespace();
  const [program, ...inside] = network.prefix;
  const service = spawn(
    program,
    [
      ...[...inside, 'podman'],
      ...['--root', at('storage'), '--runroot', at('runroot'), '--network-config-dir', at('networks')],
      ...['system', 'service', '--time=0', `unix://${socket}`],
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        CONTAINERS_CONF: at('containers.conf'),
        CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
      },
    },
  );
  let said = '';
  service.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-2000)));
  await until(() => {
    if (service.exitCode !== null) throw new Error(`podman: ${said}`);
    return listens(socket);
  });
  return {
    socket,
    async close() {
      await new Promise<void>((resolve) => {
        service.once('exit', () => resolve());
        if (service.exitCode !== null || service.signalCode !== null) resolve();
        else service.kill();
      });
      // Podman binds it over itself and leaves it so: the folder could not be removed.
      await command('umount', [at('storage/overlay')]);
      network.remove();
    },
  };
}

/**
 * Podman asks for a million open files and processes; where root itself may not have so many, no container would start:
 * "error setting rlimit type 7: operation not permitted".
 */
async function containersConf(events: string): Promise<string> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const hard = (what: string) =>
    Number(new RegExp(`^Max ${what} +\\S+ +(\\d+)`, 'm').exec(limits)?.[1] ?? 1e6);
  const processes = Math.min(hard('processes'), Number(await readFile('/proc/sys/kernel/pid_max', 'utf8')));
  const files = hard('open files');
  return [
    '[containers]',
    `default_ulimits = ["nofile=${files}:${files}", "nproc=${processes}:${processes}"]`,
    '[network]',
    'network_backend = "netavark"',
    // A file of its own for events, as long as it likes: whoever listens while one is begun anew, after a megabyte, misses some.
    '[engine]',
    'events_logger = "file"',
    `events_logfile_path = "${events}"`,
    'events_logfile_max_size = "100m"',
    '',
  ].join('\n');
}

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(socket);
    client.once('connect', () => resolve(true)).once('error', () => resolve(false));
    client.once('connect', () => client.destroy());
  });
}
