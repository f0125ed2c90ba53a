import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createS3 } from '../aws/s3.ts';
import type { Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { ModelBody } from '../core/jobs.ts';
import type { JobPlace, Machine } from '../emulator/engine-executor.ts';
import type { LocalEngine } from '../engines/engine.ts';
import { exists, isMissing } from '../engines/local/job-folder.ts';
import { readsOfPrefixes } from './emulator-prefixes.ts';
import { chooseLocalEngine } from '../engines/local-engines.ts';
import { frameworkOfAws } from '../engines/sagemaker/images.ts';
import { createStagedEngine } from '../engines/staged.ts';
import { createS3Storage } from '../storage/s3-storage.ts';
import type { S3Storage } from '../storage/storage.ts';
import { createLocalEngines } from '../machine.ts';

/** Seconds that SageMaker gives a script after SIGTERM. */
const graceSeconds = 120;

export interface OpenMachine extends Machine {
  readonly engineName: string;
  /** Why this engine. */
  readonly reason: string;
  readonly folder: string;
}

/**
 * This machine as the emulator's: each job has a local engine with a folder of its own below `.sluice/emulator/`, and its data on S3,
 * as the AWS settings of this process have it. @throws SluiceError `EngineUnavailable`.
 */
export async function openMachine(config: Config, stopGraceSeconds = graceSeconds): Promise<OpenMachine> {
  const { engine, reason } = await chooseLocalEngine(config.localEngine, createLocalEngines(config));
  const folder = join(config.home, 'emulator', randomUUID());
  const s3 = createS3();
  const storage = createS3Storage(s3, 's3://sluice');
  const inputs = readsOfPrefixes(s3, storage);

  return {
    engineName: engine.name,
    reason,
    folder,
    stopGraceSeconds,
    imageOf,
    open({ name }, model, onUpload) {
      const id = randomUUID();
      const keptLog = join(folder, `${id}.log.txt`);
      const place = { name, folder: join(folder, id), keptLog, engineName: engine.name };
      return openPlace(config, place, dataOf(storage, inputs, { model, onUpload }));
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

interface Place {
  name: string;
  folder: string;
  /** Where the log is when the job is over. */
  keptLog: string;
  engineName: LocalEngine['name'];
}

/** The engine of one job. What it runs lies below the folder, and nothing of it anywhere else. */
function openPlace(config: Config, { name, folder, keptLog, engineName }: Place, data: Data): JobPlace {
  const engines = createLocalEngines(
    { ...config, root: folder, storageFolder: folder, jobsFolder: join(folder, 'jobs') },
    { findModel: () => data.bringModel(folder) },
  );
  const log = join(folder, 'jobs', name, 'log.txt');
  const local = engineName === 'container' ? engines.container : engines.process;
  return {
    engine: createStagedEngine(local, data, join(folder, 'staged')),
    logFile: () => (exists(keptLog) ? keptLog : log),
    async remove() {
      // A job that nobody can describe any more may still run.
      await local.stop({ engine: local.name, name });
      while ((await local.describe({ engine: local.name, name })).status === 'running') await sleep(100);
      await rename(log, keptLog).catch(unlessMissing);
      while (!(await local.remove(name))) await sleep(100);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

interface Data extends Pick<S3Storage, 'find' | 'download' | 'put'> {
  /** The model with its archive on this machine. */
  bringModel(folder: string): Promise<ModelBody>;
}

function dataOf(
  storage: S3Storage,
  inputs: Pick<S3Storage, 'find' | 'download'>,
  { model, onUpload }: { model: ModelBody | null; onUpload: () => void },
): Data {
  return {
    ...inputs,
    put(source, uri, signal) {
      onUpload();
      return storage.put(source, uri, signal);
    },
    async bringModel(folder) {
      if (model === null) throw new SluiceError('InvalidInput', 'The job has no model');
      const archive = join(folder, 'model.tar.gz');
      await storage.download(model.PrimaryContainer.ModelDataUrl, archive);
      const container = { ...model.PrimaryContainer, ModelDataUrl: pathToFileURL(archive).href };
      return { ...model, PrimaryContainer: container };
    },
  };
}

/** AWS's framework images are not to be had without an account; ours of the same framework takes their place. */
function imageOf(image: string): string {
  const framework = frameworkOfAws(image);
  return framework === null ? image : `sluice/${framework.name}:${framework.version}`;
}
