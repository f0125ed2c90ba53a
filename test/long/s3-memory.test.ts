import { execFile, execFileSync } from 'node:child_process';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { folderPerTest } from '../support/folders.ts';
import { describeS3, s3PerFile } from '../support/s3-server.ts';

const child = fileURLToPath(new URL('../../bench/s3-transfer-child.js', import.meta.url));
const gigabyte = 2 ** 30;
const mostMb = 200;
const minutes = 60_000;
const folder = folderPerTest();
const { server, bucket } = s3PerFile();
const local = (name: string) => join(folder(), name);
const uri = (key: string) => `s3://${bucket()}/${key}`;

/** In a process of its own, by the built storage. @returns the most memory that it has had. */
async function transfer(...args: string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, ...args]);
  return (JSON.parse(stdout) as { peakMb: number }).peakMb;
}

async function writeSparse(path: string, bytes: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, bytes);
}

describeS3('data that are larger than any memory', () => {
  it('are put and downloaded within 200 MB: 10 GB', { timeout: 30 * minutes }, async () => {
    await writeSparse(local('big'), 10 * gigabyte);
    expect(await transfer('put', local('big'), uri('big'))).toBeLessThan(mostMb);
    await rm(local('big'));
    expect(await transfer('download', uri('big'), local('copy'))).toBeLessThan(mostMb);
    expect((await stat(local('copy'))).size).toBe(10 * gigabyte);
    // Not a byte of it is other than zero.
    execFileSync('cmp', ['-n', String(10 * gigabyte), local('copy'), '/dev/zero']);
  });

  it('are put and downloaded within 200 MB: a folder of 2,000 files', { timeout: 30 * minutes }, async () => {
    await mkdir(local('many'));
    for (let number = 0; number < 2000; number += 1) await writeSparse(local(`many/${number}`), 512 * 1024);
    expect(await transfer('put', local('many'), uri('many'))).toBeLessThan(mostMb);
    expect(await transfer('download', uri('many'), local('copy'))).toBeLessThan(mostMb);
    execFileSync('diff', ['-r', local('many'), local('copy')]);
  });

  it('are repacked within 200 MB: a model of 4 GB', { timeout: 30 * minutes }, async () => {
    await mkdir(local('code'));
    await writeFile(local('code/inference.py'), 'x = 1\n');
    const part = `head -c ${64 * 1024 ** 2} /dev/urandom > ${local('part')}`;
    const model = `for n in $(seq 64); do cat ${local('part')}; done > ${local('model.bin')}`;
    const pack = `tar -C ${folder()} -cf - model.bin | gzip -1 > ${local('model.tar.gz')}`;
    execFileSync('sh', ['-c', `${part}; ${model}; ${pack}`]);
    await transfer('put', local('model.tar.gz'), uri('model.tar.gz'));
    expect(await transfer('repack', uri('model.tar.gz'), local('code'), uri('new.tar.gz'))).toBeLessThan(
      mostMb,
    );
    const compare = `tar -xzOf ${join(server().folder, bucket(), 'new.tar.gz')} model.bin | cmp - ${local('model.bin')}`;
    execFileSync('sh', ['-c', compare]);
  });
});
