import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import type { Files } from './contract.ts';

export interface ArchiveEntry {
  name: string;
  type: string;
  owner: string;
  linkname: string | null;
  text: string;
}

/** A tar.gz of the files, under names that nobody checks: `..` is a name like any other here. */
export async function packArchive(files: Files): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: 0o644 }, content);
  pack.finalize();
  return gzipSync(await buffer(pack));
}

export async function openArchive(data: Buffer): Promise<ArchiveEntry[]> {
  const extract = tar.extract();
  Readable.from([gunzipSync(data)]).pipe(extract);
  const entries: ArchiveEntry[] = [];
  for await (const entry of extract) {
    const { name, type, uid, gid, uname, gname, linkname } = entry.header;
    entries.push({
      name,
      type: type ?? 'file',
      owner: [uid, gid, uname, gname].join(':'),
      linkname: linkname ?? null,
      text: (await buffer(entry)).toString('utf8'),
    });
  }
  return entries;
}
