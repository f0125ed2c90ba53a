import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { loginToEcr } from './aws/ecr.ts';
import type { CallListener } from './aws/listening.ts';
import { projectFolder, stagingFolder, type Config } from './config.ts';
import { SluiceError } from './core/errors.ts';
import { createConnector } from './engines/container/connect.ts';
import { createContainerEngine } from './engines/container/engine.ts';
import { findRegistryCredentials } from './engines/container/registry-auth.ts';
import { createUnusedImages } from './engines/container/unused-images.ts';
import type { LocalEngines } from './engines/local-engines.ts';
import { createProcessEngine } from './engines/process/engine.ts';
import { withStaging } from './engines/staged/cleaning.ts';
import { createFileRegistry } from './registry/file-registry.ts';
import type { LocalRegistry } from './registry/registry.ts';
import { extractArchive, packArchive } from './storage/archive.ts';
import { createFileStorage } from './storage/file-storage.ts';

export interface MachineOptions {
  /** Of transform jobs; default: in the registry of files. */
  findModel?: LocalRegistry['findModel'];
  /** Hears of the calls of AWS that a registry needs. */
  onCall?: CallListener;
}

/** The engines of this machine. @throws SluiceError `EngineUnavailable` before the set-up. */
export function createLocalEngines(
  config: Config,
  {
    findModel = (name) => createFileRegistry(config.registryFolder).findModel(name),
    onCall,
  }: MachineOptions = {},
): LocalEngines {
  if (config.python === null) {
    throw new SluiceError(
      'EngineUnavailable',
      'The process engine needs a Python environment; `npm run setup` makes it, or set SLUICE_PYTHON',
    );
  }
  const storage = createFileStorage(config.storageFolder, [config.root]);
  const common = {
    jobsDir: config.jobsFolder,
    // The interpreter itself: a virtual environment costs it 3 ms, and the supervisor imports nothing of it.
    supervisorPython: realpathSync(config.python),
    frameworksDir: join(projectFolder, 'images'),
    findModel,
    localPath: (uri: string) => storage.localPath(uri),
  };
  const { docker, baseImage } = config;
  const connect = createConnector(docker);
  const processEngine = createProcessEngine({
    ...common,
    python: config.python,
    frameworkPythons: config.frameworkPythons,
    isolation: config.isolation,
    baseEnvironment: config.pip.settings,
    extractModel: (uri, folder, signal) => extractArchive(storage.localPath(uri), folder, signal),
  });
  const containerEngine = createContainerEngine({
    ...common,
    baseImage,
    connect,
    credentials: (image) =>
      findRegistryCredentials(image, {
        configFolder: docker.configFolder,
        ecrLogin: (region) => loginToEcr(region, onCall),
      }),
    packModel: (uri, pack, folder) => packArchive(storage.localPath(uri), pack, folder),
  });
  return {
    process: withStaging(processEngine, stagingFolder(config)),
    container: withStaging(containerEngine, stagingFolder(config)),
    async findContainerEngine() {
      const { client, found } = await connect();
      await client.ping();
      return found;
    },
    unusedImages: createUnusedImages(async () => (await connect()).client, {
      frameworksDir: common.frameworksDir,
      baseImage,
    }),
  };
}
