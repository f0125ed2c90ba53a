import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { median, seconds, spread, timed } from './measure.js';
import { projectFolder, startStack } from './stack.js';

const run = promisify(execFile);
const cli = join(projectFolder, 'bin', 'sluice.js');

/** How long a person waits: for a worker, for the first step of a run without a server, for the second demo. */
export async function startUp(rounds) {
  return [await workerReady(rounds), await firstStep(rounds), await secondDemo(Math.min(rounds, 3))];
}

async function workerReady(rounds) {
  const stack = await startStack();
  const times = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const { address } = stack.client.connection.options;
      const child = spawn(process.execPath, [cli, 'worker'], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          ...process.env,
          TEMPORAL_ADDRESS: address,
          SLUICE_HOME: stack.home,
          SLUICE_LOG_FORMAT: 'json',
        },
      });
      times.push(await timed(() => untilSaid(child.stderr, 'worker ready')));
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  } finally {
    await stack.close();
  }
  return { figure: 'worker ready, workflow bundle built', aim: '≤ 2 s', measured: spread(times, seconds) };
}

async function firstStep(rounds) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const home = await mkdtemp(join(tmpdir(), 'sluice-bench-home-'));
    const child = spawn(process.execPath, [cli, 'run', 'examples/abalone/pipeline.json'], {
      cwd: projectFolder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...withoutTemporal(), SLUICE_HOME: home },
    });
    times.push(await timed(() => untilSaid(child.stderr, 'preprocess: running')));
    await once(child, 'exit');
    // The server of the run leaves when it sees that nobody needs it.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await rm(home, { recursive: true, force: true });
  }
  return {
    figure: "`sluice run` without a server, to the first step's start",
    aim: '≤ 5 s',
    measured: spread(times, seconds),
  };
}

async function secondDemo(rounds) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    times.push(
      await timed(() => run('npm', ['run', 'demo'], { cwd: projectFolder, env: withoutTemporal() })),
    );
    await new Promise((resolve) => setTimeout(resolve, 4000));
  }
  return {
    figure: 'second `npm run demo`, whole',
    aim: '≤ 20 s',
    measured: `${seconds(median(times))} (n=${rounds})`,
  };
}

function withoutTemporal() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

function untilSaid(stream, text) {
  return new Promise((resolve, reject) => {
    let said = '';
    stream.on('data', (chunk) => {
      said += chunk;
      if (said.includes(text)) resolve();
    });
    stream.once('close', () => reject(new Error(`it ended without saying "${text}":\n${said}`)));
  });
}
