import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { hashFiles } from '../../src/storage/content.ts';
import { createFileStorage } from '../../src/storage/file-storage.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';
import { sleep } from '../support/until.ts';

const folder = folderPerTest();
const root = () => join(folder(), 'root');
const storageFolder = () => join(root(), '.sluice', 'storage');
const uploads = () => join(storageFolder(), 'uploads');
const storage = () => createFileStorage(storageFolder(), [root()]);
const uriOf = (...names: string[]) => pathToFileURL(join(root(), ...names)).href;
const put = (name: string, text: string) => writeFile(join(root(), name), text);
/** Everything below the uploads, hidden leftovers too. */
const uploaded = async () => (await readdir(uploads(), { recursive: true })).sort();

beforeEach(async () => {
  await mkdir(join(root(), 'code', 'lib'), { recursive: true });
  await put('data.csv', '1,2\n');
  await put('code/train.py', 'print(1)\n');
  await put('code/lib/util.py', 'x = 1\n');
});

describe('the upload of a file', () => {
  it('copies it under the hash of its content', async () => {
    const sha256 = createHash('sha256').update('1,2\n').digest('hex');
    const object = await storage().upload(join(root(), 'data.csv'));
    expect(object).toEqual({
      uri: pathToFileURL(join(uploads(), sha256, 'data.csv')).href,
      sha256,
      bytes: 4,
    });
    expect(await readFile(fileURLToPath(object.uri), 'utf8')).toBe('1,2\n');
    expect(await uploaded()).toEqual([sha256, `${sha256}/data.csv`]);
  });

  it('happens once', async () => {
    const first = await storage().upload(join(root(), 'data.csv'));
    const { ino } = await stat(fileURLToPath(first.uri));
    expect(await storage().upload(join(root(), 'data.csv'))).toEqual(first);
    expect((await stat(fileURLToPath(first.uri))).ino).toBe(ino);
  });

  it('is not changed by a later edit, which is an upload of its own', async () => {
    const first = await storage().upload(join(root(), 'data.csv'));
    await put('data.csv', '3,4\n');
    const second = await storage().upload(join(root(), 'data.csv'));
    expect(second.uri).not.toBe(first.uri);
    expect(await readFile(fileURLToPath(first.uri), 'utf8')).toBe('1,2\n');
    expect(await readFile(fileURLToPath(second.uri), 'utf8')).toBe('3,4\n');
  });

  it('keeps names that a URI has to encode', async () => {
    await put('a #1 %.csv', 'x');
    const { uri } = await storage().upload(join(root(), 'a #1 %.csv'));
    expect(await readFile(storage().localPath(uri), 'utf8')).toBe('x');
  });
});

describe('the upload of a folder', () => {
  it('copies files and their modes, and leaves caches and version control out', async () => {
    await chmod(join(root(), 'code', 'train.py'), 0o755);
    const before = await hashFiles(join(root(), 'code'));
    for (const name of ['__pycache__', '.git', '.ipynb_checkpoints', 'lib/__pycache__']) {
      await mkdir(join(root(), 'code', name));
      await put(`code/${name}/x`, name);
    }
    await put('code/.DS_Store', '');
    const object = await storage().upload(join(root(), 'code'));
    expect(object).toMatchObject(before);
    expect((await readdir(fileURLToPath(object.uri), { recursive: true })).sort()).toEqual([
      'lib',
      'lib/util.py',
      'train.py',
    ]);
    expect((await stat(join(fileURLToPath(object.uri), 'train.py'))).mode & 0o777).toBe(0o755);
    expect(object.bytes).toBe('print(1)\nx = 1\n'.length);
  });

  it('happens once', async () => {
    const first = await storage().upload(join(root(), 'code'));
    const before = await uploaded();
    const { ino } = await stat(fileURLToPath(first.uri));
    expect(await storage().upload(join(root(), 'code'))).toEqual(first);
    expect((await stat(fileURLToPath(first.uri))).ino).toBe(ino);
    expect(await uploaded()).toEqual(before);
  });

  it.each([
    ['a changed file', () => put('code/train.py', 'print(2)\n')],
    ['a new name', () => put('code/lib/other.py', '')],
    ['a command that became executable', () => chmod(join(root(), 'code', 'train.py'), 0o755)],
  ])('has another hash with %s', async (_what, change) => {
    const before = await hashFiles(join(root(), 'code'));
    await change();
    expect((await hashFiles(join(root(), 'code'))).sha256).not.toBe(before.sha256);
  });

  it('has the hash of its sorted paths, in whatever order the folder lists them', async () => {
    const names = ['b', 'z', 'a', 'B', 'lib/x', 'lib.py', 'lib-x', 'k', 'c'];
    const hashes: string[] = [];
    for (const [folderName, order] of [
      ['one', names],
      ['two', names.toReversed()],
    ] as const) {
      await mkdir(join(root(), folderName, 'lib'), { recursive: true });
      for (const name of order) await put(`${folderName}/${name}`, name);
      hashes.push((await hashFiles(join(root(), folderName))).sha256);
    }
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const list = names.toSorted().map((name) => `${sha256(name)} - ${name}\0`);
    expect(hashes).toEqual([sha256(list.join('')), sha256(list.join(''))]);
  });

  it('has another hash when content moves between files', async () => {
    const before = await hashFiles(join(root(), 'code'));
    await put('code/train.py', 'x = 1\n');
    await put('code/lib/util.py', 'print(1)\n');
    expect((await hashFiles(join(root(), 'code'))).sha256).not.toBe(before.sha256);
  });

  it('refuses a link in it, even one that stays inside, and leaves nothing', async () => {
    await symlink('train.py', join(root(), 'code', 'link.py'));
    expect(await failureOf(storage().upload(join(root(), 'code')))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(join('code', 'link.py')),
    });
    expect(await readdir(root())).not.toContain('.sluice');
  });

  it('refuses a FIFO in it without waiting', async () => {
    execFileSync('mkfifo', [join(root(), 'code', 'lib', 'pipe')]);
    expect(await failureOf(storage().upload(join(root(), 'code')))).toMatchObject({ code: 'InvalidInput' });
  });

  it('refuses what does not exist and what is neither', async () => {
    execFileSync('mkfifo', [join(root(), 'pipe')]);
    for (const name of ['missing', 'pipe']) {
      expect(await failureOf(storage().upload(join(root(), name)))).toMatchObject({ code: 'InvalidInput' });
    }
  });
});

describe('uploads at once', () => {
  it.each(['data.csv', 'code'])('of the same %s give one copy and leave nothing else', async (name) => {
    const alone = createFileStorage(join(folder(), 'alone'), []);
    const { sha256 } = await alone.upload(join(root(), name));
    const all = await Promise.all(Array.from({ length: 10 }, () => storage().upload(join(root(), name))));
    expect(new Set(all.map(({ uri }) => uri)).size).toBe(1);
    expect(await readdir(uploads())).toEqual([sha256]);
    expect(await readdir(join(uploads(), sha256))).toEqual([name]);
    expect(await hashFiles(fileURLToPath(all[0]!.uri))).toMatchObject({ sha256 });
  });
});

describe('an upload that is aborted', () => {
  const sparse = async (name: string, bytes: number) => {
    const handle = await open(join(root(), name), 'w');
    await handle.truncate(bytes);
    await handle.close();
  };

  it('before it begins copies nothing', async () => {
    await failureOf(storage().upload(join(root(), 'data.csv'), AbortSignal.abort()));
    expect(await readdir(root())).not.toContain('.sluice');
  });

  it('while it copies leaves nothing, and the next one is whole', async () => {
    await mkdir(join(root(), 'big'));
    await sparse('big/a.bin', 8 * 1024 ** 2);
    await sparse('big/b.bin', 200 * 1024 ** 2);
    const aborting = new AbortController();
    const upload = failureOf(storage().upload(join(root(), 'big'), aborting.signal));
    // The first copied file shows that the copying has begun.
    while (!(await readdir(uploads(), { recursive: true }).catch(() => [])).length) await sleep(1);
    aborting.abort();
    expect(await upload).toMatchObject({ name: 'AbortError' });
    expect(await uploaded()).toEqual([]);

    await rm(join(root(), 'big', 'b.bin'));
    const { uri } = await storage().upload(join(root(), 'big'));
    expect((await stat(join(fileURLToPath(uri), 'a.bin'))).size).toBe(8 * 1024 ** 2);
  });

  it('or not, a large file is never held in memory', async () => {
    await sparse('large.bin', 300 * 1024 ** 2);
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
    const object = await storage()
      .upload(join(root(), 'large.bin'))
      .finally(() => clearInterval(watch));
    expect(object.bytes).toBe(300 * 1024 ** 2);
    expect((most - before) / 1024 ** 2).toBeLessThan(200);
  });
});

describe('reading text', () => {
  const failure = (uri: string, maxBytes = 100) => failureOf(storage().readText(uri, maxBytes));
  const missing = (message: string) => ({ code: 'OutputMissing', message: expect.stringContaining(message) });

  it('gives the whole file up to the limit', async () => {
    await put('report.json', 'ä'.repeat(5));
    expect(await storage().readText(uriOf('report.json'), 10)).toBe('ä'.repeat(5));
    expect(await failure(uriOf('report.json'), 9)).toMatchObject(missing('10 bytes; at most 9'));
  });

  it('fails with OutputMissing when there is nothing to read', async () => {
    expect(await failure(uriOf('missing.json'))).toMatchObject(missing('does not exist'));
    expect(await failure(uriOf('data.csv', 'below'))).toMatchObject(missing('does not exist'));
    expect(await failure(uriOf('code'))).toMatchObject(missing('is not a file'));
  });

  it('fails with OutputMissing for a FIFO and a socket, without waiting', async () => {
    execFileSync('mkfifo', [join(root(), 'pipe')]);
    expect(await failure(uriOf('pipe'))).toMatchObject(missing('is not a file'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root(), 'socket'), resolve));
    try {
      expect(await failure(uriOf('socket'))).toMatchObject(missing('is not a file'));
    } finally {
      server.close();
    }
  });

  it('follows no link that leaves', async () => {
    await writeFile(join(folder(), 'secret'), 'secret');
    await symlink(join(folder(), 'secret'), join(root(), 'out.json'));
    await symlink('loop', join(root(), 'loop'));
    expect(await failure(uriOf('out.json'))).toMatchObject(missing('is a link that leaves'));
    expect(await failure(uriOf('loop'))).toMatchObject({ code: 'OutputMissing' });
  });

  it('refuses what lies outside', async () => {
    await writeFile(join(folder(), 'secret'), 'secret');
    expect(await failure(pathToFileURL(join(folder(), 'secret')).href)).toMatchObject({
      code: 'InvalidInput',
    });
  });
});

describe('the local path of a URI', () => {
  it('is given below the storage and the readable folders', () => {
    expect(storage().localPath(uriOf('a', 'b'))).toBe(join(root(), 'a', 'b'));
    expect(storage().localPath(`${storage().rootUri}/runs/x`)).toBe(join(storageFolder(), 'runs', 'x'));
  });

  it('is given for the real name of a folder that is named by a link', async () => {
    await symlink(root(), join(folder(), 'link'));
    const linked = createFileStorage(join(folder(), 'link'), []);
    expect(linked.localPath(uriOf('a'))).toBe(join(root(), 'a'));
  });

  it.each([
    ['another folder', () => pathToFileURL(join(folder(), 'else')).href],
    ['a folder that begins alike', () => pathToFileURL(`${root()}-twin/a`).href],
    ['a way up', () => `${uriOf()}/../else`],
    ['an encoded way up', () => `${uriOf()}/%2e%2e/else`],
    ['an encoded slash', () => `${uriOf()}/a%2fb`],
    ['a host', () => `file://host${root()}/a`],
    ['S3', () => 's3://bucket/key'],
    ['a bare path', () => join(root(), 'a')],
    ['nothing', () => ''],
  ])('is refused for %s', (_what, uri) => {
    expect(() => storage().localPath(uri())).toThrow(
      expect.objectContaining({ code: 'InvalidInput', message: expect.stringContaining(root()) }),
    );
  });
});

describe('what is looked up by URI', () => {
  it('is hashed as its upload would be', async () => {
    expect(await storage().hash(uriOf('code'))).toEqual(await hashFiles(join(root(), 'code')));
    const { sha256, bytes } = await storage().upload(join(root(), 'data.csv'));
    expect(await storage().hash(uriOf('data.csv'))).toEqual({ sha256, bytes });
  });

  it('is a file, a folder, or nothing', async () => {
    execFileSync('mkfifo', [join(root(), 'fifo')]);
    expect(await storage().find(uriOf('data.csv'))).toBe('file');
    expect(await storage().find(uriOf('code'))).toBe('folder');
    expect(await storage().find(uriOf('code', 'lib', 'none.py'))).toBeNull();
    expect(await storage().find(uriOf('data.csv', 'below'))).toBeNull();
    expect(await storage().find(uriOf('fifo'))).toBeNull();
  });

  it('lies below the root or the storage', async () => {
    expect(await failureOf(storage().find('file:///etc/passwd'))).toMatchObject({ code: 'InvalidInput' });
    expect(await failureOf(storage().hash('file:///etc/passwd'))).toMatchObject({ code: 'InvalidInput' });
  });
});
