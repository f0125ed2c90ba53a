import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { extractArchive, repackModel } from '../../src/storage/archive.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { until } from '../support/until.ts';

type Member = Partial<Header> & { name: string } & { content?: string };

const folder = folderPerTest();
const archive = () => join(folder(), 'model.tar.gz');
const opened = () => join(folder(), 'opened');
const code = () => join(folder(), 'code');
const target = () => join(folder(), 'out', 'model.tar.gz');

async function tarOf(...members: Member[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { content = '', ...header } of members) pack.entry(header, content);
  pack.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of pack) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

const write = async (...members: Member[]) => writeFile(archive(), gzipSync(await tarOf(...members)));
/** What `tar` itself says is in an archive. */
const listed = (path: string) => execFileSync('tar', ['-tzf', path], { encoding: 'utf8' }).trim().split('\n');
const tarUp = (from: string, ...names: string[]) =>
  execFileSync('tar', ['-C', from, '-czf', archive(), ...names]);
const refused = (message: string) => ({ code: 'OutputMissing', message: expect.stringContaining(message) });

const refusals: [what: string, members: Member[], message: string][] = [
  ['an absolute path', [{ name: '/tmp/sluice-absolute', content: 'x' }], 'has an absolute path'],
  ['a way up', [{ name: '../up', content: 'x' }], 'leaves the archive'],
  ['a way up in the middle', [{ name: 'a/../../up', content: 'x' }], 'leaves the archive'],
  ['the folder above', [{ name: '..', type: 'directory' }], 'leaves the archive'],
  ['an absolute link', [{ name: 'l', type: 'symlink', linkname: '/etc/passwd' }], 'may lie outside'],
  ['a link that leaves', [{ name: 'a/l', type: 'symlink', linkname: '../../up' }], 'may lie outside'],
  ['a link to the folder above', [{ name: 'l', type: 'symlink', linkname: '..' }], 'may lie outside'],
  [
    'a link that goes up after a name',
    [{ name: 'l', type: 'symlink', linkname: 'a/../b' }],
    'may lie outside',
  ],
  [
    'a link that leads out through another',
    [
      { name: 'a/b', type: 'directory' },
      { name: 'a/b/up', type: 'symlink', linkname: '../..' },
      { name: 'out', type: 'symlink', linkname: 'a/b/up/x' },
    ],
    'links through another link',
  ],
  [
    'a file below a link',
    [
      { name: 'd', type: 'directory' },
      { name: 'l', type: 'symlink', linkname: 'd' },
      { name: 'l/x', content: 'x' },
    ],
    'lies below a symlink',
  ],
  [
    'a file below a file',
    [
      { name: 'a', content: 'x' },
      { name: 'a/x', content: 'x' },
    ],
    'lies below a file',
  ],
  [
    'a hard link',
    [
      { name: 'a', content: 'x' },
      { name: 'h', type: 'link', linkname: 'a' },
    ],
    'is a link',
  ],
  ['a character device', [{ name: 'd', type: 'character-device', devmajor: 1, devminor: 3 }], 'device'],
  ['a block device', [{ name: 'd', type: 'block-device', devmajor: 8, devminor: 0 }], 'device'],
  ['a FIFO', [{ name: 'f', type: 'fifo' }], 'is a fifo'],
  [
    'a file that is there twice',
    [
      { name: 'a', content: 'x' },
      { name: './a', content: 'y' },
    ],
    'is there twice',
  ],
  [
    'a file that a folder replaces',
    [
      { name: 'a', content: 'x' },
      { name: 'a', type: 'directory' },
    ],
    'is there twice',
  ],
  [
    'a file that a link replaces',
    [
      { name: 'a', content: 'x' },
      { name: 'b', content: 'x' },
      { name: 'a', type: 'symlink', linkname: 'b' },
    ],
    'is there twice',
  ],
];

/** The message names the archive; neither a target nor something beside it is left. */
async function expectBothToRefuse(
  message: string,
  limits?: { entries: number; bytes: number },
): Promise<void> {
  await mkdir(code(), { recursive: true });
  await rm(opened(), { recursive: true, force: true });
  for (const failing of [
    () => extractArchive(archive(), opened(), undefined, limits),
    () => repackModel(archive(), code(), target(), undefined, limits),
  ]) {
    const failure = await failureOf(failing());
    expect(failure).toMatchObject(refused(message));
    expect(failure.message).toContain(archive());
  }
  expect(await readdir(join(folder(), 'out')).catch(() => [])).toEqual([]);
}

describe('an archive is refused, opened as well as repacked,', () => {
  it.each(refusals)('for %s', async (_what, members, message) => {
    await write(...members);
    await expectBothToRefuse(message);
    expect(await readdir(folder())).not.toContain('up');
  });

  it('for more entries than the limit, folders on the way included', async () => {
    await write({ name: 'a/b/c', content: 'x' }, { name: 'd', content: 'x' });
    await expectBothToRefuse('larger than 3 entries', { entries: 3, bytes: 100 });
    await rm(opened(), { recursive: true });
    await extractArchive(archive(), opened(), undefined, { entries: 4, bytes: 2 });
  });

  it('for more bytes than the limit, before they are written', async () => {
    await write({ name: 'zeros', content: '\0'.repeat(1_000_000) });
    await expectBothToRefuse('or 999999 bytes', { entries: 10, bytes: 999_999 });
    expect(await readdir(opened())).toEqual([]);
    await extractArchive(archive(), opened(), undefined, { entries: 1, bytes: 1_000_000 });
  });

  it('for a gzip stream that breaks off', async () => {
    const content = Array.from({ length: 20_000 }, () => Math.random().toString(36)).join('');
    const whole = gzipSync(await tarOf({ name: 'model', content }));
    for (const part of [0.1, 0.5, 0.99]) {
      await writeFile(archive(), whole.subarray(0, Math.floor(whole.length * part)));
      await expectBothToRefuse('cannot be read as tar.gz');
    }
  });

  it('for a tar that breaks off within a whole gzip stream', async () => {
    const whole = await tarOf({ name: 'model', content: 'x'.repeat(5000) });
    await writeFile(archive(), gzipSync(whole.subarray(0, 3000)));
    await expectBothToRefuse('cannot be read as tar.gz');
  });

  it.each([
    ['no gzip', () => Buffer.from('not a gzip at all')],
    ['a tar without gzip', () => tarOf({ name: 'a', content: 'x' })],
    ['gzip of something else', () => gzipSync('x'.repeat(2000))],
    ['an empty file', () => Buffer.alloc(0)],
  ])('for %s', async (_what, bytes) => {
    await writeFile(archive(), await bytes());
    await expectBothToRefuse('cannot be read as tar.gz');
  });

  it('for not being there', async () => {
    await expectBothToRefuse('does not exist');
  });

  it('for being a folder, or a FIFO that nobody writes to', async () => {
    await mkdir(archive());
    await expectBothToRefuse('is not a file');
    await rmdir(archive());
    execFileSync('mkfifo', [archive()]);
    await expectBothToRefuse('is not a file');
  });
});

describe('opening', () => {
  it('gives what `tar -C folder .` wrote, with modes and links', async () => {
    const from = join(folder(), 'from');
    await mkdir(join(from, 'sub', 'deep'), { recursive: true });
    await writeFile(join(from, 'model.json'), '{}');
    await writeFile(join(from, 'sub', 'run.sh'), '#!/bin/sh\n');
    await chmod(join(from, 'sub', 'run.sh'), 0o755);
    await symlink('../model.json', join(from, 'sub', 'latest'));
    const long = `${'n'.repeat(150)}/${'m'.repeat(150)}`;
    await mkdir(join(from, 'n'.repeat(150)));
    await writeFile(join(from, long), 'long');
    tarUp(from, '.');
    expect(listed(archive())).toContain('./model.json');

    await extractArchive(archive(), opened());
    expect((await readdir(opened(), { recursive: true })).sort()).toEqual(
      (await readdir(from, { recursive: true })).sort(),
    );
    expect((await stat(join(opened(), 'sub', 'run.sh'))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(opened(), 'sub', 'latest'))).toBe('../model.json');
    expect(await readFile(join(opened(), long), 'utf8')).toBe('long');
  });

  it('passes no set-uid bit on and keeps files readable to their owner', async () => {
    await write({ name: 'a', mode: 0o4755, content: 'x' }, { name: 'b', mode: 0o044, content: 'x' });
    await extractArchive(archive(), opened());
    expect((await stat(join(opened(), 'a'))).mode & 0o7777).toBe(0o755);
    expect((await stat(join(opened(), 'b'))).mode & 0o7777).toBe(0o644);
  });

  it('takes an archive of nothing', async () => {
    await write();
    await extractArchive(archive(), opened());
    expect(await readdir(opened())).toEqual([]);
  });

  it('never writes over what is there', async () => {
    await write({ name: 'a', content: 'new' });
    await mkdir(opened());
    await writeFile(join(opened(), 'a'), 'old');
    expect(await failureOf(extractArchive(archive(), opened()))).toMatchObject({ code: 'StorageError' });
    expect(await readFile(join(opened(), 'a'), 'utf8')).toBe('old');
  });
});

describe('repacking', () => {
  beforeEach(async () => {
    await mkdir(join(code(), 'lib'), { recursive: true });
    await writeFile(join(code(), 'inference.py'), 'new');
    await writeFile(join(code(), 'lib', 'util.py'), 'util');
    await chmod(join(code(), 'lib', 'util.py'), 0o755);
  });

  it('replaces code/ and keeps everything else as it was', async () => {
    const from = join(folder(), 'from');
    await mkdir(join(from, 'code'), { recursive: true });
    await mkdir(join(from, 'sub', 'empty'), { recursive: true });
    await mkdir(join(from, 'codebook'));
    await writeFile(join(from, 'model.bin'), 'x'.repeat(100_000));
    await writeFile(join(from, 'codebook', 'a'), 'kept');
    await writeFile(join(from, 'code', 'inference.py'), 'old');
    await writeFile(join(from, 'code', 'gone.py'), 'old');
    await writeFile(join(from, 'sub', 'run.sh'), 'run');
    await chmod(join(from, 'sub', 'run.sh'), 0o750);
    await symlink('sub/run.sh', join(from, 'link'));
    tarUp(from, '.');

    await repackModel(archive(), code(), target());
    await mkdir(opened());
    execFileSync('tar', ['-C', opened(), '-xzf', target()]);
    expect((await readdir(opened(), { recursive: true })).sort()).toEqual([
      'code',
      'code/inference.py',
      'code/lib',
      'code/lib/util.py',
      'codebook',
      'codebook/a',
      'link',
      'model.bin',
      'sub',
      'sub/empty',
      'sub/run.sh',
    ]);
    expect(await readFile(join(opened(), 'code', 'inference.py'), 'utf8')).toBe('new');
    expect(await readFile(join(opened(), 'model.bin'), 'utf8')).toBe('x'.repeat(100_000));
    expect((await stat(join(opened(), 'sub', 'run.sh'))).mode & 0o777).toBe(0o750);
    expect((await stat(join(opened(), 'code', 'lib', 'util.py'))).mode & 0o777).toBe(0o755);
    expect((await lstat(join(opened(), 'link'))).isSymbolicLink()).toBe(true);
  });

  it('leaves the archive alone and gives the same content twice', async () => {
    await write({ name: './model', content: 'm' });
    const before = await readFile(archive());
    await repackModel(archive(), code(), target());
    const first = listed(target());
    await repackModel(archive(), code(), target());
    expect(listed(target())).toEqual(first);
    expect(first).toEqual(['model', 'code/inference.py', 'code/lib/util.py']);
    expect(await readFile(archive())).toEqual(before);
    expect(await readdir(join(folder(), 'out'))).toEqual(['model.tar.gz']);
  });

  it('of what was repacked changes nothing', async () => {
    await write({ name: './model', content: 'm' });
    await repackModel(archive(), code(), target());
    const again = join(folder(), 'again', 'model.tar.gz');
    await repackModel(target(), code(), again);
    expect(listed(again)).toEqual(listed(target()));
    await extractArchive(again, opened());
    expect(await readFile(join(opened(), 'code', 'inference.py'), 'utf8')).toBe('new');
  });

  it('may replace the archive itself', async () => {
    await write({ name: 'model', content: 'm' });
    await repackModel(archive(), code(), archive());
    expect(listed(archive())).toEqual(['model', 'code/inference.py', 'code/lib/util.py']);
  });

  it('keeps an earlier target when it fails', async () => {
    await write({ name: 'model', content: 'm' });
    await repackModel(archive(), code(), target());
    const before = await readFile(target());
    await write({ name: 'model', content: 'm2' }, { name: '../up', content: 'x' });
    await failureOf(repackModel(archive(), code(), target()));
    expect(await readFile(target())).toEqual(before);
    expect(await readdir(join(folder(), 'out'))).toEqual(['model.tar.gz']);
  });

  it('without the folder of the code blames the storage, and leaves nothing', async () => {
    await write({ name: 'model', content: 'm' });
    const missing = join(folder(), 'missing');
    expect(await failureOf(repackModel(archive(), missing, target()))).toMatchObject({
      code: 'StorageError',
      message: expect.stringContaining(missing),
    });
    expect(await readdir(join(folder(), 'out'))).toEqual([]);
  });

  it('is given up when it is cancelled, and leaves nothing', async () => {
    await writeFile(join(folder(), 'model.bin'), randomBytes(40_000_000));
    tarUp(folder(), 'model.bin');
    const cancelled = new AbortController();
    const reason = new Error('cancelled');
    const failure = failureOf(repackModel(archive(), code(), target(), cancelled.signal));
    await until(async () => (await readdir(join(folder(), 'out')).catch(() => [])).length > 0);
    cancelled.abort(reason);
    expect(await failure).toBe(reason);
    expect(await readdir(join(folder(), 'out'))).toEqual([]);
  });

  it('copies a model that is larger than every buffer', async () => {
    const content = Buffer.alloc(5_000_000, 'weights ').toString();
    await write({ name: 'model.bin', content }, { name: 'z', content: 'end' });
    await repackModel(archive(), code(), target());
    await extractArchive(target(), opened());
    expect((await readFile(join(opened(), 'model.bin'), 'utf8')) === content).toBe(true);
    expect(await readFile(join(opened(), 'z'), 'utf8')).toBe('end');
  });
});
