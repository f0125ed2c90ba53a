import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { docker, frameworkImage } from './container-engine.js';
import { median, seconds, spread, timed } from './measure.js';

const run = promisify(execFile);
const child = fileURLToPath(new URL('container-output-child.js', import.meta.url));

/** A gigabyte that nobody can compress, in no time: 64 MiB of chance, again and again. */
export const writeModel = (file) =>
  `head -c 67108864 /dev/urandom >/tmp/part; for n in $(seq 16); do cat /tmp/part; done >${file}; rm /tmp/part; sync`;

/** A model of 1 GB made into `model.tar.gz` against `docker cp` piped to `gzip -1`; and what it adds to the worker. */
export async function containerOutput(rounds) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-output-'));
  const name = `sluice-bench-output-${randomUUID().slice(0, 8)}`;
  const times = { byEngine: [], byCli: [] };
  const more = [];
  try {
    const model = '/opt/ml/model';
    const script = `mkdir -p ${model}; ${writeModel(`${model}/model.bin`)}`;
    await docker('run', '--name', name, '--entrypoint', 'sh', await frameworkImage(), '-c', script);
    const byCli = `set -o pipefail; docker cp ${name}:${model}/. - | gzip -1 > ${folder}/model.tar.gz`;
    for (let round = 0; round < rounds; round += 1) {
      const { stdout } = await run(process.execPath, ['--expose-gc', child]);
      const { milliseconds, bytes } = JSON.parse(stdout);
      times.byEngine.push(milliseconds);
      more.push(bytes / 1e6);
      times.byCli.push(await timed(() => run('bash', ['-c', byCli])));
      await rm(join(folder, 'model.tar.gz'));
    }
    return [
      {
        figure: '1 GB output to `model.tar.gz` ÷ `docker cp` piped to `gzip -1`',
        aim: '≤ 1.3, and ≤ 150 MB more in the worker',
        measured: `${(median(times.byEngine) / median(times.byCli)).toFixed(2)}, ${Math.max(...more).toFixed(0)} MB more: engine ${spread(times.byEngine, seconds)}, docker cp ${spread(times.byCli, seconds)}`,
      },
    ];
  } finally {
    await docker('rm', '-f', '-v', name);
    await rm(folder, { recursive: true, force: true });
  }
}
