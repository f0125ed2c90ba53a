import { basename, join } from 'node:path';
import type { S3Address } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { listContent, type ContentFile } from '../content.ts';
import { sourceArchive } from '../source-archive.ts';
import type { UploadedCode, UploadedObject } from '../storage.ts';
import { below, s3Uri } from './address.ts';
import { atOnce } from './at-once.ts';
import { listFolder } from './listing.ts';
import { filesAtOnce, putFile, type Transfer } from './put.ts';
import { streamSource } from './sources.ts';
import { ContentChanged, writeObject } from './upload.ts';

/** `<parent>/<sha256>/<name>`: an object or a folder of objects. */
export async function uploadTo(
  transfer: Transfer,
  parent: S3Address,
  source: string,
  signal?: AbortSignal,
): Promise<UploadedObject> {
  return unlessItChanges(async () => {
    const { total, files, isFolder } = await listContent(source, signal);
    const at = below(parent, `${total.sha256}/${basename(source) || 'root'}`);
    if (isFolder) await putMissing(transfer, source, files, at, signal);
    else if ((await transfer.s3.head(at, signal))?.bytes !== total.bytes) {
      await putFile(transfer, source, at, { sha256: total.sha256, onlyIfAbsent: true }, signal);
    }
    return { uri: s3Uri(at), ...total };
  });
}

/** `<parent>/<sha256>/source/…` and, when that is whole, `<parent>/<sha256>/sourcedir.tar.gz`. */
export async function uploadCodeTo(
  transfer: Transfer,
  parent: S3Address,
  folder: string,
  signal?: AbortSignal,
): Promise<UploadedCode> {
  return unlessItChanges(async () => {
    const { total, files, isFolder } = await listContent(folder, signal);
    if (!isFolder) throw new SluiceError('InvalidInput', `${folder} is a file, not a folder of code`);
    const place = below(parent, total.sha256);
    const archive = below(place, 'sourcedir.tar.gz');
    const source = below(place, 'source');
    await putMissing(transfer, folder, files, source, signal);
    if ((await transfer.s3.head(archive, signal)) === null) {
      const bytes = streamSource(sourceArchive(folder, files, () => new ContentChanged(archive)));
      try {
        await writeObject(transfer.s3, transfer.budget, archive, bytes, { onlyIfAbsent: true }, signal);
      } finally {
        await bytes.end();
      }
    }
    return { uri: s3Uri(source), archiveUri: s3Uri(archive), ...total };
  });
}

/** An object that is there is whole and has the right bytes, for that was checked before it appeared; what is missing is put. */
async function putMissing(
  transfer: Transfer,
  folder: string,
  files: readonly ContentFile[],
  at: S3Address,
  signal?: AbortSignal,
): Promise<void> {
  const there = new Map<string, number>();
  for await (const { name, bytes } of listFolder(transfer.s3, at, signal)) there.set(name, bytes);
  const missing = files.filter(({ name, bytes }) => there.get(name) !== bytes);
  await atOnce(
    filesAtOnce,
    missing,
    ({ name, sha256 }, one) =>
      putFile(transfer, join(folder, name), below(at, name), { sha256, onlyIfAbsent: true }, one),
    signal,
  );
}

/** What is edited while it is uploaded is another content, and gets another name. */
async function unlessItChanges<Result>(upload: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await upload();
    } catch (error) {
      if (!(error instanceof ContentChanged) || tries === 3) throw error;
    }
  }
}
