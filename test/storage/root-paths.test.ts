import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { contains, findInRoots } from '../../src/storage/root-paths.ts';
import { failureOf, folderPerTest } from '../support/folders.ts';

const folder = folderPerTest();
const root = () => join(folder(), 'root');
const other = () => join(folder(), 'other');

const find = (location: string, at = root()) => findInRoots('steps.train.input', location, at, [at, other()]);
const refusal = (location: string, at = root()) => failureOf(find(location, at));
const inside = (message: string) => ({ code: 'InvalidInput', message: expect.stringContaining(message) });

beforeEach(async () => {
  for (const name of ['root/data', 'other', 'root-twin', 'elsewhere']) {
    await mkdir(join(folder(), name), { recursive: true });
    await writeFile(join(folder(), name, 'a.csv'), name);
  }
});

describe('a relative path', () => {
  it('finds files and folders below the root', async () => {
    expect(await find('data/a.csv')).toEqual({ path: join(root(), 'data', 'a.csv'), isFolder: false });
    expect(await find('./data/')).toEqual({ path: join(root(), 'data'), isFolder: true });
    expect(await find('data/../data/a.csv')).toEqual({
      path: join(root(), 'data', 'a.csv'),
      isFolder: false,
    });
    expect(await find('.')).toEqual({ path: root(), isFolder: true });
  });

  it('finds names that only look like a way up or a URI', async () => {
    await writeFile(join(root(), '..a.csv'), '');
    await writeFile(join(root(), '%2e%2e'), '');
    expect((await find('..a.csv')).path).toBe(join(root(), '..a.csv'));
    expect((await find('%2e%2e')).path).toBe(join(root(), '%2e%2e'));
  });

  it.each(['..', '../elsewhere/a.csv', 'data/../../other/a.csv', '../root-twin/a.csv', '../missing'])(
    'is refused when it leaves the root: %s',
    async (location) => {
      expect(await refusal(location)).toMatchObject(inside('leaves'));
    },
  );

  it('is refused when it is absolute, even if it lies inside', async () => {
    const failure = await refusal(join(root(), 'data', 'a.csv'));
    expect(failure).toMatchObject(inside('is absolute'));
    expect(failure.message).toMatch(/^steps\.train\.input: "/);
  });

  it('is refused when nothing is there, with the path that was looked for', async () => {
    expect(await refusal('data/missing.csv')).toMatchObject(inside(join(root(), 'data', 'missing.csv')));
    expect(await refusal('data/a.csv/below')).toMatchObject(inside('does not exist'));
    expect(await refusal('data/\0')).toMatchObject(inside('does not exist'));
    expect(await refusal('x'.repeat(5000))).toMatchObject(inside('does not exist'));
  });

  it('is refused without waiting when it names a FIFO', async () => {
    execFileSync('mkfifo', [join(root(), 'pipe')]);
    expect(await refusal('pipe')).toMatchObject(inside('is neither a file nor a folder'));
  });

  it('keeps control characters out of the message', async () => {
    expect((await refusal('a\u001b[31m\nb')).message).not.toContain('\u001b');
  });
});

describe('a symbolic link', () => {
  it('is followed while it stays inside', async () => {
    await symlink('data', join(root(), 'link'));
    expect(await find('link/a.csv')).toEqual({ path: join(root(), 'data', 'a.csv'), isFolder: false });
  });

  it('is refused when it leaves, be it the last part or one on the way', async () => {
    await symlink('../elsewhere', join(root(), 'out'));
    await symlink(join(folder(), 'elsewhere', 'a.csv'), join(root(), 'out.csv'));
    await symlink('out', join(root(), 'twice'));
    for (const location of ['out', 'out/a.csv', 'out.csv', 'twice/a.csv']) {
      expect(await refusal(location)).toMatchObject(inside('is a symbolic link that leaves'));
    }
  });

  it('is refused when it leads nowhere or back to itself', async () => {
    await symlink('missing', join(root(), 'broken'));
    await symlink('loop', join(root(), 'loop'));
    expect(await refusal('broken')).toMatchObject(inside('does not exist'));
    expect(await refusal('loop')).toMatchObject(inside('leads back to itself'));
  });

  it('may be the root itself', async () => {
    const link = join(folder(), 'root-link');
    await symlink(root(), link);
    expect(await find('data/a.csv', link)).toEqual({
      path: join(root(), 'data', 'a.csv'),
      isFolder: false,
    });
    expect(await find(pathToFileURL(join(link, 'data')).href, link)).toMatchObject({ isFolder: true });
    expect(await find(pathToFileURL(join(root(), 'data')).href, link)).toMatchObject({ isFolder: true });
    expect(await refusal('../elsewhere', link)).toMatchObject(inside('leaves'));
  });
});

describe('a URI', () => {
  const uri = (...names: string[]) => pathToFileURL(join(folder(), ...names)).href;

  it('finds files below every readable folder', async () => {
    expect((await find(uri('root', 'data', 'a.csv'))).path).toBe(join(root(), 'data', 'a.csv'));
    expect((await find(uri('other', 'a.csv'))).path).toBe(join(other(), 'a.csv'));
  });

  it('names spaces and signs encoded', async () => {
    await writeFile(join(root(), 'a #1%.csv'), '');
    expect((await find(uri('root', 'a #1%.csv'))).path).toBe(join(root(), 'a #1%.csv'));
  });

  it('is refused outside', async () => {
    expect(await refusal(uri('elsewhere', 'a.csv'))).toMatchObject(inside('leaves'));
    expect(await refusal('file:///etc/passwd')).toMatchObject(inside('leaves'));
  });

  it('is refused outside when the way up is encoded', async () => {
    for (const up of ['..', '%2e%2e', '%2E.', '.%2e']) {
      expect(await refusal(`${uri('root')}/${up}/elsewhere/a.csv`)).toMatchObject(inside('leaves'));
    }
    expect(await refusal(`${uri('root')}/..%2felsewhere/a.csv`)).toMatchObject(inside('not a valid file://'));
  });

  it('is refused when a link below the root leaves', async () => {
    await symlink(join(folder(), 'elsewhere'), join(root(), 'out'));
    expect(await refusal(uri('root', 'out', 'a.csv'))).toMatchObject(inside('symbolic link that leaves'));
  });

  it.each(['s3://bucket/key', 'S3://bucket/key', 'https://host/a.csv', 'file://host/x', 'file://a'])(
    'of another kind is unsupported: %s',
    async (location) => {
      expect(await refusal(location)).toMatchObject({
        code: 'Unsupported',
        message: expect.stringContaining(location),
      });
    },
  );
});

it('a folder contains itself and what is below, not what begins alike', () => {
  expect(contains('/a/b', '/a/b')).toBe(true);
  expect(contains('/a/b', '/a/b/..c')).toBe(true);
  expect(contains('/a/b', '/a/bc')).toBe(false);
  expect(contains('/a/b', '/a')).toBe(false);
  expect(contains('/a/b', '/')).toBe(false);
});
