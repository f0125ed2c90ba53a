import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { command } from './commands.ts';
import { makeNetworkNamespace } from './network-namespace.ts';
import { processesWith } from './processes.ts';
import { describePart, missingPrograms } from './real-parts.ts';
import { until } from './until.ts';

/** An engine of the test's own, which may be stopped and killed; it has {@link tinyImage}, and a network of its own. */
export interface SecondEngine {
  host: string;
  signal(name: NodeJS.Signals): void;
  /** Returns when the daemon has ended. */
  end(name: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(...options: string[]): Promise<void>;
  docker(...args: string[]): string;
  close(): Promise<void>;
}

/** A shell and `sleep`, of this machine. */
export const tinyImage = 'sluice-test-tiny:1';

const programs = ['sh', 'sleep', 'cat'];

/** For `DOCKER_HOST`. */
export const secondEngineHost = (folder: string) => `unix://${folder}/docker.sock`;

/** For tests with such an engine. */
export const describeSecondEngine = describePart(
  "a container engine of the test's own",
  'SLUICE_REQUIRE_DOCKER',
  process.getuid?.() === 0
    ? missingPrograms('dockerd', 'containerd', 'docker', 'ip', 'nsenter')
    : 'only root can start a Docker engine',
);

export interface SecondEngineSetting {
  /** Where all that it has is to be, with a short path, for sockets have no others. */
  folder?: string;
  /** Lines of shell that change what it sees of the machine, by mounts that nobody else sees. */
  prepare?: string;
  /** Of `dockerd`, at every start. */
  options?: readonly string[];
}

export async function startSecondEngine(setting: SecondEngineSetting = {}): Promise<SecondEngine> {
  const folder = setting.folder ?? mkdtempSync('/tmp/sluice-engine-');
  const host = secondEngineHost(folder);
  const prepared =
    setting.prepare === undefined
      ? []
      : ['unshare', '--mount', 'sh', '-ec', `${setting.prepare}\nexec "$@"`, 'sh'];
  const network = makeNetworkNamespace();
  let daemon: ChildProcess | null = null;
  const docker = (...args: string[]) =>
    execFileSync('docker', ['-H', host, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  const start = async (...options: string[]) => {
    const log = openSync(join(folder, 'daemon.log'), 'a');
    const args = ['--data-root', 'data', '--exec-root', 'exec', '--pidfile', 'pid'].map((word) =>
      word.startsWith('--') ? word : join(folder, word),
    );
    const [program, ...inside] = network.prefix;
    const child = spawn(
      program,
      [...inside, ...prepared, 'dockerd', ...args, ...(setting.options ?? []), ...options, '-H', host],
      {
        stdio: ['ignore', log, log],
      },
    );
    daemon = child;
    await until(() => {
      if (child.exitCode !== null)
        throw new Error(`dockerd: ${readFileSync(join(folder, 'daemon.log'), 'utf8').slice(-2000)}`);
      return answers(docker);
    }, 60);
  };

  const end = async (name: NodeJS.Signals) => {
    const child = daemon;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(name);
    // A daemon that stands still hears of it afterwards.
    child.kill('SIGCONT');
    await ended;
    daemon = null;
    // It dies with its parent, but whoever should reap it may take his time, and the next daemon would take it for alive.
    await until(async () => (await processesWith(`${folder}/exec/containerd/containerd.toml`)).length === 0);
    rmSync(join(folder, 'exec/containerd/containerd.pid'), { force: true });
  };

  const engine: SecondEngine = {
    host,
    docker,
    start,
    end,
    signal: (name) => void daemon?.kill(name),
    async close() {
      if (daemon !== null) {
        daemon.kill('SIGCONT');
        const all = docker('ps', '-aq').trim().split('\n').filter(Boolean);
        if (all.length > 0) docker('rm', '-f', ...all);
        await end('SIGTERM');
      }
      for (const { pid } of await processesWith(`-address ${folder}/exec`)) process.kill(pid, 'SIGKILL');
      network.remove();
      // The daemon binds it over itself.
      await command('umount', [join(folder, 'data')]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await start();
    await importTinyImage(docker, folder);
    return engine;
  } catch (error) {
    // One that never answered has no containers, and cannot be asked for them.
    if (!answers(docker)) await end('SIGKILL');
    await engine.close();
    throw error;
  }
}

function answers(docker: SecondEngine['docker']): boolean {
  try {
    docker('version');
    return true;
  } catch {
    return false;
  }
}

async function importTinyImage(docker: SecondEngine['docker'], folder: string): Promise<void> {
  const root = join(folder, 'image');
  mkdirSync(join(root, 'bin'), { recursive: true });
  for (const program of programs) {
    const path = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    copyFileSync(realpathSync(path), join(root, 'bin', basename(path)));
    for (const [library] of execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/\/\S+\.so\S*/g)) {
      mkdirSync(join(root, dirname(library)), { recursive: true });
      copyFileSync(realpathSync(library), join(root, library));
    }
  }
  await command('tar', ['-C', root, '-cf', join(folder, 'image.tar'), '.']);
  docker('import', join(folder, 'image.tar'), tinyImage);
}
