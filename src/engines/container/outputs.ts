import { constants, type WriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants as zlib } from 'node:zlib';
import type { Pack } from 'tar-stream';
import type { JobOutput } from '../opt-ml.ts';
import {
  eachEntry,
  fileError,
  type Entry,
  type Found,
  type Header,
  type Place,
  type Reading,
} from './container-files.ts';
import { createPack } from './pack.ts';

/** A folder that is handed over. */
export interface ContainerOutput extends Place {
  kind: JobOutput['kind'];
  /** Of a folder: takes a file that is not handed over. */
  takeOut?: (found: Found) => Promise<boolean>;
}

/**
 * Brings an output to `aside`, whole, in constant memory: what the engine streams goes straight into the file or folder.
 * Several hosts' files are put together; of two of one name the first host's is kept. @returns false if there is nothing to keep.
 */
export async function makeOutput(output: ContainerOutput, aside: string, reading: Reading): Promise<boolean> {
  try {
    return await (output.kind === 'folder'
      ? makeFolder(output, aside, reading)
      : makeArchive(output, aside, reading));
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Brings folders of a container that lie beside each other in one stream, because the engine starts a process for each stream.
 * @param asides - by the names of the folders. @returns the asides of those with something in them. Of the others nothing is said:
 * in the stream a volume of the image, say, may look like an empty folder.
 */
export async function makeFolders(
  container: string,
  parent: string,
  asides: ReadonlyMap<string, string>,
  reading: Reading,
): Promise<Set<string>> {
  const made = new Set<string>();
  const wants = (name: string) => name.includes('/') && asides.has(topOf(name));
  const place = (found: Found) => {
    const top = topOf(found.name);
    const aside = asides.get(top) ?? '';
    made.add(aside);
    return placeEntry(found, join(aside, found.name.slice(top.length + 1)), reading);
  };
  await eachEntry({ folder: parent, containers: [container] }, reading, place, wants);
  return made;
}

const topOf = (name: string) => name.slice(0, name.indexOf('/'));

async function makeFolder(output: ContainerOutput, aside: string, reading: Reading): Promise<true> {
  await mkdir(aside, { recursive: true });
  const isThere = await eachEntry(output, reading, async (found) => {
    if (!(await output.takeOut?.(found))) await placeEntry(found, join(aside, found.name), reading);
  });
  if (!isThere) throw removedByJob(output);
  return true;
}

const removedByJob = ({ folder }: ContainerOutput) => fileError('ENOENT', `${folder} was removed by the job`);

async function placeEntry({ name, header, content }: Found, path: string, reading: Reading): Promise<void> {
  if (header.type === 'directory') await mkdir(path, { recursive: true });
  else if (header.type !== 'file' || content === null) {
    reading.note(`left out of the output, because it is a symbolic link or a special file: ${name}`);
    content?.resume();
  } else {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(content, await createFile(path, header.mode), { signal: reading.signal });
  }
}

async function makeArchive(output: ContainerOutput, aside: string, reading: Reading): Promise<boolean> {
  await mkdir(dirname(aside), { recursive: true });
  const pack = createPack();
  // Level 1: models are mostly numbers; higher levels take several times as long for a few per cent.
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: 256 * 1024 });
  const file = await createFile(aside, 0o644);
  let entries = 0;
  const written = pipeline(pack, gzip, file, { signal: reading.signal });
  const read = eachEntry(output, reading, async ({ name, header, content }) => {
    if (await packEntry(pack, name, header, content, reading)) entries += 1;
  }).then((isThere) => {
    if (!isThere && output.kind !== 'optional-archive') throw removedByJob(output);
    pack.finalize();
  });
  const [source, target] = await Promise.allSettled([
    read.catch((error: unknown) => {
      pack.destroy(error as Error);
      throw error;
    }),
    written,
  ]);
  if (target.status === 'rejected' && source.status === 'fulfilled') throw target.reason;
  if (source.status === 'rejected') throw blame(source.reason, target);
  if (entries > 0 || output.kind !== 'optional-archive') return true;
  await rm(aside);
  return false;
}

/** A full disk breaks the stream that is read, too; the disk is to blame. */
function blame(reason: unknown, writing: PromiseSettledResult<void>): unknown {
  const error: unknown = writing.status === 'rejected' ? writing.reason : undefined;
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC' ? error : reason;
}

/** What others can unpack: no owner of this machine, files instead of hard links, no link that leaves. */
async function packEntry(
  pack: Pack,
  name: string,
  { type, size, mode, mtime, linkname }: Header,
  content: Entry | null,
  { note, signal }: Reading,
): Promise<boolean> {
  if (type === 'directory') pack.entry({ name: `${name}/`, type, mode: 0o755, mtime });
  else if (type === 'file' && content !== null) {
    await pipeline(content, pack.entry({ name, size, mode: mode & 0o777, mtime }), { signal });
    return true;
  } else if (type === 'symlink' && linkname && stays(name, linkname)) {
    pack.entry({ name, type, linkname, mode: 0o777, mtime });
  } else {
    note(`left out of the archive, because it is no file, folder or link to one of them: ${name}`);
    content?.resume();
    return false;
  }
  content?.resume();
  return true;
}

function stays(name: string, linkname: string): boolean {
  const aim = posix.normalize(posix.join(posix.dirname(name), linkname));
  return !posix.isAbsolute(linkname) && aim !== '..' && !aim.startsWith('../');
}

async function createFile(path: string, mode: number | undefined): Promise<WriteStream> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  // Opened before anything can fail: a stream that is ended while it opens would leave its file behind.
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL, ((mode ?? 0o644) & 0o777) | 0o600);
  return file.createWriteStream({ flush: true, highWaterMark: 1024 * 1024 });
}
