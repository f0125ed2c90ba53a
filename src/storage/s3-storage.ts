import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { S3Address, S3Api, S3Object } from '../aws/s3-api.ts';
import { SluiceError } from '../core/errors.ts';
import { hashFolder, type ContentFile } from './content.ts';
import { below, parseS3Uri, s3Uri } from './s3/address.ts';
import { createBudget } from './s3/budget.ts';
import { downloadFile, downloadFolder } from './s3/download.ts';
import { listFolder } from './s3/listing.ts';
import { putFile, putFolder } from './s3/put.ts';
import { otherBytes, readSlice } from './s3/reading.ts';
import { streamSource } from './s3/sources.ts';
import { writeObject } from './s3/upload.ts';
import { uploadCodeTo, uploadTo } from './s3/content-addressed.ts';
import type { Content, Fingerprint, S3Storage } from './storage.ts';

/** Memory for the parts that are under way, whatever the number of transfers: the most of what a worker needs for them. */
const memoryBytes = 64 * 1024 ** 2;

/**
 * Storage in a bucket: `uploads/<sha256>/<name>` and `code/<sha256>/` for what was uploaded, below the root.
 * @param rootUri - `s3://bucket/prefix`.
 */
export function createS3Storage(s3: S3Api, rootUri: string): S3Storage {
  const root = parseS3Uri(rootUri);
  const budget = createBudget(memoryBytes);
  const transfer = { s3, budget };

  return {
    rootUri: s3Uri(root),
    upload: (source, signal) => uploadTo(transfer, below(root, 'uploads'), source, signal),
    uploadCode: (folder, signal) => uploadCodeTo(transfer, below(root, 'code'), folder, signal),

    readText: (uri, maxBytes, signal) => readText(s3, uri, maxBytes, signal),
    hash: (uri, signal) => hashAt(s3, uri, signal),

    find: (uri, signal) => find(s3, uri, signal),

    async asPrefix(uri, signal) {
      const found = await find(s3, uri, signal);
      if (found === null) return null;
      const at = parseS3Uri(uri);
      if (found === 'folder') return { uri: `${s3Uri(at)}/`, alsoTaken: null };
      // The object itself is the first.
      const { objects } = await s3.list(at, null, 2, signal);
      const other = objects.find(({ key }) => key !== at.key);
      return { uri, alsoTaken: other ? s3Uri({ ...at, key: other.key }) : null };
    },

    async download(uri, target, signal) {
      const at = parseS3Uri(uri);
      const object = await findObject(s3, at, uri, signal);
      if (object !== null) return downloadFile(s3, at, object, target, signal);
      if (!(await downloadFolder(s3, at, target, signal))) throw nothingAt(uri);
    },

    async put(source, uri, signal) {
      const at = parseS3Uri(uri);
      const found = await stat(source).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        throw new SluiceError('InvalidInput', `${source} does not exist`, { cause: error });
      });
      if (found.isDirectory()) return putFolder(transfer, source, at, signal);
      if (at.key === '' || uri.endsWith('/'))
        return putFile(transfer, source, below(at, basename(source)), {}, signal);
      return putFile(transfer, source, at, {}, signal);
    },

    fingerprint: (uri, signal) => fingerprintAt(s3, uri, signal),

    async read(uri, signal) {
      const at = parseS3Uri(uri);
      const object = await findObject(s3, at, uri, signal);
      if (object === null) throw nothingAt(uri);
      return Readable.from(readAll(s3, at, object, signal), { objectMode: false });
    },

    async write(uri, bytes, signal) {
      const source = streamSource(bytes);
      try {
        await writeObject(s3, budget, parseS3Uri(uri), source, {}, signal);
      } finally {
        await source.end();
      }
    },
  };
}

async function find(s3: S3Api, uri: string, signal?: AbortSignal): Promise<'file' | 'folder' | null> {
  const at = parseS3Uri(uri);
  if ((await findObject(s3, at, uri, signal)) !== null) return 'file';
  // One is enough; the first may be the mark of an empty folder, which is none.
  for await (const _entry of listFolder(s3, at, signal, 2)) return 'folder';
  return null;
}

/** Null where the URI can only be a folder, too. */
async function findObject(
  s3: S3Api,
  at: S3Address,
  uri: string,
  signal?: AbortSignal,
): Promise<S3Object | null> {
  return at.key === '' || uri.endsWith('/') ? null : s3.head(at, signal);
}

const nothingAt = (uri: string) =>
  new SluiceError('InvalidInput', `${uri} does not exist: no object of that key, and none below it`, {
    details: { uri },
  });

/** The SDK compares the checksum only of what comes in one piece. */
async function* readAll(
  s3: S3Api,
  at: S3Address,
  object: S3Object,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let checksum = 0;
  for await (const chunk of readSlice(s3, at, object, { from: 0, to: object.bytes }, signal)) {
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (object.crc32 !== null && object.crc32 !== checksum) throw otherBytes(at);
}

async function readText(s3: S3Api, uri: string, maxBytes: number, signal?: AbortSignal): Promise<string> {
  const at = parseS3Uri(uri);
  const refuse = (reason: string) =>
    new SluiceError('OutputMissing', `${uri} ${reason}`, { details: { uri } });
  const object = await findObject(s3, at, uri, signal);
  if (object === null) throw refuse('does not exist');
  if (object.bytes > maxBytes) throw refuse(`has ${object.bytes} bytes; at most ${maxBytes} are read`);
  const chunks: Buffer[] = [];
  for await (const chunk of readAll(s3, at, object, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function hashAt(s3: S3Api, uri: string, signal?: AbortSignal): Promise<Content> {
  const at = parseS3Uri(uri);
  const object = await findObject(s3, at, uri, signal);
  if (object !== null) return hashBytes(readAll(s3, at, object, signal));
  const files: ContentFile[] = [];
  for await (const entry of listFolder(s3, at, signal)) {
    let isExecutable = false;
    const begins = (started: { isExecutable: boolean }) => (isExecutable = started.isExecutable);
    const slice = { from: 0, to: entry.bytes, begins };
    const content = await hashBytes(readSlice(s3, below(at, entry.name), entry, slice, signal));
    files.push({ ...content, name: entry.name, isExecutable });
  }
  if (files.length === 0) throw nothingAt(uri);
  // S3 sorts by the bytes of UTF-8, JavaScript by those of UTF-16.
  return hashFolder(files.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

async function fingerprintAt(s3: S3Api, uri: string, signal?: AbortSignal): Promise<Fingerprint> {
  const at = parseS3Uri(uri);
  const hash = createHash('sha256');
  const total = { objects: 0, bytes: 0 };
  const add = (name: string, { etag, bytes }: Pick<S3Object, 'etag' | 'bytes'>) => {
    hash.update(`${etag} ${bytes} ${name}\0`);
    total.objects += 1;
    total.bytes += bytes;
  };
  const object = await findObject(s3, at, uri, signal);
  if (object !== null) add(basename(at.key), object);
  else for await (const entry of listFolder(s3, at, signal)) add(entry.name, entry);
  if (total.objects === 0) throw nothingAt(uri);
  return { etags: hash.digest('hex'), bytes: total.bytes };
}

async function hashBytes(chunks: AsyncIterable<Buffer>): Promise<Content> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}
