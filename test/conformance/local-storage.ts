import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ModelBody } from '../../src/core/jobs.ts';
import { extractArchive } from '../../src/storage/archive.ts';
import type { ConformanceTarget } from './contract.ts';

/** Storage and models of an engine of this machine: folders and a map. `folder` is the caller's to remove. */
export function createLocalStorage(image: string) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-conformance-')));
  const models = new Map<string, ModelBody>();
  for (const name of ['inputs', 'outputs', 'models']) mkdirSync(join(folder, name));

  const storage: Pick<ConformanceTarget, 'putInput' | 'outputUri' | 'readOutput' | 'createModel'> = {
    async putInput(files) {
      const place = join(folder, 'inputs', randomUUID());
      const folders = new Set(Object.keys(files).map((name) => dirname(join(place, name))));
      for (const path of folders) await mkdir(path, { recursive: true });
      await Promise.all(
        Object.entries(files).map(([name, content]) => writeFile(join(place, name), content)),
      );
      return pathToFileURL(place).href;
    },
    outputUri: (name) => pathToFileURL(join(folder, 'outputs', name)).href,
    readOutput: (uri) => readFiles(fileURLToPath(uri)),
    async createModel(archive, environment) {
      const name = `model-${randomUUID()}`;
      const path = join(folder, 'models', name, 'model.tar.gz');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, archive);
      const ModelDataUrl = pathToFileURL(path).href;
      models.set(name, { PrimaryContainer: { Image: image, ModelDataUrl, Environment: environment } });
      return name;
    },
  };
  return {
    folder,
    storage,
    findModel: (name: string): Promise<ModelBody> => {
      const model = models.get(name);
      return model ? Promise.resolve(model) : Promise.reject(new Error(`no model ${name}`));
    },
    extractModel: (uri: string, into: string) => extractArchive(fileURLToPath(uri), into),
    localPath: (uri: string) => fileURLToPath(uri),
  };
}

/** Every file below a path, as {@link ConformanceTarget.readOutput} wants it. */
export async function readFiles(root: string): Promise<Map<string, Buffer>> {
  const found = await stat(root).catch(() => null);
  if (found === null) return new Map();
  if (found.isFile()) return new Map([['', await readFile(root)]]);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = new Map<string, Buffer>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) continue;
    const content = entry.isFile() ? await readFile(path) : Buffer.from(await describe(path));
    files.set(path.slice(root.length + 1), content);
  }
  return files;
}

const describe = (path: string) =>
  readlink(path).then(
    (aim) => `a link to ${aim}`,
    () => 'a special file',
  );
