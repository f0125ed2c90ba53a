import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../core/errors.ts';
import { imageOf, type JobRequest, type ModelBody } from '../../core/jobs.ts';
import { writeWhole } from '../local/durable.ts';
import { findBatch, findInput } from '../local/inputs.ts';
import { exists, readUnlessMissing, type JobFolder } from '../local/job-folder.ts';
import { jobInputs } from '../opt-ml.ts';
import type { ContainerClient } from './client.ts';
import { writeDriver } from './driver-folder.ts';
import { labels, networkName, planGroup, type PlannedContainer } from './group.ts';
import type { Home } from './home.ts';
import type { Images, ReadyImage } from './images.ts';
import { mountable } from './mountable.ts';
import { populate, type PackModel } from './populate.ts';
import { removeContainers } from './removal.ts';
import { createBody } from './requests.ts';
import { runsAsRoot } from './shared-files.ts';

export interface PrepareOptions {
  client: ContainerClient;
  images: Images;
  address: Readonly<Record<string, unknown>>;
  home: Home;
  name: string;
  job: JobRequest;
  requestHash: string;
  files: JobFolder;
  findModel: (name: string) => Promise<ModelBody>;
  packModel: PackModel;
  localPath: (uri: string) => string;
  tell: (phase: string) => void;
  signal: AbortSignal;
}

/** The image whose Python runs the driver of a batch transform beside any server. */
const driverImage = 'sluice/sklearn:1.2-1';

/**
 * Makes the containers of a job, with all that they read. Nothing runs yet; who comes after a kill goes on with it. What no other
 * attempt could do better leaves no container behind.
 */
export async function createContainers(options: PrepareOptions): Promise<void> {
  const { client, files, home, name } = options;
  const populated = join(files.path, 'populated');
  if ((await readUnlessMissing(populated)) === home.boot) return;
  try {
    await createAll(options);
    await writeFile(populated, home.boot);
  } catch (error) {
    if (isFinal(error) && !exists(files.started)) {
      // The first failure is the one to tell.
      await removeContainers(client, name, home.folder, home.id).catch(() => undefined);
    }
    throw error;
  }
}

async function createAll(options: PrepareOptions): Promise<void> {
  const { client, name, job, files, tell } = options;
  tell('preparing');
  const model = job.kind === 'Transform' ? await options.findModel(job.body.ModelName) : null;
  const inputs = await Promise.all(jobInputs(job).map((input) => findInput(name, input, options.localPath)));
  const batch = job.kind === 'Transform' ? await findBatch(name, job, options.localPath) : null;
  const ready = await readyImages(options, model);
  const planned = planGroup({
    name,
    job,
    requestHash: options.requestHash,
    home: options.home,
    folder: files.path,
    images: { job: ready.job.reference, driver: ready.driver.reference },
    inputs,
    model,
    batch,
  });
  tell('preparing');
  await writeWhole(join(files.path, 'containers.json'), JSON.stringify(supervisorPlan(options, planned)));
  if (planned.some(({ spec }) => spec.network.kind === 'own')) {
    const tags = { ...job.tags, [labels.job]: name, [labels.home]: options.home.folder };
    await client.createNetwork(networkName(name), tags);
  }
  for (const container of planned) {
    options.signal.throwIfAborted();
    const { part } = container;
    if (part?.kind === 'driver') await writeDriver(part.folder, part.settings);
    await createOne(options, container, ready, model);
  }
}

/** Whether nobody will come and go on: what was made so far is of no use. Another request's containers are not ours to remove. */
function isFinal(error: unknown): boolean {
  return error instanceof SluiceError && !error.retryable && error.code !== 'SpecMismatch';
}

async function readyImages(
  { images, job, tell, signal }: PrepareOptions,
  model: ModelBody | null,
): Promise<ReadyImages> {
  const wanted = imageOf(job, model) ?? '';
  const image = await images.ensure(wanted, job.local.pullPolicy ?? 'missing', tell, signal);
  if (job.kind !== 'Transform') return { job: image, driver: image };
  return { job: image, driver: await images.ensure(driverImage, 'missing', tell, signal) };
}

interface ReadyImages {
  job: ReadyImage;
  driver: ReadyImage;
}

/** Makes it, unless it is there. */
async function createOne(
  options: PrepareOptions,
  container: PlannedContainer,
  ready: ReadyImages,
  model: ModelBody | null,
): Promise<void> {
  const { name } = container.spec;
  while (!(await isAdopted(options, name))) {
    options.signal.throwIfAborted();
    if (await createWhole(options, container, ready, model)) return;
    await sleep(20);
  }
}

/**
 * Under a name of its own until everything is in it: what has the job's name is whole, and nobody writes into it any more, for it may
 * run. False if another worker was quicker.
 */
async function createWhole(
  options: PrepareOptions,
  container: PlannedContainer,
  ready: ReadyImages,
  model: ModelBody | null,
): Promise<boolean> {
  const { client, signal } = options;
  const { spec } = container;
  const isDriver = container.part?.kind === 'driver';
  const image = isDriver ? ready.driver : ready.job;
  // A share of the files cannot be mounted.
  const whole = container.inputs.filter(({ shard }) => shard.count === 1);
  const mounted = await mountable(options, whole, image);
  const mounts = mounted.map(({ source, target }) => ({ source, target }));
  const draft = `${spec.name}.${randomUUID().slice(0, 8)}`;
  let isRenamed = false;
  try {
    await client.create(draft, createBody({ ...spec, mounts }));
    // The driver makes its folders, if it may, and an engine starts a process for each stream.
    const hasAll = isDriver && mounted.length === container.inputs.length && runsAsRoot(image.user);
    if (!hasAll) {
      await populate(client, draft, container, {
        inputs: container.inputs.filter((input) => !mounted.includes(input)),
        modelUri: model?.PrimaryContainer.ModelDataUrl ?? null,
        packModel: options.packModel,
        signal,
      });
    }
    signal.throwIfAborted();
    isRenamed = await client.rename(draft, spec.name);
    return isRenamed;
  } finally {
    // What cannot be removed now has the labels of its job, and goes with it.
    if (!isRenamed) await client.remove(draft).catch(() => undefined);
  }
}

/** False for one that isn't to be seen yet, or any more. @throws SluiceError `SpecMismatch` */
async function isAdopted({ client, requestHash, home }: PrepareOptions, name: string): Promise<boolean> {
  const found = await client.inspect(name);
  if (found === null) return false;
  const other = found.labels[labels.request];
  const isOurs = found.labels[labels.home] === home.folder && found.labels[labels.homeId] === home.id;
  if (other === requestHash && isOurs) {
    // What was not started before the machine went down may have been written in part only.
    if (found.labels[labels.boot] === home.boot || found.status !== 'created') return true;
    await client.remove(found.id);
    return false;
  }
  const from = other === requestHash ? `from another SLUICE_HOME` : 'from another request';
  throw new SluiceError('SpecMismatch', `The container ${name} is there already, made ${from}`, {
    details: {
      container: name,
      requestHash,
      otherRequestHash: other ?? null,
      otherHome: found.labels[labels.home] ?? null,
    },
  });
}

/** What `supervise.py` reads. */
function supervisorPlan({ address, name, job }: PrepareOptions, planned: readonly PlannedContainer[]) {
  return {
    address,
    label: `${labels.job}=${name}`,
    maxRuntimeSeconds: job.local.maxRuntimeSeconds,
    stopGraceSeconds: job.local.stopGraceSeconds,
    containers: planned.map(({ spec, role, prefix }) => ({ name: spec.name, role, prefix })),
  };
}
