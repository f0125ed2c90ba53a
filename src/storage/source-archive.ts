import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import tar, { type Pack } from 'tar-stream';
import type { ContentFile } from './content.ts';

/**
 * A folder of code as `sourcedir.tar.gz`, with the same bytes on every machine: files in the order of their names, without
 * times and owners, modes 644 and 755. It is not compressed, for no two versions of zlib compress alike.
 * @param changed - the error to throw when a file is not what the list says.
 */
export async function* sourceArchive(
  folder: string,
  files: readonly ContentFile[],
  changed: () => Error,
): AsyncGenerator<Buffer> {
  const pack = tar.pack();
  const packing = packAll(pack, folder, files, changed).catch((error: unknown) => {
    pack.destroy(error as Error);
  });
  try {
    yield* storedGzip(pack as AsyncIterable<Buffer>);
  } finally {
    pack.destroy();
    await packing;
  }
}

async function packAll(
  pack: Pack,
  folder: string,
  files: readonly ContentFile[],
  changed: () => Error,
): Promise<void> {
  for (const { name, bytes, isExecutable, sha256 } of files) {
    const hash = createHash('sha256');
    const entry = pack.entry({
      name,
      size: bytes,
      mode: isExecutable ? 0o755 : 0o644,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
    });
    let left = bytes;
    await pipeline(
      createReadStream(join(folder, name)),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          left -= chunk.length;
          if (left < 0) throw changed();
          hash.update(chunk);
          yield chunk;
        }
        if (left > 0 || hash.digest('hex') !== sha256) throw changed();
      },
      entry,
    );
  }
  pack.finalize();
}

/** Of a size of its own, or the bytes would depend on how they come. */
const blockBytes = 32_768;

/** RFC 1952, its blocks stored as they are (RFC 1951, 3.2.4). */
async function* storedGzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let checksum = 0;
  let total = 0;
  let rest = Buffer.alloc(0);
  // No name, no time, no operating system.
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  for await (const chunk of chunks) {
    checksum = crc32(chunk, checksum);
    total += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= blockBytes; rest = rest.subarray(blockBytes))
      yield block(rest.subarray(0, blockBytes));
  }
  yield block(rest, true);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(total % 2 ** 32, 4);
  yield trailer;
}

function block(bytes: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(isLast ? 1 : 0, 0);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(~bytes.length & 0xffff, 3);
  return Buffer.concat([header, bytes]);
}
