import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { requireTarEnd } from '../../../src/engines/container/tar-end.ts';
import { folderPerTest } from '../../support/folders.ts';

const folder = folderPerTest();

function archive(format: string): Buffer {
  const at = join(folder(), 'content');
  mkdirSync(at);
  writeFileSync(join(at, 'empty'), '');
  writeFileSync(join(at, 'a-zeros'), Buffer.alloc(3000));
  writeFileSync(join(at, 'n'.repeat(150)), 'a name that needs an extended header');
  writeFileSync(join(at, 'blocks'), Buffer.alloc(1024, 'x'));
  return execFileSync('tar', ['-C', at, `--format=${format}`, '--sort=name', '-b', '2', '-cf', '-', '.']);
}

const through = async (data: Buffer, size: number) => {
  const parts = Array.from({ length: Math.ceil(data.length / size) }, (_, index) =>
    data.subarray(index * size, (index + 1) * size),
  );
  return buffer(Readable.from(parts).pipe(requireTarEnd()));
};
const isWhole = (data: Buffer) =>
  through(data, 777).then(
    () => true,
    () => false,
  );

it.each(['pax', 'gnu', 'posix'])(
  'a whole %s archive passes as it is, however it is cut into parts',
  async (format) => {
    const whole = archive(format);
    for (const size of [1, 511, 512, 513, 100_000])
      expect((await through(whole, size)).equals(whole)).toBe(true);
  },
);

it.each(['pax', 'gnu'])(
  'a %s archive that is cut at any block is not whole, zeros at its end or not',
  async (format) => {
    const whole = archive(format);
    for (let length = 0; length < whole.length; length += 512) {
      const cut = whole.subarray(0, length);
      // A file of zeros ends like an archive, if one only looks at the last bytes.
      expect([length, await isWhole(cut)]).toEqual([length, length >= endOf(whole)]);
    }
  },
);

it('a file of more than 8 GiB is as long as its extended header says', async () => {
  const records = '11 size=99\n';
  const extended = header('x', records.length);
  const entry = header('0', 0);
  const content = Buffer.alloc(512, 'y');
  const data = Buffer.concat([extended, padded(records), entry, content, Buffer.alloc(1024)]);
  expect(await isWhole(data)).toBe(true);
  expect(await isWhole(data.subarray(0, -512))).toBe(false);
});

/** Where the blocks of zeros begin that are the end, and their two first are over. */
function endOf(whole: Buffer): number {
  let end = whole.length;
  while (end >= 512 && whole.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
  return end + 1024;
}

function header(type: string, size: number): Buffer {
  const made = Buffer.alloc(512);
  made.write('name', 0);
  made.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  made.write(type, 156);
  return made;
}

function padded(text: string): Buffer {
  const made = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  made.write(text);
  return made;
}
