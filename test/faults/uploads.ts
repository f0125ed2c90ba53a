import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Evidence } from './evidence.ts';

type Upload = Evidence['storage']['uploads'][number];

interface HashedFile {
  name: string;
  sha256: string;
  isExecutable: boolean;
}

/** `…/uploads/<sha256>/<name>`, `…/code/<sha256>/source/<path>` and `…/code/<sha256>/sourcedir.tar.gz`. */
const pattern = /^(?<place>(?:.*\/)?(?:uploads|code)\/[0-9a-f]{64})\/(?<path>.+)$/;

/**
 * Hashes again what was stored under the hash of its content: files, folders, and archives of code, whose source beside them has
 * the same files. @param bucket - the folder behind it.
 */
export async function rehash(bucket: string, keys: readonly string[]): Promise<Upload[]> {
  const places = new Map<string, string[]>();
  for (const key of keys) {
    const { place, path } = pattern.exec(key)?.groups ?? {};
    if (place !== undefined && path !== undefined) places.set(place, [...(places.get(place) ?? []), path]);
  }
  const all = await Promise.all([...places].map(([place, paths]) => rehashPlace(bucket, place, paths)));
  return all.flat();
}

async function rehashPlace(bucket: string, place: string, paths: readonly string[]): Promise<Upload[]> {
  const fileAt = (path: string) => join(bucket, place, path);
  const hashed = (path: string, name: string, isExecutable: boolean) =>
    hashOf(createReadStream(fileAt(path))).then((sha256) => ({ name, sha256, isExecutable }));
  if (!/\/code\/\w+$/.test(`/${place}`)) {
    const [only = ''] = paths;
    // Only archives say whether a file can be executed; of what the suite uploads none can.
    const sha256 =
      paths.length === 1 && !only.includes('/')
        ? await hashOf(createReadStream(fileAt(only)))
        : folderHash(
            await Promise.all(paths.map((path) => hashed(path, path.slice(path.indexOf('/') + 1), false))),
          );
    return [{ key: place, sha256 }];
  }
  // It is put when the source is whole: without it somebody was interrupted, and nobody uses what is there.
  const archive = 'sourcedir.tar.gz';
  if (!paths.includes(archive)) return [];
  const packed = await filesIn(fileAt(archive)).catch((): HashedFile[] => []);
  const canRun = new Set(packed.filter((file) => file.isExecutable).map(({ name }) => name));
  const source = paths
    .filter((path) => path !== archive)
    .map((path) => [path, path.replace(/^source\//, '')] as const);
  return [
    { key: `${place}/${archive}`, sha256: folderHash(packed) },
    {
      key: `${place}/source`,
      sha256: folderHash(
        await Promise.all(source.map(([path, name]) => hashed(path, name, canRun.has(name)))),
      ),
    },
  ];
}

/** As `storage/content.ts` says, and computed apart from it: the files in the order of their names, each with its hash and whether it can be executed. */
function folderHash(files: readonly HashedFile[]): string {
  const hash = createHash('sha256');
  for (const { name, sha256, isExecutable } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(`${sha256} ${isExecutable ? 'x' : '-'} ${name}\0`);
  return hash.digest('hex');
}

async function filesIn(archive: string): Promise<HashedFile[]> {
  const files: HashedFile[] = [];
  const unpacked = extract();
  unpacked.on('entry', ({ name, mode }, stream, next) => {
    void hashOf(stream).then((sha256) => {
      files.push({ name, sha256, isExecutable: (mode & 0o111) !== 0 });
      next();
    }, next);
  });
  await pipeline(createReadStream(archive), createGunzip(), unpacked);
  return files;
}

async function hashOf(bytes: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
