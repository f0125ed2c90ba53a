import { realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Config } from '../config.ts';
import type { Json, Scalar } from '../core/expressions.ts';
import { contains } from '../storage/root-paths.ts';
import type { Storage } from '../storage/storage.ts';
import { megabytes, type Tell } from './output.ts';

/** Makes the data that a person names on the command line reachable for a worker. */
export interface LocalInputs {
  /** The parameter values, with local paths of input data made relative to the root or replaced by a URI. */
  locate(file: Record<string, Json>, values: Record<string, Scalar>): Promise<Record<string, Scalar>>;
}

/**
 * @param take - what is done with data that lie outside the root: they are uploaded, or only looked at.
 */
export function createLocalInputs(config: Config, take: (path: string) => Promise<string>): LocalInputs {
  const locate = async (value: string): Promise<string> => {
    const isUri = /^[a-z][a-z0-9+.-]*:\/\//i.test(value);
    if (isUri && !value.startsWith('file:///')) return value;
    // A path as the shell completes it, so relative to the working folder; else the workflow says what is wrong with it.
    const real = await realpath(isUri ? fileURLToPath(value) : resolve(value)).catch(() => null);
    if (real === null) return value;
    const storage = await realpath(config.storageFolder).catch(() => config.storageFolder);
    if (contains(storage, real)) return pathToFileURL(real).href;
    const root = await realpath(config.root);
    return contains(root, real) ? relative(root, real).split(sep).join('/') || '.' : take(real);
  };
  return {
    async locate(file, values) {
      const entries = Object.entries(values).map(async ([name, value]) => {
        const isInput = typeof value === 'string' && inputParameters(file).has(name);
        return [name, isInput ? await locate(value) : value] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    },
  };
}

/** The parameters that an input of the pipeline is taken from as they are. */
function inputParameters({ steps }: Record<string, Json>): Set<string> {
  const { preprocess, transform } = (steps ?? {}) as Record<string, { input?: Json } | undefined>;
  const names = [preprocess?.input, transform?.input].map((input) => {
    const target = (input as { Get?: Json } | null | undefined)?.Get;
    return typeof target === 'string' ? target.replace(/^Parameters\./, '') : undefined;
  });
  return new Set(names.filter((name) => name !== undefined));
}

/** Copies data into the storage, once for the same content, and says so. */
export function uploader(storage: Storage, tell: Tell): (path: string) => Promise<string> {
  return async (path) => {
    tell(`Uploading ${path}, which is outside the root`);
    const { uri, bytes } = await storage.upload(path);
    tell(`Uploaded ${megabytes(bytes)}: ${uri}`);
    return uri;
  };
}
