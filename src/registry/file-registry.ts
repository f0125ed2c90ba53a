import { createHash } from 'node:crypto';
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SluiceError } from '../core/errors.ts';
import { modelBody } from '../core/jobs.ts';
import { parseWith } from '../core/problems.ts';
import { modelPackage, type ModelPackage } from '../core/registry.ts';
import { createRecord, readRecord, recordMode } from './records.ts';
import type { LocalRegistry } from './registry.ts';

const asModel = (value: unknown) => parseWith('it', modelBody, value);
const asPackage = (value: unknown) => parseWith('it', modelPackage, value);

/**
 * The registry as files below `folder`: `models/<name>.json`, `packages/<pipeline>/<group>/<version>.json`, and in `tokens` an empty
 * file for every client token that was ever used, and another one if it was used again: whose token is new need not look through
 * all versions for one of their own.
 */
export function createFileRegistry(folder: string): LocalRegistry {
  const models = join(folder, 'models');
  const packages = join(folder, 'packages');
  const tokens = join(folder, 'tokens');

  return {
    async createModel(name, model) {
      const mode = recordMode(model.PrimaryContainer);
      if (await createRecord(models, `${name}.json`, model, mode)) return;
      if (isDeepStrictEqual(await this.findModel(name), model)) return;
      throw new SluiceError(
        'SpecMismatch',
        `Model ${name} exists already and was made from another request`,
        { details: { modelName: name } },
      );
    },

    async findModel(name) {
      const model = await readRecord(join(models, `${name}.json`), asModel);
      if (model !== undefined) return model;
      throw new SluiceError('InvalidInput', `There is no model ${name} in ${models}`, {
        details: { modelName: name },
      });
    },

    async register(request) {
      const group = join(packages, request.pipeline, request.group);
      const token = join(tokens, sha256([request.pipeline, request.group, request.clientToken]));
      const isFirst = await isNew(token);
      if (!isFirst) await isNew(`${token}.again`);
      for (;;) {
        const numbers = await versionNumbers(group);
        // Asked after the numbers: an attempt that made a version which is not among them has the next number, or finds ours.
        if (!isFirst || (await isThere(`${token}.again`))) {
          const versions = await readVersions(group, numbers);
          const own = versions.find(({ clientToken }) => clientToken === request.clientToken);
          if (own) return settleTwins(group, own, versions);
        }
        const version = (numbers.at(-1) ?? 0) + 1;
        const record: ModelPackage = { ...request, version, createdAt: new Date().toISOString() };
        if (await createRecord(group, `${version}.json`, record, recordMode(request.inference)))
          return record;
      }
    },

    async list() {
      const found: ModelPackage[] = [];
      for (const pipeline of await foldersIn(packages)) {
        for (const name of await foldersIn(join(packages, pipeline))) {
          const group = join(packages, pipeline, name);
          found.push(...(await readVersions(group, await versionNumbers(group))));
        }
      }
      return found;
    },
  };
}

const sha256 = (parts: readonly string[]) => createHash('sha256').update(parts.join('\0')).digest('hex');

/** Makes an empty file. @returns false if it was there. */
async function isNew(path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(path, '', { flag: 'wx', flush: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** Somebody may have put a copy of a version there: the lower one stays. */
async function settleTwins(
  group: string,
  own: ModelPackage,
  versions: readonly ModelPackage[],
): Promise<ModelPackage> {
  for (const twin of versions) {
    if (twin.clientToken === own.clientToken && twin.version !== own.version) {
      await rm(join(group, `${twin.version}.json`), { force: true });
    }
  }
  return own;
}

/** In ascending order. What a crash left (`.7.json.<uuid>`) does not count. */
async function versionNumbers(group: string): Promise<number[]> {
  const files = await entriesOf(group);
  const numbers = files.flatMap(({ name }) => /^([1-9]\d*)\.json$/.exec(name)?.[1] ?? []).map(Number);
  return numbers.sort((a, b) => a - b);
}

/** The name of the file is what decides on the version, since it is what was created exclusively. */
async function readVersions(group: string, numbers: readonly number[]): Promise<ModelPackage[]> {
  const records = await Promise.all(
    numbers.map(async (version) => {
      const record = await readRecord(join(group, `${version}.json`), asPackage);
      return record && { ...record, version };
    }),
  );
  // A twin may have been removed since the folder was read.
  return records.filter((record) => record !== undefined);
}

async function foldersIn(folder: string): Promise<string[]> {
  const folders = (await entriesOf(folder)).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => name).sort();
}

async function entriesOf(folder: string) {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
