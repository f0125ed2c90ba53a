import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.ts';
import { createConclusions } from '../../../src/engines/container/conclusions.ts';
import { makeOutput } from '../../../src/engines/container/outputs.ts';
import { filesOf } from '../../../src/engines/local/job-folder.ts';
import { folderPerTest } from '../../support/folders.ts';
import { sleep } from '../../support/until.ts';
import { shell } from './fixtures.ts';

const folder = folderPerTest();

describe('the conclusion of a job', () => {
  it('that failed while nobody waited is told to who asks next, and tried again after that', async () => {
    const files = filesOf(join(folder(), 'job'));
    mkdirSync(files.path);
    const ended = { endedAt: '2026-01-01T00:00:00.000Z', cause: null, containers: [] };
    writeFileSync(join(files.path, 'outcome.json'), JSON.stringify(ended));
    let tries = 0;
    let fail: () => void = () => undefined;
    const conclusions = createConclusions(
      () =>
        new Promise((_resolve, reject) => {
          tries += 1;
          fail = () => reject(new SluiceError('EngineUnavailable', 'away'));
        }),
      String,
    );
    const ask = () => conclusions.conclude('job', shell('true'), files);
    await ask();
    fail();
    await sleep(0);
    await expect(ask()).rejects.toMatchObject({ code: 'EngineUnavailable' });
    expect(tries).toBe(1);
    await ask();
    expect(tries).toBe(2);
  });
});

describe('an archive from the engine', () => {
  const made = (cut: number) => {
    const at = join(folder(), 'content');
    mkdirSync(at);
    for (const name of ['one', 'two']) writeFileSync(join(at, name), name);
    const whole = execFileSync('tar', ['-C', at, '-b', '2', '--sort=name', '-cf', '-', '.']);
    const client = {
      getArchive: () => Promise.resolve(Readable.from([whole.subarray(0, cut)])),
      statPath: () => Promise.resolve(null),
      inspect: () => Promise.resolve(null),
    };
    const output = { kind: 'archive', folder: '/opt/ml/model', containers: ['job'] } as const;
    const signal = new AbortController().signal;
    return makeOutput(output, join(folder(), 'model.tar.gz'), { client, note: () => undefined, signal });
  };

  it('that was cut at the end of an entry is not taken for a smaller one', async () => {
    // The folder, a file and its content; the other file is missing.
    await expect(made(3 * 512)).rejects.toMatchObject({ code: 'EngineUnavailable', retryable: true });
  });

  it('that is whole is taken', async () => {
    expect(await made(100_000)).toBe(true);
  });
});
