import { randomUUID } from 'node:crypto';
import { mkdtemp, open, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createProcessEngine } from '../dist/engines/process/engine.js';
import { readConfig } from '../dist/config.js';
import { median, millis, sideBySide, spread } from './measure.js';
import { runJob } from './container-engine.js';
import { noOpRequest } from './no-op-steps.js';
import { projectFolder } from './stack.js';

/** A job with an input of 2 GB against the same with one of a kilobyte; and what it adds to this process. */
export async function bigInput(rounds) {
  const home = await mkdtemp(join(tmpdir(), 'sluice-bench-input-'));
  const file = async (name, bytes) => {
    const path = join(home, name);
    await (await open(path, 'w')).close();
    await truncate(path, bytes);
    return path;
  };
  const config = readConfig();
  const engine = createProcessEngine({
    jobsDir: join(home, 'jobs'),
    python: config.python,
    frameworksDir: join(projectFolder, 'images'),
    isolation: config.isolation,
    findModel: () => Promise.reject(new Error('no model here')),
    extractModel: () => Promise.reject(new Error('no model here')),
    localPath: fileURLToPath,
  });
  const big = await file('big.csv', 2 * 1024 ** 3);
  const small = await file('small.csv', 1024);
  const peak = { big: 0, small: 0 };
  const run = async (which, path) => {
    await runJob(engine, `bench-${randomUUID().slice(0, 8)}`, requestFor(path));
    peak[which] = Math.max(peak[which], process.memoryUsage().rss);
  };
  try {
    await run('small', small);
    peak.small = 0;
    const times = await sideBySide(rounds, { small: () => run('small', small), big: () => run('big', big) });
    const more = median(times.big) - median(times.small);
    return [
      {
        figure: '2 GB input through the process engine',
        aim: '≤ 0.5 s and ≤ 50 MB more',
        measured: `${millis(more)} and ${((peak.big - peak.small) / 1e6).toFixed(0)} MB more (${spread(times.big, millis)} against ${spread(times.small, millis)})`,
      },
    ];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function requestFor(path) {
  return noOpRequest([
    {
      InputName: 'data',
      S3Input: {
        S3Uri: pathToFileURL(path).href,
        LocalPath: '/opt/ml/processing/input/data',
        S3DataType: 'S3Prefix',
        S3InputMode: 'File',
        S3DataDistributionType: 'FullyReplicated',
      },
    },
  ]);
}
