import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { posix } from 'node:path';
import tar, { type Extract } from 'tar-stream';
import { SluiceError } from '../../core/errors.ts';
import type { ContainerClient } from './client.ts';
import { refusalStatus } from './refusals.ts';
import { requireTarEnd } from './tar-end.ts';

/** Of the engine's stream. */
export type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;
export type Header = Entry['header'];

/** A folder of one or several containers. */
export interface Place {
  /** Absolute, in the containers. */
  folder: string;
  containers: readonly string[];
}

export interface Reading {
  client: Pick<ContainerClient, 'getArchive' | 'statPath' | 'inspect'>;
  /** Says in the job's log what is left out. */
  note: (text: string) => void;
  signal: AbortSignal;
}

export interface Found {
  name: string;
  header: Header;
  content: Entry | null;
}

/** Every entry below the folder, those of the first host first. @returns whether one of them has it. */
export async function eachEntry(
  { folder, containers }: Place,
  reading: Reading,
  take: (found: Found) => Promise<void>,
  wants: (name: string) => boolean = () => true,
): Promise<boolean> {
  const known = new Map<string, Header['type']>();
  let isThere = false;
  for (const container of containers) {
    const stream = await openFolder(container, folder, reading);
    if (stream === null) continue;
    isThere = true;
    const links: string[] = [];
    await readTar(stream, reading.signal, async (entry) => {
      const { header } = entry;
      // The engine gives names relative to the folder.
      const name = posix.normalize(header.name).replace(/\/$/, '');
      if (name === '.' || !wants(name)) entry.resume();
      else if (header.type === 'directory' && known.get(name) === 'directory') entry.resume();
      else if (isTaken(name, known)) {
        reading.note(`left out, because there is another of this name: ${name} of ${container}`);
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
      await fetchFile(container, `${folder}/${name}`, reading, (file) =>
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
async function openFolder(container: string, folder: string, { client }: Reading): Promise<Readable | null> {
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

/** An error as the file system makes them. */
export const fileError = (code: string, message: string) => Object.assign(new Error(message), { code });

/** A hard link's entry has no content; asked for alone the file has. */
async function fetchFile(
  container: string,
  path: string,
  { client, signal }: Reading,
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
