import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder } from './stack.js';

/** `sluice worker` in a process and a home of its own; it is ready when this returns. */
export async function startWorkerProcess(address, root, settings = {}) {
  const home = await mkdtemp(join(tmpdir(), 'sluice-bench-worker-'));
  const collecting = join(home, 'collect-garbage');
  const collector = ['--expose-gc', '--import', join(projectFolder, 'bench', 'collect-garbage.js')];
  const child = spawn(process.execPath, [...collector, join(projectFolder, 'dist', 'cli.js'), 'worker'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      SLUICE_BENCH_COLLECT: collecting,
      TEMPORAL_ADDRESS: address,
      SLUICE_ROOT: root,
      SLUICE_HOME: home,
      SLUICE_LOCAL_ENGINE: 'process',
      SLUICE_LOG_FORMAT: 'json',
      ...settings,
    },
  });
  await new Promise((resolve, reject) => {
    let log = '';
    child.stderr.on('data', (text) => {
      log = `${log}${text}`.slice(-100_000);
      if (log.includes('worker ready')) resolve();
    });
    child.on('exit', (code) => reject(new Error(`the worker ended with ${code}: ${log}`)));
  });
  return {
    /** Bytes of memory, as the system counts them (Linux), without garbage. */
    async memory() {
      await writeFile(collecting, '');
      await sleep(5000);
      await rm(collecting);
      const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'));
      return Number(kilobytes) * 1024;
    },
    /** How many processes it has started and not seen the end of (Linux). */
    async children() {
      const tasks = await readdir(`/proc/${child.pid}/task`);
      const lists = tasks.map((task) => readFile(`/proc/${child.pid}/task/${task}/children`, 'utf8'));
      return (await Promise.all(lists)).join(' ').split(/\s+/).filter(Boolean).length;
    },
    async close() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}
