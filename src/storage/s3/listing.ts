import type { S3Address, S3Api, S3Listed } from '../../aws/s3-api.ts';
import { SluiceError } from '../../core/errors.ts';
import { s3Uri } from './address.ts';

/** An object of a folder. */
export interface FolderEntry extends S3Listed {
  /** The key below that of the folder. */
  name: string;
}

const pageSize = 1000;

/**
 * The objects of a folder in the order of their keys, page by page. Empty objects whose keys end with a slash are left out:
 * consoles and other tools make them to show an empty folder.
 */
export async function* listFolder(
  s3: S3Api,
  folder: S3Address,
  signal?: AbortSignal,
  limit = pageSize,
): AsyncGenerator<FolderEntry> {
  const prefix = folder.key === '' ? '' : `${folder.key}/`;
  let token: string | null = null;
  do {
    const page = await s3.list({ bucket: folder.bucket, key: prefix }, token, limit, signal);
    for (const object of page.objects) {
      if (!object.key.startsWith(prefix)) throw strange(folder, `an object of another folder, ${object.key}`);
      if (!(object.key.endsWith('/') && object.bytes === 0) && object.key !== prefix)
        yield { ...object, name: object.key.slice(prefix.length) };
    }
    if (page.next !== null && page.next === token) throw strange(folder, 'the same page again');
    token = page.next;
  } while (token !== null);
}

const strange = (folder: S3Address, what: string) =>
  new SluiceError('StorageError', `The list of ${s3Uri(folder)} cannot be true: it has ${what}`);
