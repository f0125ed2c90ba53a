import { constants, type WriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants as zlib } from 'node:zlib';
import tar, { type Extract, type Pack } from 'tar-stream';
import { SluiceError } from '../../core/errors.ts';
import type { JobOutput } from '../opt-ml.ts';
import type { ContainerClient } from './client.ts';
import { createPack } from './pack.ts';
import { refusalStatus } from './refusals.ts';
import { requireTarEnd } from './tar-end.ts';

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;
type Header = Entry['header'];

/** A folder of one or several containers that is handed over. */
export interface ContainerOutput {
  kind: JobOutput['kind'];
  /** Absolute, in the containers. */
  folder: string;
  containers: readonly string[];
}

export interface Making {
  client: Pick<ContainerClient, 'getArchive' | 'statPath' | 'inspect'>;
  /** Says in the job's log what is left out. */
  note: (text: string) => void;
  signal: AbortSignal;
}

/**
 * Brings an output to `aside`, whole, in constant memory: what the engine streams goes straight into the file or folder.
 * Several hosts' files are put together; of two of one name the first host's is kept. @returns false if there is nothing to keep.
 */
export async function makeOutput(output: ContainerOutput, aside: string, making: Making): Promise<boolean> {
  try {
    return await (output.kind === 'folder'
      ? makeFolder(output, aside, making)
      : makeArchive(output, aside, making));
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
  making: Making,
): Promise<Set<string>> {
  const made = new Set<string>();
  const wants = (name: string) => name.includes('/') && asides.has(topOf(name));
  const place = (found: Found) => {
    const top = topOf(found.name);
    const aside = asides.get(top) ?? '';
    made.add(aside);
    return placeEntry(found, join(aside, found.name.slice(top.length + 1)), making);
  };
  await eachEntry({ folder: parent, containers: [container] }, making, place, wants);
  return made;
}

const topOf = (name: string) => name.slice(0, name.indexOf('/'));

async function makeFolder(output: ContainerOutput, aside: string, making: Making): Promise<true> {
  await mkdir(aside, { recursive: true });
  const isThere = await eachEntry(output, making, (found) =>
    placeEntry(found, join(aside, found.name), making),
  );
  if (!isThere) throw removedByJob(output);
  return true;
}

const removedByJob = ({ folder }: ContainerOutput) => fileError('ENOENT', `${folder} was removed by the job`);

async function placeEntry({ name, header, content }: Found, path: string, making: Making): Promise<void> {
  if (header.type === 'directory') await mkdir(path, { recursive: true });
  else if (header.type !== 'file' || content === null) {
    making.note(`left out of the output, because it is a symbolic link or a special file: ${name}`);
    content?.resume();
  } else {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(content, await createFile(path, header.mode), { signal: making.signal });
  }
}

async function makeArchive(output: ContainerOutput, aside: string, making: Making): Promise<boolean> {
  await mkdir(dirname(aside), { recursive: true });
  const pack = createPack();
  // Level 1: models are mostly numbers; higher levels take several times as long for a few per cent.
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: 256 * 1024 });
  const file = await createFile(aside, 0o644);
  let entries = 0;
  const written = pipeline(pack, gzip, file, { signal: making.signal });
  const read = eachEntry(output, making, async ({ name, header, content }) => {
    if (await packEntry(pack, name, header, content, making)) entries += 1;
  }).then((isThere) => {
    if (!isThere && output.kind !== 'optional-archive') throw removedByJob(output);
    pack.finalize();
  });
  const [reading, writing] = await Promise.allSettled([
    read.catch((error: unknown) => {
      pack.destroy(error as Error);
      throw error;
    }),
    written,
  ]);
  if (writing.status === 'rejected' && reading.status === 'fulfilled') throw writing.reason;
  if (reading.status === 'rejected') throw blame(reading.reason, writing);
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
  { note, signal }: Making,
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

interface Found {
  name: string;
  header: Header;
  content: Entry | null;
}

/** Every entry below the folder, those of the first host first. @returns whether one of them has it. */
async function eachEntry(
  { folder, containers }: Pick<ContainerOutput, 'folder' | 'containers'>,
  making: Making,
  take: (found: Found) => Promise<void>,
  wants: (name: string) => boolean = () => true,
): Promise<boolean> {
  const known = new Map<string, Header['type']>();
  let isThere = false;
  for (const container of containers) {
    const stream = await openFolder(container, folder, making);
    if (stream === null) continue;
    isThere = true;
    const links: string[] = [];
    await readTar(stream, making.signal, async (entry) => {
      const { header } = entry;
      // The engine gives names relative to the folder.
      const name = posix.normalize(header.name).replace(/\/$/, '');
      if (name === '.' || !wants(name)) entry.resume();
      else if (header.type === 'directory' && known.get(name) === 'directory') entry.resume();
      else if (isTaken(name, known)) {
        making.note(`left out, because there is another of this name: ${name} of ${container}`);
        entry.resume();
      } else {
        known.set(name, header.type);
        if (header.type === 'link') {
          links.push(name);
          entry.resume();
        } else await take({ name, header, content: entry });
      }
    });
    // The engine keeps the container locked for the length of a stream: to ask for more of it meanwhile would wait for ever.
    for (const name of links) {
      await fetchFile(container, `${folder}/${name}`, making, (file) =>
        take({ name, header: file.header, content: file }),
      );
    }
  }
  return isThere;
}

/** Whether something of another host is in the way, or the name leaves the folder. */
function isTaken(name: string, known: ReadonlyMap<string, Header['type']>): boolean {
  if (known.has(name) || posix.isAbsolute(name) || name.split('/').includes('..')) return true;
  for (let parent = posix.dirname(name); parent !== '.'; parent = posix.dirname(parent)) {
    if (known.has(parent) && known.get(parent) !== 'directory') return true;
  }
  return false;
}

/** @throws SluiceError `JobLost` if the engine does not know the container, or cannot open it: its outputs are not empty, but unknown. */
async function openFolder(container: string, folder: string, { client }: Making): Promise<Readable | null> {
  try {
    const stream = await client.getArchive(container, `${folder}/.`);
    if (stream !== null) return stream;
    if ((await client.inspect(container)) === null)
      throw new SluiceError('JobLost', `its container ${container} is gone, and its outputs with it`);
    if ((await client.statPath(container, '/')) !== null) return null;
    // Docker mounts all that a container mounts before it opens any path of it.
    throw new SluiceError(
      'JobLost',
      `its container ${container} cannot be opened any more, and its outputs with it: was an input removed while it ran?`,
    );
  } catch (error) {
    const found = refusalStatus(error) === null ? null : await client.statPath(container, folder);
    if (found === null || found.isFolder) throw error;
    throw fileError('ENOTDIR', `the job made ${folder} something else than a folder`);
  }
}

const fileError = (code: string, message: string) => Object.assign(new Error(message), { code });

/** A hard link's entry has no content; asked for alone the file has. */
async function fetchFile(
  container: string,
  path: string,
  { client, signal }: Making,
  take: (file: Entry) => Promise<void>,
): Promise<void> {
  const stream = await client.getArchive(container, path);
  if (stream !== null) await readTar(stream, signal, take);
}

async function readTar(
  stream: Readable,
  signal: AbortSignal,
  take: (entry: Entry) => Promise<void>,
): Promise<void> {
  const extract = tar.extract();
  const fed = pipeline(stream, requireTarEnd(), extract, { signal });
  // Heard of below; until then nobody listens.
  fed.catch(() => undefined);
  try {
    for await (const entry of extract) {
      await take(entry);
      // A folder that was taken has still to be passed by.
      entry.resume();
    }
    await fed;
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    throw asStreamError(error);
  }
}

/** Of the engine's stream: errors of the file system have codes of their own. */
function asStreamError(error: unknown): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof SluiceError || syscall === 'write' || syscall === 'open' || syscall === 'mkdir')
    return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return error;
  return new SluiceError('EngineUnavailable', `The container engine broke off: ${message}`, { cause: error });
}

async function createFile(path: string, mode: number | undefined): Promise<WriteStream> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  // Opened before anything can fail: a stream that is ended while it opens would leave its file behind.
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL, ((mode ?? 0o644) & 0o777) | 0o600);
  return file.createWriteStream({ flush: true, highWaterMark: 1024 * 1024 });
}

/** The beginning of a file of a container; null if there is none or it is no file. */
export async function readHead(
  client: Pick<ContainerClient, 'getArchive'>,
  container: string,
  path: string,
  bytes: number,
): Promise<Buffer | null> {
  const stream = await client.getArchive(container, path);
  if (stream === null) return null;
  const extract = tar.extract();
  const fed = pipeline(stream, extract).catch(() => undefined);
  const chunks: Buffer[] = [];
  let length = 0;
  let isFile = false;
  for await (const entry of extract) {
    isFile = entry.header.type === 'file';
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) break;
    }
    break;
  }
  stream.destroy();
  await fed;
  return isFile ? Buffer.concat(chunks).subarray(0, bytes) : null;
}
