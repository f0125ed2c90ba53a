import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../dist/config.js';
import { frameworkTag } from '../dist/engines/container/images.js';
import { createLocalEngines } from '../dist/machine.js';
import { projectFolder } from './stack.js';

const run = promisify(execFile);

/** The Docker CLI: what the figures are compared with. */
export const docker = (...args) => run('docker', args, { maxBuffer: 2 ** 26 });

/** Null if there is an engine, and the Docker CLI that the figures are compared with. */
export async function whyNoContainers() {
  try {
    await createLocalEngines(readConfig()).findContainerEngine();
    await docker('version');
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  }
}

/** The container engine, with a home of its own. */
export async function openEngine() {
  const home = await mkdtemp(join(tmpdir(), 'sluice-bench-containers-'));
  const config = readConfig({ ...process.env, SLUICE_ROOT: home, SLUICE_HOME: home });
  return {
    engine: createLocalEngines(config).container,
    home,
    close: () => rm(home, { recursive: true, force: true }),
  };
}

/** The framework image as the engine calls it. */
export const frameworkImage = () =>
  frameworkTag('sluice/sklearn:1.2-1', join(projectFolder, 'images'), readConfig().baseImage);

/** Runs a job to its end, as the activity does. */
export async function runJob(engine, name, request) {
  const signal = new AbortController().signal;
  const ref = await engine.ensure(name, request, signal);
  const started = Date.now();
  const news = engine.listen(ref);
  try {
    for (;;) {
      const state = await engine.describe(ref, signal);
      if (state.status === 'succeeded') return state;
      if (state.status !== 'running') throw new Error(JSON.stringify(state));
      const interval = engine.pollIntervalMs(Date.now() - started);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, interval)), news.next()]);
    }
  } finally {
    news.close();
  }
}
