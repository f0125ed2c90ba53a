import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SluiceError } from '../core/errors.ts';
import type { ModelBody } from '../core/jobs.ts';
import type { ModelPackage } from '../core/registry.ts';
import type { Registry } from './registry.ts';

/**
 * The registry as files: `models/<name>.json` and `packages/<pipeline>/<group>/<version>.json` below `folder`.
 * A record appears whole or not at all: it is written aside, then linked to its name, which fails if that is taken.
 */
export function createFileRegistry(folder: string): Registry {
  const models = join(folder, 'models');
  const packages = join(folder, 'packages');

  return {
    async createModel(name, model) {
      if (await createExclusively(models, `${name}.json`, model)) return;
      const existing = await this.findModel(name);
      if (isDeepStrictEqual(existing, model)) return;
      throw new SluiceError(
        'SpecMismatch',
        `Model ${name} exists already and was made from another request`,
        {
          details: { modelName: name },
        },
      );
    },

    async findModel(name) {
      try {
        return JSON.parse(await readFile(join(models, `${name}.json`), 'utf8')) as ModelBody;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        throw new SluiceError('InvalidInput', `There is no model ${name} in ${models}`, {
          details: { modelName: name },
        });
      }
    },

    async register(request) {
      const group = join(packages, request.pipeline, request.group);
      for (;;) {
        const versions = await readVersions(group);
        const own = versions.find(({ clientToken }) => clientToken === request.clientToken);
        if (own) return settleTwins(group, own, versions);
        const version = (versions.at(-1)?.version ?? 0) + 1;
        const record: ModelPackage = { ...request, version, createdAt: new Date().toISOString() };
        await createExclusively(group, `${version}.json`, record);
      }
    },

    async list() {
      const found: ModelPackage[] = [];
      for (const pipeline of await names(packages)) {
        for (const group of await names(join(packages, pipeline))) {
          found.push(...(await readVersions(join(packages, pipeline, group))));
        }
      }
      return found;
    },
  };
}

/** Two attempts of one run may both have created a version: the lower one stays. */
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

/** @returns false if that name is taken. */
async function createExclusively(folder: string, name: string, record: unknown): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const aside = join(folder, `.${name}.${randomUUID()}`);
  await writeFile(aside, `${JSON.stringify(record, null, 2)}\n`, { flush: true });
  try {
    await link(aside, join(folder, name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function readVersions(group: string): Promise<ModelPackage[]> {
  const files = (await names(group)).filter((name) => /^\d+\.json$/.test(name));
  const records = await Promise.all(
    files.map((name) => readFile(join(group, name), 'utf8').catch(() => undefined)),
  );
  return records
    .filter((text) => text !== undefined)
    .map((text) => JSON.parse(text) as ModelPackage)
    .sort((a, b) => a.version - b.version);
}

async function names(folder: string): Promise<string[]> {
  const all = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return all.filter((name) => !name.startsWith('.')).sort();
}
