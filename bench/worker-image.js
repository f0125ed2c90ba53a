import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { standInLabel } from '../scripts/testing/stand-in.js';
import { docker } from './container-engine.js';
import { seconds, spread, timed } from './measure.js';
import { projectFolder, startTemporal } from './stack.js';

const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8'));
/** As docker-compose.yml builds them: jobs in containers or in SageMaker, and jobs as processes of the container itself. */
const images = [`sluice:${version}`, `sluice-process:${version}`];

/** Null if an engine answers and has them. */
export async function whyNoWorkerImage() {
  try {
    for (const image of images) await docker('image', 'inspect', image);
    return null;
  } catch (error) {
    return (error.stderr || error.message).trim().split('\n').at(-1);
  }
}

/** How large the images of the worker are, and how long such a container needs until it takes work. */
export async function workerImage(rounds) {
  const temporal = await startTemporal();
  try {
    return [
      {
        figure: 'images of the worker: jobs in containers or SageMaker, jobs as processes',
        aim: 'reported',
        measured: `${(await Promise.all(images.map(size))).join(', ')}${await onStandIns()}`,
      },
      {
        figure: '`docker run` of them until the worker is ready (`/readyz`)',
        aim: 'reported',
        measured: `${await readyAfter(images[0], temporal, rounds)}, ${await readyAfter(images[1], temporal, rounds)}`,
      },
    ];
  } finally {
    await temporal.close();
  }
}

async function size(image) {
  const { stdout } = await docker('image', 'inspect', '--format', '{{.Size}}', image);
  return `${(Number(stdout) / 1e6).toFixed(0)} MB`;
}

/** The tests make bases of the official names where no registry is reached; what is built on them has their label. */
async function onStandIns() {
  const { stdout } = await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', images[0]);
  return JSON.parse(stdout)?.[standInLabel] === 'true' ? ', on stand-ins of the official base images' : '';
}

async function readyAfter(image, { address }, rounds) {
  const times = [];
  // The first one finds nothing in the file cache.
  for (let round = 0; round <= rounds; round += 1) {
    const name = `sluice-bench-${randomUUID()}`;
    // The network of this machine, as the Temporal server listens on the loopback.
    const run = ['run', '--detach', '--name', name, '--network', 'host'];
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const settings = [`TEMPORAL_ADDRESS=${address}`, `SLUICE_HEALTH_PORT=${port}`];
    const env = settings.flatMap((setting) => ['--env', setting]);
    try {
      const took = await timed(async () => {
        await docker(...run, ...env, image);
        await untilReady(`http://127.0.0.1:${port}/readyz`);
      });
      if (round > 0) times.push(took);
    } finally {
      await docker('rm', '--force', '--volumes', name);
    }
  }
  return spread(times, seconds);
}

async function untilReady(url) {
  const deadline = Date.now() + 60_000;
  while ((await fetch(url).catch(() => null))?.status !== 200) {
    if (Date.now() > deadline) throw new Error(`nothing is ready at ${url}`);
    await sleep(20);
  }
}
