import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { awsClientsIn } from '../scripts/testing/aws-clients-folder.js';
import { startS3Server } from '../scripts/testing/start-s3-server.js';
import { versitygwIn } from '../scripts/testing/versitygw.js';
import { median, seconds, spread, timed } from './measure.js';

const run = promisify(execFile);
const child = fileURLToPath(new URL('s3-transfer-child.js', import.meta.url));
const aws = join(awsClientsIn(process.env), 'bin', 'aws');
const megabytes = Number(process.env.SLUICE_BENCH_S3_MB ?? 1024);

/** Why it cannot be measured here; null if it can. */
export function whyNoS3Transfers() {
  if (!existsSync(versitygwIn(process.env)))
    return 'no S3 server: `node scripts/testing/s3-server.js` builds it';
  if (!existsSync(aws)) return 'no AWS CLI: `node scripts/testing/aws-clients.js` fetches it';
  return null;
}

/**
 * A file of 1 GB to S3 and back, by a program of its own each, its start included, against `aws s3 cp` and the same server.
 * `SLUICE_BENCH_S3_MB` is another size.
 */
export async function s3Transfers(rounds) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-s3-'));
  const server = await startS3Server();
  const env = { ...process.env, ...server.env };
  const source = join(folder, 'source');
  const copy = join(folder, 'copy');
  const peaks = { put: [], download: [] };
  const ours = async (what, ...args) => {
    const { stdout } = await run(process.execPath, [child, what, ...args], { env });
    peaks[what].push(JSON.parse(stdout).peakMb);
  };
  const theirs = (from, to) => run(aws, ['s3', 'cp', '--only-show-errors', from, to], { env });
  try {
    mkdirSync(join(server.folder, 'bench'));
    const part = `head -c 67108864 /dev/urandom >${folder}/part`;
    const parts = `for n in $(seq ${Math.ceil(megabytes / 64)}); do cat ${folder}/part; done`;
    execFileSync('bash', ['-c', `${part}; ${parts} | head -c ${megabytes}M >${source}; sync`]);
    const times = { put: [], cliPut: [], download: [], cliDownload: [] };
    const measure = async (name, transfer) => {
      // What the transfer before left to write would be written at the expense of this one.
      execFileSync('sync');
      times[name].push(await timed(transfer));
      if (!name.toLowerCase().includes('download')) return;
      execFileSync('cmp', [source, copy]);
      await rm(copy);
    };
    const pairs = [
      {
        put: () => ours('put', source, 's3://bench/ours'),
        cliPut: () => theirs(source, 's3://bench/theirs'),
      },
      {
        download: () => ours('download', 's3://bench/ours', copy),
        cliDownload: () => theirs('s3://bench/theirs', copy),
      },
    ];
    for (let round = 0; round < rounds; round += 1) {
      for (const pair of pairs) {
        const ways = Object.entries(pair);
        // In turn the one first and the other: the server's disk is not the same for the first and the second.
        if (round % 2 === 1) ways.reverse();
        for (const [name, transfer] of ways) await measure(name, transfer);
      }
    }
    return [
      row('upload', times.put, times.cliPut, peaks.put),
      row('download', times.download, times.cliDownload, peaks.download),
    ];
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const row = (what, ours, theirs, peaks) => ({
  figure: `${what} of ${megabytes} MB ÷ \`aws s3 cp\` against the same server`,
  aim: '≤ 1.0, and ≤ 200 MB of memory',
  measured: `${(median(ours) / median(theirs)).toFixed(2)}, ${Math.max(...peaks).toFixed(0)} MB: Sluice ${spread(ours, seconds)}, AWS CLI ${spread(theirs, seconds)}`,
});
