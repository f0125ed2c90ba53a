import type { S3Address, S3Api, S3Listed } from '../aws/s3-api.ts';
import { parseS3Uri, pathOf, s3Uri } from '../storage/s3/address.ts';
import { atOnce } from '../storage/s3/at-once.ts';
import type { S3Storage } from '../storage/storage.ts';

const pageSize = 1000;
const objectsAtOnce = 8;

type Reads = Pick<S3Storage, 'find' | 'download'>;

/**
 * Inputs as jobs of SageMaker are given them: what they name is the beginning of keys, and brings all objects that begin so. Storage
 * alone takes it for one object or a folder.
 */
export function readsOfPrefixes(s3: S3Api, storage: Reads): Reads {
  /** All that begin so; null where storage says the same. */
  const beginning = async (uri: string, signal?: AbortSignal): Promise<S3Listed[] | null> => {
    const at = parseS3Uri(uri);
    if (at.key === '' || uri.endsWith('/')) return null;
    const objects = await listed(s3, at, signal);
    const isStorages = objects.every(({ key }) => key.startsWith(`${at.key}/`));
    return isStorages || (objects.length === 1 && objects[0]?.key === at.key) ? null : objects;
  };
  return {
    find: async (uri, signal) =>
      (await beginning(uri, signal)) === null ? storage.find(uri, signal) : 'folder',

    async download(uri, target, signal) {
      const objects = await beginning(uri, signal);
      if (objects === null) return storage.download(uri, target, signal);
      const at = parseS3Uri(uri);
      await atOnce(
        objectsAtOnce,
        objects,
        async ({ key }, one) => {
          const object = { ...at, key };
          await storage.download(s3Uri(object), pathOf(target, nameBelow(at.key, key), object), one);
        },
        signal,
      );
    },
  };
}

/** `data/train` keeps `train-1.csv` of `data/train-1.csv` (aws/sagemaker-python-sdk#3612), and `a.csv` of `data/train/a.csv`. */
function nameBelow(prefix: string, key: string): string {
  if (key.startsWith(`${prefix}/`)) return key.slice(prefix.length + 1);
  return key.slice(prefix.lastIndexOf('/') + 1);
}

async function listed(s3: S3Api, at: S3Address, signal?: AbortSignal): Promise<S3Listed[]> {
  const found: S3Listed[] = [];
  let token: string | null = null;
  do {
    const page: Awaited<ReturnType<S3Api['list']>> = await s3.list(at, token, pageSize, signal);
    // Consoles make empty objects whose keys end with a slash, to show a folder.
    found.push(...page.objects.filter(({ key, bytes }) => !(key.endsWith('/') && bytes === 0)));
    token = page.next;
  } while (token !== null);
  return found;
}
