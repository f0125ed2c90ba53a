import { Transform, type TransformCallback } from 'node:stream';

const block = 512;
/** An archive ends with so many blocks of zeros where the next entry would begin. */
const endBlocks = 2;
const maxExtendedBytes = 1024 * 1024;

/**
 * Passes a tar archive on, and fails at its end if that is not the archive's own: a stream that was cut between two entries looks
 * whole to who only reads entries, and the rest would be missing without a word.
 */
export function requireTarEnd(): Transform {
  const frames = createFraming();
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      frames.take(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (frames.isAtEnd()) done();
      else done(new Error('the archive was cut off'));
    },
  });
}

/** Follows an archive from header to header, without looking into what is between them. */
function createFraming() {
  let header = Buffer.alloc(0);
  let skip = 0;
  let zeros = 0;
  /** Content of an extended header, which may tell the size of the next entry. */
  let extended: { left: number; parts: Buffer[] } | null = null;
  let nextSize: number | null = null;

  const takeHeader = (bytes: Buffer) => {
    if (bytes.every((byte) => byte === 0)) {
      zeros += 1;
      return;
    }
    zeros = 0;
    const type = String.fromCharCode(bytes[156] ?? 0);
    const size = readSize(bytes.subarray(124, 136));
    const isExtension = 'xgLK'.includes(type);
    const length = isExtension ? size : (nextSize ?? size);
    if (!isExtension) nextSize = null;
    if (type === 'x' && size <= maxExtendedBytes) extended = { left: size, parts: [] };
    skip = Math.ceil(length / block) * block;
  };

  const pass = (bytes: Buffer) => {
    skip -= bytes.length;
    if (extended === null) return;
    extended.parts.push(bytes.subarray(0, extended.left));
    extended.left -= Math.min(bytes.length, extended.left);
    if (extended.left > 0) return;
    nextSize = sizeIn(Buffer.concat(extended.parts).toString('latin1')) ?? nextSize;
    extended = null;
  };

  return {
    take(chunk: Buffer) {
      for (let at = 0; at < chunk.length;) {
        if (skip > 0) {
          const bytes = chunk.subarray(at, at + skip);
          pass(bytes);
          at += bytes.length;
          continue;
        }
        const bytes = chunk.subarray(at, at + block - header.length);
        header = Buffer.concat([header, bytes]);
        at += bytes.length;
        if (header.length < block) return;
        takeHeader(header);
        header = Buffer.alloc(0);
      }
    },
    isAtEnd: () => skip === 0 && header.length === 0 && zeros >= endBlocks,
  };
}

/** Octal digits, or for what they cannot say a binary number behind a set bit. */
function readSize(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) {
    return parseInt(field.toString('latin1').replace(/\0.*$/s, '').trim() || '0', 8);
  }
  return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x7f);
}

function sizeIn(records: string): number | null {
  const found = /(?:^|\n)\d+ size=(\d+)\n/.exec(records);
  return found ? Number(found[1]) : null;
}
